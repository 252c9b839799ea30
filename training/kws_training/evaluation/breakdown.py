"""False accepts by kind of speech, and misses by group: a threshold must hold for the worst one.

A kind is what recordings of negatives have in common: the folder that they are in, or what a
column of their manifest says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..data.dataset import DataError
from ..data.manifest import Manifest
from ..data.unlabelled import find_with_rows
from ..progress import Progress
from .continuous import StreamScores
from .detection_results import KeywordResult, KindFigures
from .groups import FEW, GroupFigures, count_groups, first_names
from .positives import Positive
from .voices import ABOUT, VOICE, with_voices

#: The kind of recordings whose manifest does not say it.
NOT_GIVEN = "(not given)"


def kinds_of(folders: Sequence[Path], column: str | None) -> dict[Path, str]:
    """Find the kind of every recording.

    Parameters
    ----------
    folders : sequence of Path
        Folders of recordings, or single recordings, as `find_recordings` takes them.
    column : str or None
        A column of their manifest; None for folders: a recording's kind is the sub-folder that it
        is in, however deep, or the folder itself where it lies in that.

    Returns
    -------
    dict of Path to str
        The kind of each recording, by the path that `find_recordings` gives it.

    Raises
    ------
    DataError
        If a folder holds no recordings, or no manifest has the column.
    ManifestError
        If a manifest cannot be used.
    """
    known: dict[Path, Manifest] = {}
    kinds: dict[Path, str] = {}
    columns: set[str] = set()
    for folder in folders:
        for path, row in find_with_rows(folder, known):
            if column is None:
                kinds[path] = _folder_kind(folder, path)
            else:
                values = {} if row is None else {**row.columns, "label": row.label}
                columns |= values.keys()
                kinds[path] = values.get(column, "") or NOT_GIVEN
    if column is not None and column not in columns:
        there = first_names(sorted(columns)) if columns else "no manifest beside them"
        raise DataError(f"no recording of --negatives has a column {column!r}: there are {there}")
    return kinds


def _folder_kind(folder: Path, path: Path) -> str:
    """Return the first folder between a folder and a recording in it; the folder's own, if none."""
    if folder == path:
        return path.absolute().parent.name
    inside = path.relative_to(folder).parts
    return inside[0] if len(inside) > 1 else folder.absolute().name


def count_by_kind(
    results: Sequence[KeywordResult], negatives: StreamScores, kinds: Mapping[Path, str]
) -> tuple[KindFigures, ...]:
    """Count the false accepts of each kind of speech.

    Parameters
    ----------
    results : sequence of KeywordResult
        What became of each keyword.
    negatives : StreamScores
        The stream without any keyword.
    kinds : mapping of Path to str
        The kind of each of its recordings, as `kinds_of` gives it.

    Returns
    -------
    tuple of KindFigures
        The kind with the highest rate first; of equals the one with more hours.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for path, counted in negatives.counted.items():
        seconds[kinds[path]] += counted
    alarms = {kind: dict.fromkeys((one.keyword for one in results), 0) for kind in seconds}
    for one in results:
        for at in one.false_accept_times:
            alarms[kinds[negatives.place(at)[0]]][one.keyword] += 1
    figures = [KindFigures(kind, seconds[kind] / 3600, alarms[kind]) for kind in seconds]
    return tuple(sorted(figures, key=lambda one: (-one.per_hour, -one.hours, one.kind)))


def check_group(positives: Sequence[Positive], column: str) -> None:
    """Check, before the work, that recordings of keywords can be grouped by a column.

    Parameters
    ----------
    positives : sequence of Positive
        The recordings.
    column : str
        "speaker", or another column of their manifest.

    Raises
    ------
    DataError
        If none of the recordings has it; the message lists the columns that there are.
    """
    there = sorted({name for positive in positives for name in positive.columns})
    if column not in there:
        names = first_names(there) if there else "no manifest beside them"
        raise DataError(
            f"no recording of --positives has a column {column!r}: there are {names}; or {VOICE}, "
            "by pitch and spectrum"
        )


def grouped(
    positives: Sequence[Positive], column: str | None, progress: Progress
) -> tuple[list[Positive], str, str]:
    """Decide what recordings of keywords are grouped by, and make the groups that nobody named.

    Parameters
    ----------
    positives : sequence of Positive
        The recordings.
    column : str or None
        What they are to be grouped by: "speaker", "voice" or another column of their manifest. None
        for the speaker, where that makes groups that say something, else for the voice.
    progress : callable
        Shows how many recordings are done, if voices are measured.

    Returns
    -------
    positives : list of Positive
        The same, with a column "voice" where that is asked for and no manifest has it.
    column : str
        What they are grouped by.
    about : str
        What the groups are, where that needs a sentence; else empty.

    Raises
    ------
    DataError
        If none of the recordings has the column; the message lists the columns that there are.
    """
    if column is None:
        column = "speaker" if _speakers_known(positives) else VOICE
    if column == VOICE and not any(VOICE in one.columns for one in positives):
        return with_voices(positives, progress), VOICE, ABOUT
    check_group(positives, column)
    return list(positives), column, ""


def _speakers_known(positives: Sequence[Positive]) -> bool:
    """Tell whether half of the recordings are of two or more speakers with enough of them."""
    sizes = Counter(one.columns["speaker"] for one in positives if "speaker" in one.columns)
    large = [size for size in sizes.values() if size >= FEW]
    return len(large) >= 2 and 2 * sum(large) >= len(positives)


def group_positives(
    results: Sequence[KeywordResult], positives: Mapping[str, StreamScores], column: str
) -> tuple[GroupFigures, ...]:
    """Count how many recordings of keywords were detected, of each group.

    Parameters
    ----------
    results : sequence of KeywordResult
        What became of each keyword.
    positives : mapping of str to StreamScores
        The stream of each keyword's recordings.
    column : str
        "speaker", or another column of their manifest.

    Returns
    -------
    tuple of GroupFigures
        The share that was detected at the threshold in the model file; the worst group first.
    """
    return count_groups(
        (placed.positive.columns.get(column, ""), bool(found))
        for one in results
        for placed, found in zip(positives[one.keyword].positives, one.found, strict=True)
    )
