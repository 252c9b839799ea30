"""The detector in continuous audio: misses against false accepts, and how late it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float64
from kws.calibration.scores import Track, track
from kws.calibration.thresholds import lowest_useful, thresholds_grid
from kws.errors import ModelError
from kws.intervals import rate_interval, share_interval
from kws.metadata import DetectorDefaults, Metadata

from ..data.dataset import Skipped
from .continuous import StreamScores, best_score, hits

#: False accepts per hour that thresholds are read off for.
TARGETS = (0.1, 0.5, 1.0)
#: Misses and false accepts that are listed, of each.
MOST_LISTED = 50
#: Seconds from an event in which its highest score is looked for.
PEAK = 1.0


@dataclass(frozen=True)
class Point:
    """A threshold of a keyword, and what it gave.

    Attributes
    ----------
    keyword : str
        The keyword.
    target : float or None
        The false accepts per hour that the threshold was read off for, on these recordings; None
        for the threshold of the model file, which was not chosen on them.
    threshold : float
        The threshold, 0 .. 1.
    false_accepts : int
        Events where nobody said the keyword.
    hours : float
        Hours of audio without the keyword.
    misses : int
        Recordings of the keyword without an event.
    recordings : int
        Recordings of the keyword.
    """

    keyword: str
    target: float | None
    threshold: float
    false_accepts: int
    hours: float
    misses: int
    recordings: int

    @property
    def supported(self) -> bool:
        """Whether the hours are enough for a single false accept at the target."""
        return self.target is None or self.target * self.hours >= 1

    @property
    def false_accepts_per_hour(self) -> float:
        """The measured rate."""
        return self.false_accepts / self.hours

    @property
    def false_accepts_per_hour_interval(self) -> tuple[float, float]:
        """Its exact 95 % interval."""
        return rate_interval(self.false_accepts, self.hours)

    @property
    def miss_rate(self) -> float:
        """Share of the recordings that were missed."""
        return self.misses / self.recordings

    @property
    def miss_rate_interval(self) -> tuple[float, float]:
        """Its exact 95 % interval."""
        return share_interval(self.misses, self.recordings)

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain JSON values.

        Returns
        -------
        dict
            The figures by name.
        """
        return {
            "keyword": self.keyword,
            "target": self.target,
            "threshold": self.threshold,
            "false_accepts_per_hour": self.false_accepts_per_hour,
            "false_accepts_per_hour_interval": list(self.false_accepts_per_hour_interval),
            "miss_rate": self.miss_rate,
            "miss_rate_interval": list(self.miss_rate_interval),
            "false_accepts": self.false_accepts,
            "hours": self.hours,
            "misses": self.misses,
            "recordings": self.recordings,
            "supported": self.supported,
        }


@dataclass(frozen=True)
class Curve:
    """Misses against false accepts, for all thresholds.

    Attributes
    ----------
    thresholds : float64 (n,)
        From high to low.
    false_accepts : int64 (n,)
        False accepts at each threshold.
    misses : int64 (n,)
        Missed recordings at each threshold.
    """

    thresholds: Float64
    false_accepts: npt.NDArray[np.int64]
    misses: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """Where a miss or a false accept is.

    Attributes
    ----------
    keyword : str
        The keyword that was missed or detected.
    path : Path
        The recording.
    at : float
        Seconds in the recording: of the event, or of the end of the word that was missed.
    score : float
        The highest smoothed score around it.
    stream : str or None
        The stream: the keyword whose recordings it is made of, or None for the negatives.
    stream_at : float
        Seconds in that stream.
    """

    keyword: str
    path: Path
    at: float
    score: float
    stream: str | None
    stream_at: float

    def to_dict(self) -> dict[str, Any]:
        """Return the place as plain JSON values.

        Returns
        -------
        dict
            Keyword, file, time and score by name.
        """
        return {
            "keyword": self.keyword,
            "file": str(self.path),
            "at": round(self.at, 2),
            "score": self.score,
        }


@dataclass(frozen=True)
class KeywordResult:
    """What became of one keyword.

    Attributes
    ----------
    keyword : str
        The keyword.
    points : tuple of Point
        The point of the model file first, then those of `TARGETS`, the lowest rate first.
    curve : Curve
        Misses against false accepts, for all thresholds.
    misses : tuple of Place
        At the threshold in the model file: the misses with the lowest scores.
    false_accepts : tuple of Place
        At the threshold in the model file: the false accepts with the highest scores.
    latencies : tuple of float
        Seconds from the end of the word to the event, of the recordings that were detected at the
        threshold in the model file; negative where the event came before the end.
    """

    keyword: str
    points: tuple[Point, ...]
    curve: Curve
    misses: tuple[Place, ...]
    false_accepts: tuple[Place, ...]
    latencies: tuple[float, ...]


@dataclass(frozen=True)
class DetectionReport:
    """What the detector of a model does in continuous audio.

    Attributes
    ----------
    keywords : tuple of KeywordResult
        What became of each keyword that has recordings.
    hours : float
        Hours of audio without any keyword.
    recordings : int
        Recordings of keywords.
    unsaid : tuple of str
        Keywords of the model without recordings.
    skipped : tuple of Skipped
        Recordings that could not be used, and why.
    """

    keywords: tuple[KeywordResult, ...]
    hours: float
    recordings: int
    unsaid: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    @property
    def latency(self) -> dict[str, float | None]:
        """Median and 95th percentile of the latencies of all keywords; None of nothing."""
        all_ = [one for result in self.keywords for one in result.latencies]
        if not all_:
            return {"median": None, "p95": None}
        return {"median": float(np.median(all_)), "p95": float(np.percentile(all_, 95))}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values.

        Returns
        -------
        dict
            All figures by name.
        """
        results = self.keywords
        return {
            "operating_points": [point.to_dict() for one in results for point in one.points],
            "hours": self.hours,
            "recordings": self.recordings,
            "latency_after_word_end": self.latency,
            "misses": [place.to_dict() for one in results for place in one.misses],
            "false_accepts": [place.to_dict() for one in results for place in one.false_accepts],
            "without_recordings": list(self.unsaid),
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in self.skipped],
        }


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
    for heard in positives.values():
        skipped += heard.skipped
    return DetectionReport(
        keywords=results,
        hours=negatives.seconds / 3600,
        recordings=sum(len(heard.positives) for heard in positives.values()),
        unsaid=tuple(one for one in metadata.keywords if one not in positives),
        skipped=tuple(skipped),
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
    others |= {name: heard for name, heard in positives.items() if name != keyword}
    silent = {
        name: track(heard.trace, metadata.labels, defaults, keyword)
        for name, heard in others.items()
    }
    hours = sum(heard.seconds for heard in others.values()) / 3600
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


def _place(keyword: str, heard: StreamScores, silent: Track, name: str | None, at: float) -> Place:
    path, within = heard.place(at)
    score = best_score(silent, at - silent.column_seconds, at + PEAK)
    return Place(keyword, path, within, score, name, at)
