"""The three lines that users of `transformers.pipeline` expect, for keyword spotting."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Float32
from .audio import load_audio, read_stream, stream_audio, to_float
from .detections import Detection
from .errors import AudioError, KwsError
from .modelfile import ModelFile
from .packaged import COMMANDS, find_model
from .resample import resample
from .spotter import KeywordSpotter
from .wav import WAV_MAGIC

#: The one task that `pipeline` knows.
TASK = "keyword-spotting"
#: Labels of a clip that are returned, the most probable first.
TOP_K = 5
#: What holds the samples in a mapping: of `transformers`, and of `datasets`.
SAMPLES = ("raw", "array")
#: What is one recording although it can be iterated over, or is no audio at all.
_ONE_RECORDING = (str, os.PathLike, Mapping, np.ndarray, bytes, bytearray)


def pipeline(
    task: str,
    model: str | Path | None = None,
    revision: str | None = None,
    top_k: int | None = TOP_K,
    **options: Any,
) -> KeywordSpottingPipeline:
    """Make a pipeline: a function of recordings, arrays, lists of them, and streams.

    Parameters
    ----------
    task : str
        "keyword-spotting".
    model : str or Path, optional
        A model file, the name of a model in the package, or ``org/name`` on the Hugging Face Hub;
        the ten commands in the package unless said.
    revision : str, optional
        A branch, a tag or a commit, of a model on the Hub.
    top_k : int or None
        Labels of a clip that are returned, the most probable first; None for all of them.
    **options : object
        Parameters of `kws.KeywordSpotter`: ``threads``, ``thresholds``, ``keywords``.

    Returns
    -------
    KeywordSpottingPipeline

    Raises
    ------
    KwsError
        If the task is another one, or the model cannot be used.

    Examples
    --------
    >>> pipe = pipeline("keyword-spotting", top_k=1)
    >>> pipe(np.zeros(16000, np.float32))[0]["label"]
    '_silence_'
    """
    if task != TASK:
        raise KwsError(f"task {task!r:.60} is not known: this pipeline is for {TASK!r}")
    if revision is not None:
        model = f"{COMMANDS if model is None else model}@{revision}"
    return KeywordSpottingPipeline(find_model(model), top_k, **options)


class KeywordSpottingPipeline:
    """Says what clips are, and what is said when in recordings and streams.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    top_k : int or None
        Labels of a clip that are returned, the most probable first; None for all of them.
    **options : object
        Parameters of `kws.KeywordSpotter`: ``threads``, ``thresholds``, ``keywords``.
    """

    def __init__(self, model: ModelFile, top_k: int | None = TOP_K, **options: Any) -> None:
        self._model, self._options = model, options
        self._spotter = KeywordSpotter(model, **options)
        self.top_k = top_k

    @property
    def sampling_rate(self) -> int:
        """The rate of arrays that do not say their own, in Hz."""
        return self._spotter.sample_rate

    def __call__(self, inputs: Any, return_timestamps: bool = False) -> Any:
        """Say what a clip is, or what is said when.

        Parameters
        ----------
        inputs : path, array, mapping, list or iterable
            The path of a recording; mono samples, int16 or float32 (n,), at the model's rate; a
            mapping with ``raw`` or ``array`` and ``sampling_rate``, or with ``bytes`` or ``path``,
            as `datasets` has it with and without decoding; a list of these. Anything else to
            iterate over, such as a microphone, is one stream, see `stream`.
        return_timestamps : bool
            Whether to look for keywords in the whole recording, in place of one label for it.

        Returns
        -------
        list of dict, or iterator of dict
            Of a clip its labels, each as ``{"label", "score"}``, the most probable first; of a
            recording with time stamps its detections, each with ``start`` and ``end`` in seconds
            besides; of a list a list of these; of a stream the detections as they come.

        Raises
        ------
        AudioError
            If a recording cannot be read, or samples are none.
        """
        if isinstance(inputs, list | tuple):
            return [self(one, return_timestamps) for one in inputs]
        if isinstance(inputs, Iterable) and not isinstance(inputs, _ONE_RECORDING):
            # a kws.microphone.Microphone says its rate
            return self.stream(inputs, getattr(inputs, "sample_rate", None))
        if return_timestamps:
            return list(self.stream(self._pieces(inputs)))
        found = self._spotter.classify(self._clip(inputs))
        ranked = sorted(found.scores.items(), key=lambda pair: -pair[1])
        return [{"label": label, "score": score} for label, score in ranked[: self.top_k]]

    def stream(
        self, chunks: Iterable[Any], sampling_rate: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Find keywords in a stream of audio, each as soon as it is decided.

        Parameters
        ----------
        chunks : iterable of array or mapping
            The pieces of one stream in their order, of any length, such as `kws.microphone` gives:
            samples, or mappings that say their rate, which must not change.
        sampling_rate : int, optional
            Of samples in no mapping, in Hz; the model's own unless said.

        Yields
        ------
        dict
            ``label``, ``score``, and ``start`` and ``end`` in seconds since the first sample.
        """
        default = self.sampling_rate if sampling_rate is None else sampling_rate
        spotter, rate = None, default
        for chunk in chunks:
            samples, own = _unpack(chunk, default)
            if spotter is None:
                # of its own: several streams may be read side by side
                rate = own
                spotter = KeywordSpotter(self._model, sample_rate=rate, **self._options)
            if own != rate:
                raise AudioError(f"sampling_rate {own} after {rate}: a stream has one rate")
            yield from map(_as_dict, spotter.process(samples))
        if spotter is not None:
            yield from map(_as_dict, spotter.flush())

    def _clip(self, given: Any) -> Float32:
        """Return the samples of a clip at the model's rate."""
        file = _file(given)
        if isinstance(file, io.BytesIO):
            blocks = [*read_stream(file, sample_rate=self.sampling_rate)]
            if not blocks:
                raise AudioError("bytes: the WAV file has no samples: record it again")
            return np.concatenate(blocks)
        if file is not None:
            return load_audio(file, self.sampling_rate)
        samples, rate = _unpack(given, self.sampling_rate)
        return resample(samples, rate, self.sampling_rate)

    def _pieces(self, given: Any) -> Iterable[Any]:
        """Return a recording in pieces, so that an hour of it need not be in memory."""
        file = _file(given)
        if isinstance(file, io.BytesIO):
            return read_stream(file, sample_rate=self.sampling_rate)
        return [given] if file is None else stream_audio(file, self.sampling_rate)


def _file(given: Any) -> str | os.PathLike[str] | io.BytesIO | None:
    """Return the file that a recording is: a path, or the WAV file in a row of `datasets`."""
    if isinstance(given, str | os.PathLike):
        return given
    if not isinstance(given, Mapping) or any(key in given for key in SAMPLES):
        return None
    content, path = given.get("bytes"), given.get("path")
    if content is None:
        return path if isinstance(path, str | os.PathLike) else None
    wav = isinstance(content, bytes) and content[:4] in WAV_MAGIC and content[8:12] == b"WAVE"
    if not wav:  # else it would be taken for samples without a header
        raise AudioError("bytes: are not a WAV file: give other formats by their path")
    return io.BytesIO(content)


def _unpack(given: Any, default: int) -> tuple[Float32, int]:
    """Return the samples of a chunk, and their rate."""
    if not isinstance(given, Mapping):
        if not isinstance(given, np.ndarray):
            raise AudioError(
                f"{type(given).__name__}: is no audio: give a path, a numpy array, or "
                '{"raw": array, "sampling_rate": 16000}'
            )
        return to_float(given), default
    samples = next((given[key] for key in SAMPLES if key in given), None)
    rate = given.get("sampling_rate")
    if samples is None or not isinstance(rate, int | np.integer):
        raise AudioError('a mapping of audio needs "raw" (or "array") and "sampling_rate", in Hz')
    return to_float(samples), int(rate)


def _as_dict(detection: Detection) -> dict[str, Any]:
    return {
        "label": detection.keyword,
        "score": detection.score,
        "start": detection.start,
        "end": detection.end,
    }
