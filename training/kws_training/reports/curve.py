"""The learning curve that a model file carries: what a number of recordings gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kws.intervals import share_interval
from kws.metadata import WAKE_WORDS

from ..data.dataset import DataError

#: Key of the provenance under which training stores the curve.
KEY = "learning_curve"
#: Most points of a curve that is read: nobody has checked the file.
MOST_POINTS = 100
#: Largest number of recordings or clips in a curve that is read.
MOST_CLIPS = 10**9


@dataclass(frozen=True)
class CurvePoint:
    """How well a model did that was trained on a part of the recordings.

    Attributes
    ----------
    recordings : int
        That it was trained on.
    accuracy : float
        Of wake words the share of the recordings that was found.
    clips : int
        That it was judged on.
    """

    recordings: int
    accuracy: float
    clips: int

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the accuracy (Clopper-Pearson)."""
        return share_interval(round(self.accuracy * self.clips), self.clips)


@dataclass(frozen=True)
class LearningCurve:
    """The points of a curve, and what was measured.

    Attributes
    ----------
    points : tuple of CurvePoint
        From few recordings to many; at least one.
    measure : str
        What ``CurvePoint.accuracy`` is, in words.
    """

    points: tuple[CurvePoint, ...]
    measure: str


def measure_of(task: str) -> str:
    """Return what the learning curve of a model shows, in words.

    Parameters
    ----------
    task : str
        The task of the model.

    Returns
    -------
    str
        What follows "the" in a sentence.
    """
    return "share found" if task == WAKE_WORDS else "accuracy"


def read_curve(provenance: Mapping[str, Any]) -> tuple[CurvePoint, ...]:
    """Read the learning curve of a model file; nobody has checked its provenance before.

    Parameters
    ----------
    provenance : mapping of str to Any
        The provenance of a model file.

    Returns
    -------
    tuple of CurvePoint
        From few recordings to many; empty if the file has no curve.

    Raises
    ------
    DataError
        If it is no curve.
    """
    values = provenance.get(KEY, [])
    if not isinstance(values, list) or len(values) > MOST_POINTS:
        raise DataError(f"{KEY} must be a list of at most {MOST_POINTS} points")
    points = []
    for number, value in enumerate(values):
        where = f"{KEY}[{number}]"
        if not isinstance(value, dict):
            raise DataError(f"{where} is not an object")
        points.append(
            CurvePoint(
                recordings=_count(value, "recordings", where),
                accuracy=_share(value, "accuracy", where),
                clips=_count(value, "clips", where),
            )
        )
    points.sort(key=lambda point: point.recordings)
    if len({point.recordings for point in points}) < len(points):
        raise DataError(f"{KEY} has two points for the same number of recordings")
    return tuple(points)


def last_step(curve: LearningCurve) -> str:
    """Say in a sentence what the last of the recordings brought.

    Parameters
    ----------
    curve : LearningCurve
        Of at least two points.

    Returns
    -------
    str
        The sentence.
    """
    before, after = curve.points[-2:]
    gain = 100 * (after.accuracy - before.accuracy)
    apart = before.interval[1] < after.interval[0] or after.interval[1] < before.interval[0]
    doubt = "" if apart else ", with intervals that overlap"
    accuracies = f"{100 * before.accuracy:.1f} % to {100 * after.accuracy:.1f} %"
    return (
        f"From {before.recordings:,} to {after.recordings:,} recordings the {curve.measure} went "
        f"from {accuracies} ({gain:+.1f} points{doubt})."
    )


def _count(value: dict[str, Any], key: str, where: str) -> int:
    number: Any = value.get(key)
    good = isinstance(number, int) and not isinstance(number, bool)
    if not good or not 1 <= number <= MOST_CLIPS:
        raise DataError(f"{where}: {key!r} must be a whole number from 1, not {_shown(number)}")
    return int(number)


def _share(value: dict[str, Any], key: str, where: str) -> float:
    number: Any = value.get(key)
    good = isinstance(number, int | float) and not isinstance(number, bool)
    if not good or not 0 <= number <= 1:  # NaN is in no range
        raise DataError(f"{where}: {key!r} must be 0 to 1, not {_shown(number)}")
    return float(number)


def _shown(value: Any) -> str:
    """Show a value of unknown size in a few characters."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) > MOST_CLIPS:
        return "a number out of all bounds"
    return f"{value!r:.40}"
