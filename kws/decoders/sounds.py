"""The decoder of sounds, which begin and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..arrays import Float32
from ..detections import Classification, Detection
from ..metadata import Metadata, SegmenterDefaults
from ..posteriors import softmax
from ..segmenter import Segment, Segmenter, join_columns
from ..state import Arrays, StateReader
from .base import Decoder, StepShape


class SoundDecoder(Decoder):
    """Decodes sounds: they begin and end, and are detected when they have ended.

    Parameters
    ----------
    metadata, shape
        As for `Decoder`.
    defaults : SegmenterDefaults
        Smoothing, thresholds, gaps and least length.
    """

    def __init__(self, metadata: Metadata, shape: StepShape, defaults: SegmenterDefaults) -> None:
        super().__init__(metadata, shape)
        self._segmenter = Segmenter(metadata.labels, defaults, self._output_seconds)
        # front-end frames that a single output frame depends on
        field = metadata.streaming.receptive_field
        self._output_field = field - shape.frames + shape.frames_per_output

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        self._segmenter.reset()

    def state(self) -> Arrays:
        """Return what the next detections depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return self._segmenter.state()

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
        self._segmenter.restore(saved)

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
        return softmax(logits)

    def watch_near(self, share: float) -> None:
        """Watch for nothing: a sound is never near, since it is judged when it has ended.

        Parameters
        ----------
        share : float
            As for `Decoder.watch_near`.
        """

    def take_near(self) -> list[Detection]:
        """Return nothing, see `watch_near`.

        Returns
        -------
        list of Detection
            Empty.
        """
        return []

    def update(self, frames: Float32, logits: Float32) -> list[Detection]:
        """Take one step of the network, return the sounds that have surely ended.

        Parameters
        ----------
        frames : float32 (frames, bands)
            What the network took; not looked at.
        logits : float32 (output frames, labels)
            What it gave.

        Returns
        -------
        list of Detection
            The sounds, each from its beginning to its end.
        """
        detections = []
        for posteriors in softmax(logits):
            detections += self._timed(self._segmenter.update(posteriors))
        return detections

    def flush(self, found: list[Detection], seconds: float) -> list[Detection]:
        """End the stream: sounds that go on end with it, what begins behind it is none.

        Parameters
        ----------
        found : list of Detection
            What `update` gave for the digital silence that follows the stream.
        seconds : float
            Length of the stream before it.

        Returns
        -------
        list of Detection
            The sounds that began within the stream.
        """
        found = found + self._timed(self._segmenter.flush())
        return [replace(d, end=min(d.end, seconds)) for d in found if d.start < seconds]

    def classify(self, samples: Float32, run: Callable[[Float32], Float32]) -> Classification:
        """Say which label a clip has: all output frames that saw nothing else are joined.

        The clip is repeated, so that the network's receptive field is full of it; see
        `kws.segmenter.join_columns`.

        Parameters
        ----------
        samples : float32 (n,)
            The clip, at the model's sample rate.
        run : callable
            Returns the logits of samples, see `Decoder.classify`.

        Returns
        -------
        Classification
            The most probable label; the scores add up to 1.
        """
        size, per_output = self._shape.frames, self._shape.frames_per_output
        outputs = -(-max(1, len(samples)) // (self._front_end.hop * per_output))
        before = -(-self._output_field // per_output) - 1  # that saw less than their field
        frames = -(-(before + outputs) * per_output // size) * size
        logits = run(np.resize(samples, self._front_end.samples(frames)))
        posteriors = softmax(logits[before : before + outputs])
        return self._classification(join_columns(posteriors, self._metadata.labels))

    def _timed(self, segments: list[Segment]) -> list[Detection]:
        """Say when sounds were; an output frame stands for the middle of what it has seen."""
        front_end = self._front_end
        unseen = self._output_field - self._shape.frames_per_output + 1
        late = (unseen * front_end.hop_seconds - front_end.window_seconds) / 2
        found = []
        for segment in segments:
            start, end = (at * self._output_seconds - late for at in (segment.start, segment.end))
            if end > 0:  # else it was in the silence before the first sample
                label = self._metadata.labels[segment.label]
                found.append(Detection(label, segment.score, max(0.0, start), end))
        return found
