"""What a detector did in continuous audio: per threshold, per keyword, of all keywords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float64
from kws.intervals import rate_interval, share_interval

from ..augmentation.snr import Ratio
from ..data.dataset import Skipped
from .groups import GroupFigures


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

    def to_dict(self, keyword: str) -> dict[str, Any]:
        """Return the counts at all thresholds as plain JSON values.

        Parameters
        ----------
        keyword : str
            Whose curve it is.

        Returns
        -------
        dict
            Keyword, and lists from the highest threshold to the lowest.
        """
        return {
            "keyword": keyword,
            "thresholds": self.thresholds.tolist(),
            "false_accepts": self.false_accepts.tolist(),
            "misses": self.misses.tolist(),
        }


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
    found : bool (recordings,)
        Which of the recordings were detected at the threshold in the model file, in their order.
    false_accept_times : float64 (n,)
        Events at that threshold in the stream without any keyword, in its seconds.
    """

    keyword: str
    points: tuple[Point, ...]
    curve: Curve
    misses: tuple[Place, ...]
    false_accepts: tuple[Place, ...]
    latencies: tuple[float, ...]
    found: npt.NDArray[np.bool_]
    false_accept_times: Float64


@dataclass(frozen=True)
class KindFigures:
    """False accepts in one kind of speech, at the thresholds in the model file.

    Attributes
    ----------
    kind : str
        A folder's name, or a value of the manifest's column.
    hours : float
        Hours of this kind.
    false_accepts : mapping of str to int
        False accepts of each keyword.
    """

    kind: str
    hours: float
    false_accepts: Mapping[str, int]

    @property
    def count(self) -> int:
        """False accepts of all keywords together."""
        return sum(self.false_accepts.values())

    @property
    def per_hour(self) -> float:
        """The rate of all keywords together; 0 where the kind has no time that counts."""
        return self.count / self.hours if self.hours else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Its exact 95 % interval (Garwood); (0, 0) where the kind has no time that counts."""
        return rate_interval(self.count, self.hours) if self.hours else (0.0, 0.0)

    @property
    def worst_keyword(self) -> str | None:
        """The keyword with the most false accepts; None where there are none."""
        if not self.count:
            return None
        return max(self.false_accepts, key=lambda keyword: self.false_accepts[keyword])

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values.

        Returns
        -------
        dict
            The figures by name.
        """
        return {
            "kind": self.kind,
            "hours": self.hours,
            "false_accepts": dict(self.false_accepts),
            "false_accepts_per_hour": self.per_hour,
            "false_accepts_per_hour_interval": list(self.interval),
        }


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
    snr : Ratio or None
        The noise under positives and negatives; None without.
    kinds : tuple of KindFigures
        False accepts by kind of negatives, the worst first; empty where nobody asked.
    group_by : str or None
        The column of ``groups``; None where nobody asked.
    groups : tuple of GroupFigures
        Share of the recordings of keywords that were detected, by group, the worst first.
    group_about : str
        What the groups are, where that needs a sentence.
    verifications : int or None
        How often the verifier was asked in the hours without keywords; None without one.
    """

    keywords: tuple[KeywordResult, ...]
    hours: float
    recordings: int
    unsaid: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    snr: Ratio | None = None
    kinds: tuple[KindFigures, ...] = ()
    group_by: str | None = None
    groups: tuple[GroupFigures, ...] = ()
    group_about: str = ""
    verifications: int | None = None

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
        asked: dict[str, Any] = {} if self.snr is None else {**self.snr.to_dict()}
        if self.kinds:
            asked["kinds"] = [one.to_dict() for one in self.kinds]
        if self.group_by is not None:
            asked["group_by"] = self.group_by
            if self.group_about:
                asked["group_about"] = self.group_about
            asked["groups"] = [one.to_dict() for one in self.groups]
        if self.verifications is not None:
            asked["verifications_per_hour"] = self.verifications / self.hours
        return {
            "operating_points": [point.to_dict() for one in results for point in one.points],
            "curves": [one.curve.to_dict(one.keyword) for one in results],
            **asked,
            "hours": self.hours,
            "recordings": self.recordings,
            "latency_after_word_end": self.latency,
            "misses": [place.to_dict() for one in results for place in one.misses],
            "false_accepts": [place.to_dict() for one in results for place in one.false_accepts],
            "without_recordings": list(self.unsaid),
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in self.skipped],
        }
