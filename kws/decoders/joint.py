"""Decodes the wake words of several models in one go: as each model alone, for one price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ..arrays import Float32
from ..detections import Detection
from ..detector import Detector
from ..metadata import DetectorDefaults, Metadata
from ..posteriors import sigmoid
from ..state import Arrays, StateReader, joined
from .base import StepShape
from .levels import Levels
from .near import NearWatch, restored_watch
from .words import WakeWordDecoder

#: Scores that are averaged, at most. NumPy adds so few rows one after another, whatever their
#: length, so that an average of many labels is that of each; of more it adds eight at a time where
#: there is one label.
MOST_AVERAGED = 7


def how_decided(metadata: Metadata, shape: StepShape) -> tuple[float, ...] | None:
    """Return how a model's wake words are decided; those of models with the same can be joined.

    Parameters
    ----------
    metadata : Metadata
        The model's contract.
    shape : StepShape
        The sizes of the network's steps.

    Returns
    -------
    tuple of float, or None
        None where they cannot be joined with those of others, as labels that compete cannot.
    """
    defaults = metadata.detector
    if metadata.exclusive or not isinstance(defaults, DetectorDefaults):
        return None
    output_seconds = shape.frames_per_output * metadata.front_end.hop_seconds
    if round(defaults.smoothing / output_seconds) > MOST_AVERAGED:
        return None
    return (defaults.smoothing, defaults.refractory, shape.output_frames)


class JointWakeWords:
    """Detects the wake words of several models that hear the same frames.

    Wake words do not compete, so that one detector may have those of all models in a row. Where a
    word was is found by the decoder of its model.

    Parameters
    ----------
    models : sequence of (Metadata, WakeWordDecoder)
        Contract and decoder of each model; all have one smoothing and one refractory period, and
        the decoders share the levels.
    shape : StepShape
        The sizes of the steps.
    levels : Levels
        The levels that the decoders share.
    """

    def __init__(
        self,
        models: Sequence[tuple[Metadata, WakeWordDecoder]],
        shape: StepShape,
        levels: Levels,
    ) -> None:
        self._decoders = [decoder for _, decoder in models]
        self._levels = levels
        names, thresholds = [], {}
        self._keywords: list[str] = []  # what detections name the labels
        self._owners: list[tuple[int, int]] = []  # number of the model, and of its label
        for number, (metadata, _) in enumerate(models):
            for label, keyword in enumerate(metadata.labels):
                name = f"{number} {keyword}"  # models may have the same keyword
                names.append(name)
                self._keywords.append(keyword)
                thresholds[name] = metadata.detector.thresholds[keyword]
                self._owners.append((number, label))
        self._names, self._thresholds = names, thresholds
        self._near: NearWatch | None = None
        first = models[0][0]
        defaults = first.detector
        assert isinstance(defaults, DetectorDefaults)
        self._detector = Detector(
            tuple(names),
            replace(defaults, thresholds=thresholds),
            shape.frames * first.front_end.hop_seconds / shape.output_frames,
            exclusive=False,
        )

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        self._detector.reset()
        self._levels.reset()
        if self._near is not None:
            self._near.reset()

    def state(self) -> Arrays:
        """Return what the next detections depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        found = joined(detector=self._detector.state(), levels=self._levels.state())
        return found if self._near is None else found | joined(near=self._near.state())

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        self._detector.restore(saved.part("detector"))
        self._levels.restore(saved.part("levels"))
        self._near = restored_watch(
            saved.part("near"), self._names, self._thresholds, self._keywords
        )

    def update(self, frames: Float32, logits: Float32) -> list[tuple[int, Detection]]:
        """Take one step of the networks, return the detections that it completes.

        Parameters
        ----------
        frames : float32 (frames, bands)
            What the networks took.
        logits : float32 (output frames, labels)
            What they gave, the labels of all models in a row.

        Returns
        -------
        list of (int, Detection)
            Number of the model, and what was detected.
        """
        self._levels.push(frames)
        found = []
        for output_frame, posteriors in enumerate(sigmoid(logits)):
            events = self._detector.update(posteriors)
            for event in events:
                number, label = self._owners[event.label]
                own = replace(event, label=label)
                found.append((number, self._decoders[number].locate(own, output_frame)))
            if self._near is not None:
                self._near.update(
                    self._detector.smoothed,
                    [event.label for event in events],
                    partial(self._locate_near, output_frame=output_frame),
                )
        return found

    def watch_near(self, share: float) -> None:
        """Watch from now on for keywords that are nearly detected.

        Parameters
        ----------
        share : float
            Share of its threshold from which a score is near it, 0 .. 1.
        """
        self._near = NearWatch(self._names, self._thresholds, share)

    def take_near(self) -> list[tuple[int, Detection]]:
        """Return what was nearly detected since the last time: nothing unless it is watched for.

        Returns
        -------
        list of (int, Detection)
            Number of the model, and what was nearly detected.
        """
        found = [] if self._near is None else self._near.take()
        return [(self._owners[label][0], near) for label, near in found]

    def _locate_near(self, label: int, score: float, output_frame: int) -> Detection:
        """Find a wake word that was nearly detected; the label is that among all models'."""
        number, own = self._owners[label]
        return self._decoders[number].locate_near(own, score, output_frame)
