"""Thresholds for sounds: chosen on some groups of recordings, stated on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.metadata import OperatingPoint, SegmenterDefaults
from kws.segmenter import Segmenter

#: Thresholds that are tried.
CANDIDATES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Heard:
    """What a network that was not trained on a recording made of it.

    Attributes
    ----------
    label : str
        What the recording is.
    group : str
        Recordings of one group choose, or state, together: a fold, a speaker.
    posteriors : float32 (columns, labels)
        Of the recording as a stream.
    start, end : float
        Where in the stream the recording is, in columns.
    """

    label: str
    group: str
    posteriors: Float32
    start: float
    end: float


@dataclass(frozen=True)
class _Tally:
    """Of one keyword at one threshold, per group: recordings, those missed, false accepts."""

    recordings: npt.NDArray[np.int64]
    misses: npt.NDArray[np.int64]
    false_accepts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]


def choose_and_state(
    heard: Sequence[Heard],
    labels: tuple[str, ...],
    defaults: SegmenterDefaults,
    column_seconds: float,
) -> tuple[dict[str, float], tuple[OperatingPoint, ...]]:
    """Choose each keyword's threshold, and state what such a threshold gives on other groups.

    Chosen is the threshold with the fewest misses and false accepts together, the middle one of
    equals. What is stated of a group comes from the threshold that all *other* groups choose; the
    threshold in the model is the one that all of them choose. A keyword heard in fewer than two
    groups keeps its threshold and has no operating point.

    Parameters
    ----------
    heard : sequence of Heard
    labels : tuple of str
    defaults : SegmenterDefaults
    column_seconds : float
    """
    groups = sorted({one.group for one in heard})
    tallies = _tally(heard, labels, defaults, column_seconds, groups)
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
        hours = int(of[0].columns.sum()) * column_seconds / 3600
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
    heard: Sequence[Heard],
    labels: tuple[str, ...],
    defaults: SegmenterDefaults,
    column_seconds: float,
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
        segmenter = Segmenter(labels, trial, column_seconds)
        for one in heard:
            group = groups.index(one.group)
            segmenter.reset()
            segments = [s for column in one.posteriors for s in segmenter.update(column)]
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
                    tally.columns[group] += len(one.posteriors)
    return tallies
