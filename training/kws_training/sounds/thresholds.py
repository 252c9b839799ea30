"""Thresholds for sounds: chosen on some groups of recordings, stated on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64
from kws.metadata import OperatingPoint, SegmenterDefaults
from kws.segmenter import Segmenter

#: Thresholds that are tried.
CANDIDATES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class ClipScores:
    """The scores of a recording by a network that was not trained on it.

    Attributes
    ----------
    label : str
        What the recording is.
    group : str
        A fold or a speaker: for its recordings the thresholds of all other groups are tested.
    posteriors : float32 (output frames, labels)
        Scores of the recording as a stream.
    start, end : float
        Where in the stream the recording begins and ends, in output frames.
    """

    label: str
    group: str
    posteriors: Float32
    start: float
    end: float


@dataclass(frozen=True)
class _Tally:
    """Counts of one keyword at one threshold, per group.

    Attributes
    ----------
    recordings : int64 (groups,)
        Recordings of the keyword.
    misses : int64 (groups,)
        Those of them that are not found.
    false_accepts : int64 (groups,)
        Segments of the keyword in other recordings.
    frames : int64 (groups,)
        Output frames of other recordings.
    """

    recordings: Int64
    misses: Int64
    false_accepts: Int64
    frames: Int64


def choose_and_state(
    scores: Sequence[ClipScores],
    labels: tuple[str, ...],
    defaults: SegmenterDefaults,
    frame_seconds: float,
) -> tuple[dict[str, float], tuple[OperatingPoint, ...]]:
    """Choose each keyword's threshold, and state what such a threshold gives on other groups.

    Chosen is the threshold with the fewest misses and false accepts together, the middle one of
    equals. What is stated of a group comes from the threshold that all *other* groups choose; the
    threshold in the model is the one that all of them choose. A keyword heard in fewer than two
    groups keeps its threshold and has no operating point.

    Parameters
    ----------
    scores : sequence of ClipScores
        Scores of recordings.
    labels : tuple of str
        The labels of the network.
    defaults : SegmenterDefaults
        How sounds are segmented; its thresholds are those to begin with.
    frame_seconds : float
        Seconds per output frame.

    Returns
    -------
    thresholds : dict of str to float
        Threshold of each keyword.
    points : tuple of OperatingPoint
        What such thresholds give on other groups.
    """
    groups = sorted({one.group for one in scores})
    tallies = _tally(scores, labels, defaults, frame_seconds, groups)
    thresholds, points = {}, []
    for keyword, threshold in defaults.thresholds.items():
        of = tallies[keyword]
        if (of[0].recordings > 0).sum() < 2:
            thresholds[keyword] = threshold
            continue
        everyone = np.ones(len(groups), np.bool_)
        chosen = _choose(of, everyone)
        thresholds[keyword] = CANDIDATES[chosen]
        misses = false_accepts = 0
        for number in range(len(groups)):
            others = everyone.copy()
            others[number] = False
            best = of[_choose(of, others)]
            misses += int(best.misses[number])
            false_accepts += int(best.false_accepts[number])
        recordings = int(of[0].recordings.sum())
        hours = int(of[0].frames.sum()) * frame_seconds / 3600
        if hours <= 0:
            continue
        points.append(
            OperatingPoint.measured(
                keyword,
                thresholds[keyword],
                false_accepts=false_accepts,
                hours=hours,
                misses=misses,
                recordings=recordings,
            )
        )
    return thresholds, tuple(points)


def _choose(tallies: Sequence[_Tally], groups: npt.NDArray[np.bool_]) -> int:
    """Return the number of the candidate with the fewest errors in some groups."""
    errors = [int((one.misses + one.false_accepts)[groups].sum()) for one in tallies]
    best = [n for n, count in enumerate(errors) if count == min(errors)]
    return best[len(best) // 2]


def _tally(
    scores: Sequence[ClipScores],
    labels: tuple[str, ...],
    defaults: SegmenterDefaults,
    frame_seconds: float,
    groups: Sequence[str],
) -> dict[str, list[_Tally]]:
    """Count for each keyword and candidate: a recording is found if a segment meets it.

    A segment of a keyword in a recording of anything else is a false accept.
    """
    size = len(groups)
    tallies = {
        keyword: [_Tally(*np.zeros((4, size), np.int64)) for _ in CANDIDATES]
        for keyword in defaults.thresholds
    }
    for number, level in enumerate(CANDIDATES):
        trial = replace(defaults, thresholds=dict.fromkeys(defaults.thresholds, level))
        segmenter = Segmenter(labels, trial, frame_seconds)
        for one in scores:
            group = groups.index(one.group)
            segmenter.reset()
            segments = [s for frame in one.posteriors for s in segmenter.update(frame)]
            segments += segmenter.flush()
            for keyword in defaults.thresholds:
                here = [s for s in segments if labels[s.label] == keyword]
                tally = tallies[keyword][number]
                if one.label == keyword:
                    tally.recordings[group] += 1
                    met = any(s.start < one.end and s.end > one.start for s in here)
                    tally.misses[group] += not met
                else:
                    tally.false_accepts[group] += len(here)
                    tally.frames[group] += len(one.posteriors)
    return tallies
