"""Accuracy by group: by speaker, by word, by any column of the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kws.intervals import share_interval

from ..data.dataset import Clip, DataError
from .results import ClipResult

#: A group with fewer clips is marked: at this number the interval of 90 % is still 56 to 100 %.
FEW = 10

#: Columns by which a report groups, unless one is named.
MOST_COLUMNS = 8


@dataclass(frozen=True)
class GroupFigures:
    """Accuracy of one group of clips.

    Attributes
    ----------
    group : str
        What the clips have in common; empty for clips of which nobody knows it.
    accuracy : float
        Share of the clips that were recognised.
    interval : (float, float)
        Exact 95 % interval (Clopper-Pearson).
    clips : int
        Number of clips.
    """

    group: str
    accuracy: float
    interval: tuple[float, float]
    clips: int

    @property
    def few(self) -> bool:
        """Whether the clips are too few to say much about the group."""
        return self.clips < FEW

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values.

        Returns
        -------
        dict
            The figures by name.
        """
        return {**asdict(self), "interval": list(self.interval), "few": self.few}


def columns_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """List what clips can be grouped by.

    Parameters
    ----------
    clips : sequence of Clip
        The clips.

    Returns
    -------
    tuple of str
        "speaker", unless nobody knows any, "word", and the columns of their manifests.
    """
    further = {name for clip in clips for name, value in clip.columns.items() if value}
    known = ("word",) if all(clip.alone for clip in clips) else ("speaker", "word")
    return (*known, *sorted(further - {"speaker", "word"}))


def check_column(clips: Sequence[Clip], column: str) -> None:
    """Check that clips can be grouped by a column.

    Parameters
    ----------
    clips : sequence of Clip
        The clips.
    column : str
        What they are to be grouped by.

    Raises
    ------
    DataError
        If none of the clips has it; the message lists the columns that there are.
    """
    columns = columns_of(clips)
    if column not in columns:
        hint = "; --speaker-rule reads it out of file names" if column == "speaker" else ""
        raise DataError(
            f"no recording has a column {column!r}: there are {first_names(columns)}{hint}"
        )


def group_results(results: Sequence[ClipResult], column: str) -> tuple[GroupFigures, ...]:
    """Count the accuracy of each group.

    Parameters
    ----------
    results : sequence of ClipResult
        What the model made of each clip.
    column : str
        One of `columns_of`.

    Returns
    -------
    tuple of GroupFigures
        The worst group first; of equals the one with more clips.
    """
    return count_groups([(group_of(result.clip, column), result.right) for result in results])


def count_groups(found: Iterable[tuple[str, bool]]) -> tuple[GroupFigures, ...]:
    """Count the share of each group that is right.

    Parameters
    ----------
    found : iterable of (str, bool)
        Of each clip its group, and whether it was recognised.

    Returns
    -------
    tuple of GroupFigures
        The worst group first; of equals the one with more clips.

    Examples
    --------
    >>> [(one.group, one.accuracy) for one in count_groups([("a", True), ("b", False)])]
    [('b', 0.0), ('a', 1.0)]
    """
    right: Counter[str] = Counter()
    clips: Counter[str] = Counter()
    for group, is_right in found:
        clips[group] += 1
        right[group] += is_right
    groups = [
        GroupFigures(group, right[group] / n, share_interval(right[group], n), n)
        for group, n in clips.items()
    ]
    return tuple(sorted(groups, key=lambda one: (one.accuracy, -one.clips, one.group)))


def group_of(clip: Clip, column: str) -> str:
    """Return what a clip has in a column; empty where nobody knows.

    Parameters
    ----------
    clip : Clip
        The clip.
    column : str
        One of `columns_of`.

    Returns
    -------
    str
        The name of its group; empty where nobody knows.
    """
    if column == "speaker":
        return "" if clip.alone else clip.speaker
    if column == "word":
        return clip.word
    return clip.columns.get(column, "")


def useful_columns(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Choose the columns that clips are worth grouping by.

    By such a column at least half of the clips are in two or more groups that are not too small,
    and the groups are not the labels over again.

    Parameters
    ----------
    clips : sequence of Clip
        The clips.

    Returns
    -------
    tuple of str
        At most `MOST_COLUMNS` of `columns_of`.
    """
    useful = []
    labels = {clip.label for clip in clips}
    for column in columns_of(clips):
        sizes = Counter(group_of(clip, column) for clip in clips)
        large = [size for size in sizes.values() if size >= FEW]
        pairs = {(group_of(clip, column), clip.label) for clip in clips}
        again = len(pairs) == len(sizes) == len(labels)
        if len(large) >= 2 and 2 * sum(large) >= len(clips) and not again:
            useful.append(column)
    return tuple(useful[:MOST_COLUMNS])


def first_names(names: Sequence[str], most: int = 20) -> str:
    """List names in a line of a message.

    Parameters
    ----------
    names : sequence of str
        The names, in the order in which they are listed.
    most : int
        How many are listed at most; of the others their number is given.

    Returns
    -------
    str
        The names with commas between, as in ``"a, b and 3 more"``.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
