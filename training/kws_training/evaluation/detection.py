"""The detector in continuous audio: misses against false accepts, and how late it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from kws.calibration.scores import Track, track
from kws.calibration.thresholds import lowest_useful, thresholds_grid
from kws.errors import ModelError
from kws.metadata import DetectorDefaults, Metadata

from .continuous import StreamScores, best_score, hits
from .detection_results import Curve, DetectionReport, KeywordResult, Place, Point

#: False accepts per hour that thresholds are read off for.
TARGETS = (0.1, 0.5, 1.0)
#: Misses and false accepts that are listed, of each.
MOST_LISTED = 50
#: Seconds from an event in which its highest score is looked for.
PEAK = 1.0


def judge(
    metadata: Metadata, positives: Mapping[str, StreamScores], negatives: StreamScores
) -> DetectionReport:
    """Count misses and false accepts of every keyword at every threshold.

    The recordings of the other keywords are negatives too.

    Parameters
    ----------
    metadata : Metadata
        Of the model.
    positives : mapping of str to StreamScores
        The stream of each keyword's recordings; keywords without recordings are left out.
    negatives : StreamScores
        The stream without any keyword.

    Returns
    -------
    DetectionReport
        The counts of each keyword.
    """
    results = tuple(
        _judge_keyword(metadata, keyword, positives, negatives)
        for keyword in metadata.keywords
        if keyword in positives
    )
    skipped = [*negatives.skipped]
    for scores in positives.values():
        skipped += scores.skipped
    return DetectionReport(
        keywords=results,
        hours=negatives.seconds / 3600,
        recordings=sum(len(scores.positives) for scores in positives.values()),
        unsaid=tuple(one for one in metadata.keywords if one not in positives),
        skipped=tuple(skipped),
        verifications=negatives.verifications,
    )


def detector_of(metadata: Metadata) -> DetectorDefaults:
    """Return the detector's settings of a model.

    Parameters
    ----------
    metadata : Metadata
        The model's contract.

    Returns
    -------
    DetectorDefaults
        The settings of the detector for keywords.

    Raises
    ------
    ModelError
        If it has none, as a model of sounds.
    """
    if not isinstance(metadata.detector, DetectorDefaults):
        raise ModelError(
            f"task {metadata.task!r}: sounds begin and end, they have no false accepts per hour: "
            "use kws evaluate MODEL --data DIR"
        )
    return metadata.detector


def _judge_keyword(
    metadata: Metadata, keyword: str, positives: Mapping[str, StreamScores], negatives: StreamScores
) -> KeywordResult:
    defaults = detector_of(metadata)
    own = positives[keyword]
    spoken = track(own.trace, metadata.labels, defaults, keyword)
    others: dict[str | None, StreamScores] = {None: negatives}
    others |= {name: scores for name, scores in positives.items() if name != keyword}
    silent = {
        name: track(scores.trace, metadata.labels, defaults, keyword)
        for name, scores in others.items()
    }
    hours = sum(scores.seconds for scores in others.values()) / 3600
    curve = curve_of(own, spoken, list(silent.values()))
    threshold = defaults.thresholds[keyword]
    found = hits([one.span for one in own.positives], spoken.events(threshold))
    alarms = {name: one.events(threshold) for name, one in silent.items()}
    points = [
        Point(
            keyword,
            None,
            threshold,
            sum(map(len, alarms.values())),
            hours,
            found.misses,
            len(own.positives),
        )
    ]
    for target in TARGETS:
        at = read_off(curve, target * hours)
        points.append(
            Point(
                keyword,
                target,
                float(curve.thresholds[at]),
                int(curve.false_accepts[at]),
                hours,
                int(curve.misses[at]),
                len(own.positives),
            )
        )
    wrong = [
        _place(keyword, others[name], silent[name], name, at)
        for name, times in alarms.items()
        for at in times.tolist()
    ]
    missed_places = [
        Place(
            keyword,
            one.positive.path,
            one.word_end - one.at,
            best_score(spoken, one.first, one.last),
            keyword,
            one.word_end,
        )
        for one, at in zip(own.positives, found.times, strict=True)
        if math.isnan(at)
    ]
    # an event is given when the last sample under its last frame is in
    late = metadata.front_end.window_seconds - metadata.front_end.hop_seconds
    latencies = [
        float(at) + late - one.word_end
        for one, at in zip(own.positives, found.times, strict=True)
        if not math.isnan(at)
    ]
    return KeywordResult(
        keyword=keyword,
        points=tuple(points),
        curve=curve,
        misses=tuple(sorted(missed_places, key=lambda one: one.score)[:MOST_LISTED]),
        false_accepts=tuple(sorted(wrong, key=lambda one: -one.score)[:MOST_LISTED]),
        latencies=tuple(latencies),
        found=~np.isnan(found.times),
        false_accept_times=alarms[None],
    )


def curve_of(own: StreamScores, spoken: Track, silent: Sequence[Track]) -> Curve:
    """Count misses and false accepts of a keyword at all thresholds that make sense.

    Parameters
    ----------
    own : StreamScores
        The stream with the keyword's recordings.
    spoken : Track
        The keyword's scores in that stream.
    silent : sequence of Track
        The keyword's scores in streams without it.

    Returns
    -------
    Curve
        Counts from the highest threshold to the lowest that is of use.
    """
    thresholds = thresholds_grid()[::-1]
    # where the detector would not be armed between two words, there is nothing to be learnt
    resting = 2 * float(np.median(spoken.smoothed))
    thresholds = thresholds[thresholds > max(lowest_useful(silent), min(0.5, resting))]
    alarms = np.zeros(len(thresholds), np.int64)
    for one in silent:
        alarms += [len(frames) for frames in one.falling(thresholds)]
    spans = [one.span for one in own.positives]
    misses = [
        hits(spans, np.asarray((frames + 1) * spoken.column_seconds, np.float64)).misses
        for frames in spoken.falling(thresholds)
    ]
    return Curve(thresholds, alarms, np.array(misses, np.int64))


def read_off(curve: Curve, most: float) -> int:
    """Find the lowest threshold of a curve with at most so many false accepts.

    All thresholds above it have at most so many too, as with
    `kws.calibration.thresholds.lowest_threshold`.

    Parameters
    ----------
    curve : Curve
        The curve of a keyword.
    most : float
        False accepts that are allowed.

    Returns
    -------
    int
        The place in the curve; that of the highest threshold if even that has more.
    """
    over = np.flatnonzero(curve.false_accepts > math.floor(most + 1e-9))
    return max(0, (int(over[0]) if len(over) else len(curve.thresholds)) - 1)


def _place(keyword: str, scores: StreamScores, silent: Track, name: str | None, at: float) -> Place:
    path, within = scores.place(at)
    score = best_score(silent, at - silent.column_seconds, at + PEAK)
    return Place(keyword, path, within, score, name, at)
