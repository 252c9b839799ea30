"""What every decoder does: logits of a stream in, detections out; a clip in, its label out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Float32
from ..detections import Classification, Detection
from ..metadata import Metadata
from ..state import Arrays, StateReader


@dataclass(frozen=True)
class StepShape:
    """How many frames go into a step of the network, and how many output frames come out.

    Attributes
    ----------
    frames : int
        Front-end frames per step.
    output_frames : int
        Output frames, each with a logit for every label, per step.
    """

    frames: int
    output_frames: int

    @property
    def frames_per_output(self) -> int:
        """Front-end frames from one output frame to the next."""
        return self.frames // self.output_frames


class Decoder(ABC):
    """Turns the logits of a stream into detections, and those of a clip into its label.

    Parameters
    ----------
    metadata : Metadata
        The model's contract, with the thresholds to decide by.
    shape : StepShape
        The sizes of the network's steps.
    """

    def __init__(self, metadata: Metadata, shape: StepShape) -> None:
        self._metadata = metadata
        self._front_end = metadata.front_end
        self._shape = shape
        self._output_seconds = shape.frames * self._front_end.hop_seconds / shape.output_frames

    @abstractmethod
    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""

    @abstractmethod
    def state(self) -> Arrays:
        """Return what the next detections depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """

    @abstractmethod
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

    @abstractmethod
    def posteriors(self, logits: Float32) -> Float32:
        """Return the posteriors of logits, both float32 (output frames, labels).

        Parameters
        ----------
        logits : float32 (output frames, labels)
            What the network gave.

        Returns
        -------
        float32 (output frames, labels)
            Posteriors, 0 .. 1.
        """

    def scores(self) -> Float32:
        """Return the smoothed scores of the latest output frame, as they meet the thresholds.

        Returns
        -------
        float32 (labels,) or (0,)
            Scores, 0 .. 1; none of sounds and phonemes, which have no smoothed scores.
        """
        return np.zeros(0, np.float32)

    @abstractmethod
    def update(self, frames: Float32, logits: Float32) -> list[Detection]:
        """Take one step of the network, return the detections that it completes.

        Parameters
        ----------
        frames : float32 (frames, bands)
            What the network took.
        logits : float32 (output frames, labels)
            What it gave.

        Returns
        -------
        list of Detection
            In the order in which they were decided.
        """

    def flush(self, found: list[Detection], seconds: float) -> list[Detection]:
        """End the stream.

        Parameters
        ----------
        found : list of Detection
            What `update` gave for the digital silence that follows the stream.
        seconds : float
            Length of the stream before it.

        Returns
        -------
        list of Detection
            All that is left of the stream.
        """
        return found

    @abstractmethod
    def watch_near(self, share: float) -> None:
        """Watch from now on for keywords that are nearly detected.

        Parameters
        ----------
        share : float
            Share of its threshold from which a score is near it, 0 .. 1.
        """

    @abstractmethod
    def take_near(self) -> list[Detection]:
        """Return what was nearly detected since the last time: nothing unless it is watched for.

        Returns
        -------
        list of Detection
            With the highest score of each, below its threshold.
        """

    @abstractmethod
    def classify(self, samples: Float32, run: Callable[[Float32], Float32]) -> Classification:
        """Say what one clip is.

        Parameters
        ----------
        samples : float32 (n,)
            The clip, at the model's sample rate.
        run : callable
            Takes samples as a stream that starts anew, and returns the logits of all its output
            frames, float32 (output frames, labels).

        Returns
        -------
        Classification
            The clip's label, and the score of each.
        """

    def _padded(self, samples: Float32, frames: int) -> Float32:
        """Return a clip with digital silence behind it, as long as so many frames."""
        padded = np.zeros(self._front_end.samples(frames), np.float32)
        padded[: len(samples)] = samples
        return padded

    def _classification(self, posteriors: Float32) -> Classification:
        """Return the most probable label of one posterior for each, float32 (labels,)."""
        best = int(posteriors.argmax())
        labels = self._metadata.labels
        scores = {label: float(score) for label, score in zip(labels, posteriors, strict=True)}
        return Classification(labels[best], float(posteriors[best]), scores)
