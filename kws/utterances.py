"""Audio in, and out what was said utterance by utterance: commands and transcripts alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, NoReturn, Protocol, TypeVar

import numpy.typing as npt

from .arrays import Float32
from .exclusive import Exclusive
from .modelfile import ModelFile
from .packaged import PHONEMES, find_model
from .phoneme_stream import PhonemeStream

Result = TypeVar("Result")


class Utterances(Protocol[Result]):
    """Finds utterances in a stream of logits, and what was said in them."""

    def push(self, logits: Float32) -> list[Result]:
        """Take the next frames, float32 (frames, outputs), and return what they complete."""

    def flush(self) -> list[Result]:
        """End the utterance that is under way, and return what was said in it."""

    def reset(self) -> None:
        """Start anew, at time 0."""


class UtteranceStream(Generic[Result]):
    """Finds what was said in a stream of audio, by a phoneme network.

    A subclass names what it finds, and says how: by its `_utterances`.

    Parameters
    ----------
    model : ModelFile or str or Path or None
        A phoneme network, as `kws.packaged.find_model` finds it; that of the package if None.
    sample_rate : int or None
        Of the audio that will be pushed, in Hz; the model's own if None.
    threads : int
        Threads of the interpreter.

    Raises
    ------
    ModelError
        If the model is none of phonemes.
    """

    _utterances: Utterances[Result]

    def __init__(
        self, model: ModelFile | str | Path | None, sample_rate: int | None, threads: int
    ) -> None:
        if not isinstance(model, ModelFile):
            model = find_model(model, PHONEMES)
        self._stream = PhonemeStream(model, sample_rate, threads)
        self._alone = Exclusive(type(self).__name__, threads)

    @property
    def sample_rate(self) -> int:
        """Of the audio that is pushed, in Hz."""
        return self._stream.sample_rate

    def process(self, samples: npt.NDArray[Any]) -> list[Result]:
        """Take audio and return what is new.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            Mono audio at ``sample_rate``; float in -1 .. 1; any n.

        Returns
        -------
        list
            What was said in the utterances that have ended, in their order, most often none; of
            transcripts also partial ones, where words were added or have changed.

        Raises
        ------
        AudioError
            If the samples have another type or shape, are not finite, or are floats at the scale of
            integers.
        KwsError
            If another thread is at work on the stream, or the process was forked and cannot be.
        """
        with self._alone:
            return self._utterances.push(self._stream.push(samples))

    def flush(self) -> list[Result]:
        """End the stream, and with it the utterance that is under way.

        Returns
        -------
        list
            What is new. `reset` starts the next stream.
        """
        with self._alone:
            found = self._utterances.push(self._stream.push(self._stream.ending))
            return found + self._utterances.flush()

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        with self._alone:
            self._stream.reset()
            self._utterances.reset()

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied and pickled: the interpreter's memory cannot be.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"a {type(self).__name__} cannot be copied or pickled, since its interpreter belongs "
            "to this process: make another one as this was made"
        )
