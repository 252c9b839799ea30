"""A model that hears a microphone: the score over time, and detections as they come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32
from kws.detections import Detection
from kws.errors import ModelError
from kws.metadata import DetectorDefaults
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter


@dataclass(frozen=True)
class Heard:
    """What a piece of audio brought.

    Attributes
    ----------
    score : float
        Highest smoothed score in it, 0 .. 1.
    detections : list of Detection
        Those that it completed.
    """

    score: float
    detections: list[Detection]


class Listener:
    """Hears a stream with the first keyword of a model.

    Parameters
    ----------
    model : ModelFile
        A model of wake words or commands.
    sample_rate : int
        Of the stream.
    threshold : float or None
        In place of the model's own.

    Raises
    ------
    ModelError
        If it is a model of sounds, or cannot be opened.
    """

    def __init__(self, model: ModelFile, sample_rate: int, threshold: float | None) -> None:
        detector = model.metadata.detector
        if not isinstance(detector, DetectorDefaults):
            raise ModelError(f"{model.path}: is no model of wake words")
        keyword = model.metadata.keywords[0]
        thresholds = None if threshold is None else {keyword: threshold}
        self._spotter = KeywordSpotter(model, sample_rate, thresholds=thresholds)
        # scores are a second stream: the detector keeps its own to itself
        self._scores = KeywordSpotter(model, sample_rate)
        self._label = model.metadata.labels.index(keyword)
        columns = max(1, round(detector.smoothing / self._scores.column_seconds))
        self._ring: deque[float] = deque([0.0] * columns, columns)

    def push(self, samples: Float32) -> Heard:
        """Take audio.

        Parameters
        ----------
        samples : float32 (n,)
            Mono audio in -1 .. 1.

        Returns
        -------
        Heard
        """
        highest = 0.0
        for score in self._scores.process_posteriors(samples)[:, self._label]:
            self._ring.append(float(score))
            highest = max(highest, float(np.mean(self._ring)))
        return Heard(highest, self._spotter.process(samples))
