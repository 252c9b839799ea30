"""The scores of a recording over time, and the detections that each threshold makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..arrays import Float32, Float64
from ..errors import KwsError
from ..metadata import DetectorDefaults
from ..spotter import KeywordSpotter

#: Numbers that are averaged at once: 4 MiB.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Trace:
    """The posteriors of a whole recording, one output frame after another.

    Attributes
    ----------
    scores : float32 (output frames, labels)
        Posteriors, 0 .. 1, not smoothed.
    column_seconds : float
        Time from one output frame to the next.
    seconds : float
        Length of the recording, without the quiet that followed it to the end.
    exclusive : bool
        Whether the labels compete, as the task of the model says: see `kws.detector.Detector`.
    """

    scores: Float32
    column_seconds: float
    seconds: float
    exclusive: bool = True


@dataclass(frozen=True)
class Track:
    """The smoothed score of one keyword over time: what every threshold is applied to.

    Attributes
    ----------
    smoothed : float32 (output frames,)
    top : bool (output frames,)
        Whether the keyword may be detected: it is the highest of all labels, or none compete.
    refractory : int
        Output frames after an event in which there is no other.
    column_seconds : float
    seconds : float
        Length of the recording.
    """

    smoothed: Float32
    top: npt.NDArray[np.bool_]
    refractory: int
    column_seconds: float
    seconds: float

    @property
    def hours(self) -> float:
        """Length of the recording in hours."""
        return self.seconds / 3600

    def columns(self, threshold: float) -> npt.NDArray[np.int64]:
        """Return the output frames (n,) in which the keyword is detected at a threshold.

        Parameters
        ----------
        threshold : float
            Smoothed score from which the keyword is detected, 0 .. 1.

        Returns
        -------
        int64 (n,)
            Numbers of output frames, rising.
        """
        return next(self.falling([threshold]))

    def falling(self, thresholds: Iterable[float]) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the output frames in which the keyword is detected, for each of many thresholds.

        Parameters
        ----------
        thresholds : iterable of float
            From high to low. Only output frames with at least an eighth of a threshold are looked
            at, and of each run of others the first, so that hours take no longer than their peaks.

        Yields
        ------
        int64 (n,)
            Numbers of output frames, rising; one array for each threshold.
        """
        level = np.float32(np.inf)
        for threshold in map(np.float32, thresholds):
            if threshold < level:
                level = threshold / np.float32(4)
                low = self.smoothed < np.float32(0.5) * level
                low[1:] &= low[:-1]  # all but the first of a run
                index = np.flatnonzero(~low)
                smoothed, top = self.smoothed[index], self.top[index]
            passed = index[(smoothed >= threshold) & top]
            fallen = index[smoothed < np.float32(0.5) * threshold]
            yield _events(passed, fallen, self.refractory)

    def events(self, threshold: float) -> Float64:
        """Return the times (n,) in seconds at which the keyword is detected at a threshold.

        Parameters
        ----------
        threshold : float
            Smoothed score from which the keyword is detected, 0 .. 1.

        Returns
        -------
        float64 (n,)
            Seconds, rising.
        """
        steps = self.columns(threshold) + 1
        return np.asarray(steps * self.column_seconds, np.float64)

    def count(self, threshold: float) -> int:
        """Return how often the keyword is detected at a threshold.

        Parameters
        ----------
        threshold : float
            Smoothed score from which the keyword is detected, 0 .. 1.

        Returns
        -------
        int
            Number of detections.
        """
        return len(self.columns(threshold))


def _events(
    passed: npt.NDArray[np.int64], fallen: npt.NDArray[np.int64], refractory: int
) -> npt.NDArray[np.int64]:
    """Return the output frames of events.

    Parameters
    ----------
    passed, fallen : int64 (n,)
        Output frames in which the score is at least the threshold, and below half of it.
    refractory : int
        Output frames.
    """
    found = [int(passed[0])] if len(passed) else []
    while found:
        armed = int(np.searchsorted(fallen, found[-1]))
        if armed == len(fallen):
            break
        free = max(int(fallen[armed]), found[-1] + refractory)
        after = int(np.searchsorted(passed, free))
        if after == len(passed):
            break
        found.append(int(passed[after]))
    return np.array(found, np.int64)


def trace(spotter: KeywordSpotter, samples: npt.NDArray[np.float32 | np.int16]) -> Trace:
    """Run one recording through a model, as a stream with digital silence before and after it.

    Parameters
    ----------
    spotter : KeywordSpotter
        Starts anew, and is reset in the end.
    samples : int16 or float32 (n,)
        At the spotter's sample rate.

    Returns
    -------
    Trace
        Of the output frames that `KeywordSpotter.process` and `flush` see.
    """
    return trace_blocks(spotter, [samples])


def trace_blocks(
    spotter: KeywordSpotter, blocks: Iterable[npt.NDArray[np.float32 | np.int16]]
) -> Trace:
    """Run a recording of any length through a model; see `trace`.

    Parameters
    ----------
    spotter : KeywordSpotter
    blocks : iterable of int16 or float32 (n,)
        The recording in pieces, of which one is in memory at a time.

    Returns
    -------
    Trace
        As of the whole recording at once.
    """
    spotter.reset()
    pieces, count = [], 0
    for block in blocks:
        pieces.append(spotter.process_posteriors(block))
        count += len(block)
    pieces.append(spotter.process_posteriors(spotter.ending))
    spotter.reset()
    return Trace(
        np.concatenate(pieces),
        spotter.column_seconds,
        count / spotter.sample_rate,
        spotter.metadata.exclusive,
    )


def track(trace: Trace, labels: Sequence[str], defaults: DetectorDefaults, keyword: str) -> Track:
    """Smooth the scores of a keyword as the detector does, bit for bit.

    Parameters
    ----------
    trace : Trace
    labels : sequence of str
        All labels, in the order of the scores.
    defaults : DetectorDefaults
        Its smoothing and refractory period; not its thresholds.
    keyword : str

    Returns
    -------
    Track
        The keyword's score over the same output frames.

    Raises
    ------
    KwsError
        If the keyword is none of the labels.
    """
    if keyword not in labels:
        raise KwsError(f"{keyword!r:.100} is no keyword of the model: it has {', '.join(labels)}")
    label = list(labels).index(keyword)
    window = max(1, round(defaults.smoothing / trace.column_seconds))
    smoothed = np.empty(len(trace.scores), np.float32)
    top = np.ones(len(trace.scores), np.bool_)
    at = 0
    for means in _smooth(trace.scores, window):
        rows = slice(at, at + len(means))
        smoothed[rows] = means[:, label]
        if trace.exclusive:
            top[rows] = means.argmax(axis=1) == label
        at += len(means)
    refractory = math.ceil(round(defaults.refractory / trace.column_seconds, 6))
    return Track(smoothed, top, refractory, trace.column_seconds, trace.seconds)


def _smooth(scores: Float32, window: int) -> Iterator[Float32]:
    """Yield the means of each output frame and those before it, some output frames at a time.

    The detector keeps the last scores in a ring and adds them in the order of the ring: so do we,
    since another order gives other last bits, and a score may be as high as a threshold.
    """
    count, labels = scores.shape
    padded = np.concatenate([np.zeros((window, labels), np.float32), scores])
    ring = np.arange(window)
    size = max(1, _AT_ONCE // (window * labels))
    for start in range(0, count, size):
        newest = np.arange(start, min(start + size, count))[:, None]
        yield padded[newest - (newest - ring) % window + window].mean(axis=1)
