"""A model that hears a microphone: the score over time, and detections as they come."""

from __future__ import annotations

from dataclasses import dataclass

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
        metadata = model.metadata
        if not isinstance(metadata.detector, DetectorDefaults) or not metadata.keywords:
            raise ModelError(f"{model.path}: is no model of wake words")
        self._keyword = metadata.keywords[0]
        thresholds = None if threshold is None else {self._keyword: threshold}
        self._spotter = KeywordSpotter(model, sample_rate, thresholds=thresholds)
        # of each output frame the score is asked for: no more than one is completed at a time
        self._piece = max(1, int(self._spotter.column_seconds * sample_rate))

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
        highest, detections = 0.0, []
        for start in range(0, len(samples), self._piece):
            detections += self._spotter.process(samples[start : start + self._piece])
            highest = max(highest, self._spotter.scores[self._keyword])
        return Heard(highest, detections)
