"""Audio in, logits of a phoneme network out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .audio import to_float
from .frontend import open_front_end
from .modelfile import ModelFile, check_phonemes
from .network import StreamingNetwork
from .phonemes.symbols import OUTPUTS
from .resample import open_resampler


class PhonemeStream:
    """Runs a phoneme network over a stream of audio.

    Parameters
    ----------
    model : ModelFile
        A model file of the task ``phonemes``.
    sample_rate : int, optional
        Of the audio that will be pushed, in Hz; the model's own unless said.
    threads : int
        Threads of the interpreter.

    Attributes
    ----------
    sample_rate : int
        Of the audio, in Hz.
    frame_seconds : float
        From one output frame to the next.

    Raises
    ------
    ModelError
        If the model is none of phonemes, or its network does not match its metadata.
    """

    def __init__(self, model: ModelFile, sample_rate: int | None = None, threads: int = 1) -> None:
        check_phonemes(model)
        metadata = model.metadata
        front_end = metadata.front_end
        self.sample_rate = front_end.sample_rate if sample_rate is None else sample_rate
        self._network = StreamingNetwork(model, threads)
        self._log_mel = open_front_end(front_end, self._network.frames)
        self._resampler = open_resampler(self.sample_rate, front_end.sample_rate)
        self.frame_seconds = self._network.frames * front_end.hop_seconds / self._network.columns
        self._ending = metadata.streaming.receptive_field * front_end.hop_seconds

    @property
    def ending(self) -> Float32:
        """Digital silence, float32 (n,), after which the network has heard all of a stream."""
        return np.zeros(round(self._ending * self.sample_rate), np.float32)

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        self._network.reset()
        self._log_mel.reset()
        if self._resampler is not None:
            self._resampler.reset()

    def push(self, samples: npt.NDArray[Any]) -> Float32:
        """Take audio and return the logits of the output frames that it completes.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            Mono audio at ``sample_rate``; float in -1 .. 1; any n.

        Returns
        -------
        float32 (output frames, outputs)
            In the order of `kws.phonemes.symbols.OUTPUTS`.

        Raises
        ------
        AudioError
            If the samples have another type or shape, are not finite, or are floats at the scale of
            integers.
        """
        samples = to_float(samples)
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        frames = self._log_mel.push(samples)
        size = self._network.frames
        steps = [self._network.step(frames[i : i + size]) for i in range(0, len(frames), size)]
        return np.concatenate(steps) if steps else np.zeros((0, len(OUTPUTS)), np.float32)
