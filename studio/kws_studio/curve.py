"""What a threshold means in a day, from what `kws evaluate --json` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws.intervals import rate_interval, share_interval

#: Hours of a day in which somebody speaks or a television runs, for what a rate means in a day.
HOURS_OF_A_DAY = 24.0


@dataclass(frozen=True)
class ThresholdPoint:
    """A threshold and what it gives.

    Attributes
    ----------
    threshold : float
        0 .. 1.
    misses, recordings : int
        Recordings of the phrase without a detection, and all of them.
    false_accepts : int
        Detections where nobody said it.
    hours : float
        Of speech without it.
    """

    threshold: float
    misses: int
    recordings: int
    false_accepts: int
    hours: float

    def to_dict(self) -> dict[str, Any]:
        """Return the point, and what it means, as plain JSON values."""
        rate = self.false_accepts / self.hours
        low, high = rate_interval(self.false_accepts, self.hours)
        least, most = share_interval(self.misses, self.recordings)
        return {
            "threshold": self.threshold,
            "misses": self.misses,
            "recordings": self.recordings,
            "miss_rate": self.misses / self.recordings,
            "miss_rate_interval": [least, most],
            "false_accepts": self.false_accepts,
            "hours": self.hours,
            "per_hour": rate,
            "per_hour_interval": [low, high],
            "per_day": rate * HOURS_OF_A_DAY,
            "per_day_interval": [low * HOURS_OF_A_DAY, high * HOURS_OF_A_DAY],
        }


def read_curve(figures: Any, keyword: str) -> list[ThresholdPoint]:
    """Return the curve of a keyword from what `kws evaluate --json` printed.

    Parameters
    ----------
    figures : Any
        The JSON value.
    keyword : str
        The phrase.

    Returns
    -------
    list of ThresholdPoint
        From high thresholds to low ones, those where something changes; empty where there is none.
    """
    try:
        (curve,) = [one for one in figures["curves"] if one["keyword"] == keyword]
        (point, *_) = [one for one in figures["operating_points"] if one["keyword"] == keyword]
        rows = zip(curve["thresholds"], curve["misses"], curve["false_accepts"], strict=True)
        found: list[ThresholdPoint] = []
        for threshold, misses, wrong in rows:
            one = ThresholdPoint(
                float(threshold), int(misses), point["recordings"], int(wrong), point["hours"]
            )
            same = found and (found[-1].misses, found[-1].false_accepts) == (misses, wrong)
            if same:
                found[-1] = one  # the lowest threshold that gives the same
            else:
                found.append(one)
    except (KeyError, TypeError, ValueError):
        return []
    return found
