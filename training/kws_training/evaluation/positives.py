"""Recordings of keywords that are scored in a stream: where they are, and what each says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..data.dataset import SPEAKER_RULE, DataError, Skipped
from ..data.manifest import Manifest, Row
from ..data.spelling import plain
from ..data.unlabelled import find_with_rows

#: Seconds in the longest recording of a keyword.
LONGEST_POSITIVE = 120.0


@dataclass(frozen=True)
class Positive:
    """A recording of a keyword.

    Attributes
    ----------
    path : Path
        The recording.
    keyword : str
        The keyword that it says.
    start : float or None
        Where in it the keyword begins, in seconds, if a manifest says.
    end : float or None
        Where in it the keyword ends, in seconds, if a manifest says.
    columns : mapping of str to str
        What a manifest says of it; "speaker" also where the file's name says it.
    """

    path: Path
    keyword: str
    start: float | None = None
    end: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def find_positives(
    folders: Sequence[Path], keywords: Sequence[str]
) -> tuple[list[Positive], list[Skipped]]:
    """Find the recordings of the keywords of a model.

    A recording is of the keyword that the nearest manifest gives as its label, else of the keyword
    that a folder above it is named after. Where the model has one keyword and nothing says
    otherwise, every recording is of that. Case and punctuation do not matter.

    Parameters
    ----------
    folders : sequence of Path
        Folders of recordings, or single recordings.
    keywords : sequence of str
        The keywords of the model.

    Returns
    -------
    positives : list of Positive
        The recordings of keywords.
    skipped : list of Skipped
        The other recordings.

    Raises
    ------
    DataError
        If a folder holds no recordings, or none is of a keyword.
    ManifestError
        If a manifest cannot be used.
    """
    names = {plain(keyword): keyword for keyword in keywords}
    known: dict[Path, Manifest] = {}
    found: list[tuple[Path, Row | None, str | None]] = []
    for folder in folders:
        for path, row in find_with_rows(folder, known):
            said = [row.label] if row is not None and row.label else []
            said += [one.name for one in (path.parent, *path.parents) if one != folder.parent][:3]
            keyword = next((names[plain(one)] for one in said if plain(one) in names), None)
            found.append((path, row, keyword))
    if len(keywords) == 1 and not any(keyword for _, _, keyword in found):
        found = [(path, row, keywords[0]) for path, row, _ in found]
    positives = [
        Positive(path, keyword, *_times(row), _columns(path, row))
        for path, row, keyword in found
        if keyword is not None
    ]
    if not positives:
        raise DataError(
            f"{folders[0]}: no recordings of {', '.join(keywords)[:200]}: put them into a "
            "sub-folder named after each keyword"
        )
    return positives, [
        Skipped(path, "is of no keyword of the model: name its folder after one")
        for path, _, keyword in found
        if keyword is None
    ]


def _columns(path: Path, row: Row | None) -> dict[str, str]:
    """Return what a manifest says of a recording, and who speaks by the file's name."""
    columns = {} if row is None else {**row.columns, "speaker": row.speaker}
    match = re.search(SPEAKER_RULE, path.name)
    if match:
        columns["speaker"] = match.group(1)
    return {name: value for name, value in columns.items() if value}


def _times(row: Row | None) -> tuple[float | None, float | None]:
    """Return where a manifest says that the keyword is; what is no time is not taken."""
    times = []
    for name in ("start", "end"):
        try:
            value = float(row.columns.get(name, "") if row is not None else "")
        except ValueError:
            value = np.nan
        times.append(value if 0 <= value < LONGEST_POSITIVE else None)
    start, end = times
    if start is not None and end is not None and start >= end:
        return None, None
    return start, end


def by_keyword(positives: Sequence[Positive]) -> Mapping[str, list[Positive]]:
    """Sort recordings by their keyword.

    Parameters
    ----------
    positives : sequence of Positive
        The recordings.

    Returns
    -------
    dict of str to list of Positive
        The recordings of each keyword that has any.
    """
    sorted_: dict[str, list[Positive]] = {}
    for positive in positives:
        sorted_.setdefault(positive.keyword, []).append(positive)
    return sorted_
