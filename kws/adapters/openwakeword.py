"""`Model`: the loop that programs with openWakeWord have, with models of kws."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Float32, Int16
from ..audio import load_audio
from ..errors import KwsError
from ..metadata import DetectorDefaults
from ..packaged import COMMANDS, find_model
from ..spotter import KeywordSpotter

#: Samples per second of what `Model.predict` takes.
RATE = 16000
#: Samples of a frame of openWakeWord: 80 ms.
FRAME = 1280
#: Predictions that are kept of each keyword.
KEPT = 30


class Model:
    """Scores of keywords for each frame of audio, as ``openwakeword.model.Model`` gives them.

    The score of a keyword is the one that `kws.KeywordSpotter` compares with its threshold: the
    posterior, averaged over the smoothing window of the model file.

    Parameters
    ----------
    wakeword_models : sequence of str or Path
        Model files, names of models in the package, or ``org/name`` on the Hub; the ten commands
        if left out.

    Attributes
    ----------
    models : dict of str to KeywordSpotter
        By the name of the file without its ending.
    thresholds : dict of str to float
        Of each keyword, from its model file: what to compare its score with.
    prediction_buffer : dict of str to deque of float
        The latest `KEPT` predictions of each keyword.

    Raises
    ------
    KwsError
        If a model cannot be used, detects sounds, or has the name or a keyword of another one.

    Examples
    --------
    >>> model = Model()
    >>> prediction = model.predict(np.zeros(1280, np.int16))
    >>> [name for name, score in prediction.items() if score >= model.thresholds[name]]
    []
    """

    def __init__(self, wakeword_models: Sequence[str | Path] = ()) -> None:
        self.models: dict[str, KeywordSpotter] = {}
        self.thresholds: dict[str, float] = {}
        self._scores: dict[str, _Scores] = {}
        for name in wakeword_models or (COMMANDS,):
            spotter = KeywordSpotter(find_model(name), sample_rate=RATE)
            detector = spotter.metadata.detector
            if not isinstance(detector, DetectorDefaults):
                raise KwsError(f"{name}: detects sounds, not words: use kws.KeywordSpotter")
            key = Path(name).stem
            if key in self.models:
                raise KwsError(f"{name}: another model has the name {key!r}: rename one")
            for keyword in spotter.keywords:
                if keyword in self.thresholds:
                    raise KwsError(f"{name}: another model has the keyword {keyword!r}, too")
                self.thresholds[keyword] = detector.thresholds[keyword]
            self.models[key] = spotter
            self._scores[key] = _Scores(spotter, detector)
        self.reset()

    def reset(self) -> None:
        """Forget all audio and all predictions."""
        for scores in self._scores.values():
            scores.reset()
        self.prediction_buffer: dict[str, deque[float]] = {
            keyword: deque(maxlen=KEPT) for keyword in self.thresholds
        }
        # scores as they were before patience and debounce_time, which go by these: a word whose
        # score stays high is one word
        self._latest: dict[str, deque[float]] = {
            keyword: deque(maxlen=KEPT) for keyword in self.thresholds
        }

    def get_parent_model_from_label(self, label: str) -> str:
        """Return the name of the model that has a keyword; empty if none has.

        Parameters
        ----------
        label : str
            A keyword.

        Returns
        -------
        str
        """
        found = (name for name, spotter in self.models.items() if label in spotter.keywords)
        return next(found, "")

    def predict(
        self,
        x: npt.NDArray[Any],
        patience: Mapping[str, int] | None = None,
        threshold: Mapping[str, float] | None = None,
        debounce_time: float = 0.0,
    ) -> dict[str, float]:
        """Take audio and return the score of each keyword.

        Parameters
        ----------
        x : int16 or float32 (n,)
            Mono audio at 16 kHz; float in -1 .. 1. Frames of 1280 samples are usual, any n works:
            of several output frames the highest score counts, and without a new one the last
            prediction is given again.
        patience : mapping of str to int, optional
            By keyword: so many predictions before must have reached the threshold, or this one is
            0.
        threshold : mapping of str to float, optional
            By keyword, for ``patience`` and ``debounce_time``; `thresholds` if left out.
        debounce_time : float
            A prediction that reaches its threshold is 0 where one within so many seconds before has
            reached it.

        Returns
        -------
        dict of str to float
            By keyword, 0 .. 1.

        Raises
        ------
        AudioError
            If the samples have another type or shape.
        KwsError
            If there are none, or both ``patience`` and ``debounce_time`` are given.
        """
        if not len(x):
            raise KwsError("no samples: give frames of 1280")
        if patience and debounce_time > 0:
            raise KwsError("patience and debounce_time exclude each other: give one of them")
        limits = self.thresholds if threshold is None else threshold
        before = math.ceil(debounce_time * RATE / len(x))
        predictions: dict[str, float] = {}
        for scores in self._scores.values():
            for keyword, new in scores.push(x).items():
                wanted = (patience or {}).get(keyword, 0)
                latest = self._latest_of(keyword, max(wanted, before))
                score = new if new is not None else latest[-1] if latest else 0.0
                self._latest[keyword].append(score)
                limit = limits.get(keyword, math.inf)
                early = _reached(latest, wanted, limit) < wanted
                if score >= limit and (early or _reached(latest, before, limit)):
                    score = 0.0
                predictions[keyword] = score
                self.prediction_buffer[keyword].append(score)
        return predictions

    def _latest_of(self, keyword: str, count: int) -> list[float]:
        """Return the latest scores of a keyword, and remember so many from now on."""
        latest = self._latest[keyword]
        if count > KEPT and count != latest.maxlen:  # short frames, or long times
            latest = self._latest[keyword] = deque(latest, count)
        return list(latest)

    def predict_clip(
        self, clip: str | Path | Int16, padding: int = 1, chunk_size: int = FRAME, **options: Any
    ) -> list[dict[str, float]]:
        """Return the predictions of a whole recording, frame by frame.

        Parameters
        ----------
        clip : path, or int16 (n,)
            A recording, or its samples at 16 kHz.
        padding : int
            Seconds of digital silence before and after it.
        chunk_size : int
            Samples of a frame; the rest of the recording that fills none is left out.
        **options : object
            As for `predict`.

        Returns
        -------
        list of dict of str to float
            What `predict` gives for each frame.

        Raises
        ------
        AudioError
            If the recording cannot be read.
        """
        samples = clip if isinstance(clip, np.ndarray) else load_audio(clip, RATE)
        silence = np.zeros(RATE * padding, samples.dtype)
        samples = np.concatenate([silence, samples, silence])
        ends = range(chunk_size, len(samples) + 1, chunk_size)
        return [self.predict(samples[end - chunk_size : end], **options) for end in ends]


def _reached(scores: list[float], count: int, limit: float) -> int:
    """Return how many of the last scores have reached a threshold."""
    return sum(score >= limit for score in scores[max(0, len(scores) - count) :])


class _Scores:
    """Smoothed scores of one model's stream.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model.
    detector : DetectorDefaults
        Its smoothing.
    """

    def __init__(self, spotter: KeywordSpotter, detector: DetectorDefaults) -> None:
        self._spotter = spotter
        labels = spotter.metadata.labels
        self._columns = {keyword: labels.index(keyword) for keyword in spotter.keywords}
        self._window = max(1, round(detector.smoothing / spotter.column_seconds))
        self._before: Float32 = np.zeros((self._window - 1, len(labels)), np.float32)

    def reset(self) -> None:
        """Forget the stream."""
        self._spotter.reset()
        self._before = np.zeros_like(self._before)

    def push(self, samples: npt.NDArray[Any]) -> dict[str, float | None]:
        """Return the highest score of each keyword in the new output frames; None without one."""
        posteriors = np.concatenate([self._before, self._spotter.process_posteriors(samples)])
        self._before = posteriors[len(posteriors) - self._window + 1 :]
        if len(posteriors) < self._window:
            return dict.fromkeys(self._columns)
        windows = np.lib.stride_tricks.sliding_window_view(posteriors, self._window, axis=0)
        highest = windows.mean(axis=-1).max(axis=0)
        return {keyword: float(highest[column]) for keyword, column in self._columns.items()}
