"""Averages recordings of a phrase that take different times, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Float32, Int64
from ..warping import MOST_ADVANCE, Warping, unit_frames

#: Output frames from one point of a sequence to the next, in the recording that it is taken from.
SPACING = 2
#: Recordings of which one is taken to begin with, at most: those of the most usual length.
MOST_CANDIDATES = 10
#: Times that all recordings are aligned with their average.
ROUNDS = 3


@dataclass(frozen=True)
class Recording:
    """The features of one recording of a phrase.

    Attributes
    ----------
    frames : float32 (output frames, dimensions)
        Projected features of the whole recording, each of length 1.
    first, last : int
        Numbers of the output frames that stand for the beginning and the end of the phrase.
    """

    frames: Float32
    first: int
    last: int

    @property
    def sequence(self) -> Float32:
        """The phrase, float32 (points, dimensions): every second output frame up to its last."""
        count = max(2, 1 + (self.last - self.first) // SPACING)
        numbers = self.last - SPACING * np.arange(count)[::-1]
        return np.asarray(self.frames[np.maximum(numbers, 0)], np.float32)


def average(recordings: Sequence[Recording]) -> tuple[Float32, list[float]]:
    """Average recordings of a phrase along the paths that align them (barycenter averaging).

    Parameters
    ----------
    recordings : sequence of Recording
        At least 2.

    Returns
    -------
    sequence : float32 (points, dimensions)
        The average, each point of length 1.
    similarities : list of float
        Of each recording to the average of the others, as `kws.warping.Warping` measures it.
    """
    sequence = _most_usual(recordings)
    for _ in range(ROUNDS):
        aligned = np.stack([one.frames[align(sequence, one.frames)[0]] for one in recordings])
        total = aligned.sum(axis=0)
        sequence = unit_frames(total)
    similarities = [
        highest_similarity(unit_frames(total - own), one.frames)
        for own, one in zip(aligned, recordings, strict=True)
    ]
    return sequence, similarities


def highest_similarity(sequence: Float32, frames: Float32) -> float:
    """Return how well a sequence fits that part of a recording which it fits best.

    Parameters
    ----------
    sequence : float32 (points, dimensions)
        At least 2 points, of length 1.
    frames : float32 (output frames, dimensions)
        A recording's features, each of length 1.

    Returns
    -------
    float
        The highest similarity of `kws.warping.Warping`.
    """
    warping = Warping([sequence])
    highest = -1.0
    for frame in frames:
        warping.push(frame)
        highest = max(highest, float(warping.similarities[0]))
    return highest


def align(sequence: Float32, frames: Float32) -> tuple[Int64, float]:
    """Find the part of a recording that fits a sequence best.

    Parameters
    ----------
    sequence : float32 (points, dimensions)
        Of length 1 each.
    frames : float32 (output frames, dimensions)
        A recording's features, each of length 1.

    Returns
    -------
    path : int64 (points,)
        Number of the output frame that each point is aligned with.
    similarity : float
        Mean of the cosines along the path; -1 where the recording is too short for any.
    """
    cosines = frames @ sequence.T
    count, points = cosines.shape
    totals = cosines[:, 0]
    advances = np.zeros((count, points), np.int64)
    for point in range(1, points):
        before = np.full((MOST_ADVANCE, count), -np.inf, np.float32)
        for advance in range(1, min(MOST_ADVANCE, count - 1) + 1):
            before[advance - 1, advance:] = totals[:-advance]
        advances[:, point] = 1 + before.argmax(axis=0)
        totals = before.max(axis=0) + cosines[:, point]
    number = int(totals.argmax())
    if not np.isfinite(totals[number]):
        return np.linspace(0, count - 1, points).astype(np.int64), -1.0
    similarity = float(totals[number]) / points
    path = [number]
    for point in range(points - 1, 0, -1):
        number -= int(advances[number, point])
        path.append(number)
    return np.array(path[::-1]), similarity


def _most_usual(recordings: Sequence[Recording]) -> Float32:
    """Return the sequence of the recording that the others are most like."""
    sequences = [one.sequence for one in recordings]
    lengths = np.array([len(sequence) for sequence in sequences])
    usual = np.abs(lengths / np.median(lengths) - 1)
    candidates = np.argsort(usual, kind="stable")[:MOST_CANDIDATES]
    fits = [
        np.mean([align(sequences[number], one.frames)[1] for one in recordings]) - usual[number] / 2
        for number in candidates
    ]
    return np.asarray(sequences[int(candidates[int(np.argmax(fits))])], np.float32)
