"""The layout `audiofolder` of Hugging Face's datasets: ``metadata.csv`` names the recordings.

A folder, or each of its sub-folders, has a ``metadata.csv`` or ``metadata.jsonl`` with the column
``file_name``. Sub-folders named train, validation or test are the splits.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

from kws.console import note
from kws.errors import KwsError
from kws.folders import read_folder

from .manifest import (
    MAX_COLUMNS,
    MAX_FIELD,
    MAX_ROWS,
    SPLITS,
    ManifestError,
    Row,
    column_names,
    read_table,
    read_text,
    relative_path,
)

#: Names of the files that are looked for, the first of a folder counts.
METADATA = ("metadata.csv", "metadata.jsonl")
#: The same as a table of Parquet, which needs a package of its own.
PARQUET = "metadata.parquet"
#: Column that names a recording, relative to the file's own folder.
FILE_NAME = "file_name"
#: Columns that may hold the word, the first that is there counts.
LABELS = ("label", "keyword", "word", "command", "class")
#: Columns that may hold who speaks.
SPEAKERS = ("speaker", "speaker_id")
#: Folders below the one that was given in which the files are looked for: ``data/train``.
LEVELS = 2
#: Columns that are written first.
FIRST_COLUMNS = (FILE_NAME, "label", "speaker")


@dataclass(frozen=True)
class ListedClip:
    """A recording that a metadata file names.

    Attributes
    ----------
    path : Path
        The recording.
    row : Row
        What the file says of it; its path is relative to the folder that was given.
    split : str or None
        train, validation or test, if the folder of the file is named so.
    """

    path: Path
    row: Row
    split: str | None


@dataclass(frozen=True)
class NewClip:
    """A recording that is written into a folder.

    Attributes
    ----------
    path : Path
        The recording, which is copied as it is.
    label : str
        The word.
    speaker : str
        Who says it; empty where nobody knows.
    split : str
        train, validation or test.
    columns : mapping of str to str
        What else is known.
    """

    path: Path
    label: str
    speaker: str
    split: str
    columns: Mapping[str, str]


def find_listed(folder: Path) -> list[ListedClip]:
    """Find the recordings of a folder in the layout `audiofolder`.

    A word that the file does not say is the name of the folder that the recording is in. Where a
    file names some recordings of its folder, the others are left out; a line on stderr counts them.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    list of ListedClip
        Empty if no file in it is metadata of that layout.

    Raises
    ------
    ManifestError
        If a file is damaged or too large, a path leaves the folder or comes twice, or none of the
        recordings is there.
    """
    found = [clip for path in _metadata_files(folder) for clip in _read(path, folder)]
    if found:
        if not any(clip.path.is_file() for clip in found):
            raise ManifestError(
                f"{folder}: none of the {len(found)} recordings is there: the first should be "
                f"{found[0].path}"
            )
        named = {clip.path for clip in found}
        others = [path for path in read_folder(folder).recordings if path not in named]
        if others:
            note(
                f"kws: {folder}: left out {len(others)} recordings that no {METADATA[0]} names, "
                f"such as {others[0]}"
            )
    return found


def _metadata_files(folder: Path) -> list[Path]:
    """Return the metadata files in a folder and below it, each the first of its own folder."""
    folders = [folder]
    for _ in range(LEVELS):
        below = [inner for outer in folders for inner in _folders_in(outer)]
        files = [path for one in folders if (path := _metadata_file(one)) is not None]
        if files:
            return files
        folders = below
    return [path for one in folders if (path := _metadata_file(one)) is not None]


def _folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder; none of one that may not be entered."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(
            folder / entry.name
            for entry in entries
            if not entry.name.startswith(".") and entry.is_dir()
        )
    return []


def _metadata_file(folder: Path) -> Path | None:
    """Return the file in a folder that names recordings; of another kind it is not looked at."""
    csv_file, json_file = (folder / name for name in METADATA)
    if (folder / PARQUET).is_file() and not csv_file.is_file() and not json_file.is_file():
        note(f"kws: {folder / PARQUET}: is not read: write {METADATA[0]} in its place")
    if csv_file.is_file() and FILE_NAME in column_names(csv_file):
        return csv_file
    return json_file if json_file.is_file() else None


def _read(path: Path, folder: Path) -> Iterator[ListedClip]:
    """Yield what a metadata file names."""
    inside = path.parent.relative_to(folder)
    parts = [SPLITS[part] for part in inside.parts if part in SPLITS]
    rows = read_table(path, (FILE_NAME,)) if path.suffix == ".csv" else _json_rows(path)
    seen: dict[str, int] = {}
    for line, values in rows:
        name = relative_path(path, line, values.pop(FILE_NAME))
        if seen.setdefault(name, line) != line:
            raise ManifestError(
                f"{path}: line {line}: {name:.200} is also in line {seen[name]}: keep one of them"
            )
        label = _take(values, LABELS)
        label = label or PurePosixPath(name).parent.name
        if not label:
            raise ManifestError(
                f"{path}: line {line}: nothing says the word of {name:.200}: add a column 'label'"
            )
        speaker = _take(values, SPEAKERS)
        if speaker:
            values["speaker"] = speaker
        row = Row(line, (inside / name).as_posix(), label, speaker, values)
        first = PurePosixPath(name).parts[0]
        split = parts[0] if parts else SPLITS.get(first) if "/" in name else None
        yield ListedClip(path.parent / name, row, split)


def _take(values: dict[str, str], names: Sequence[str]) -> str:
    """Take the first of some columns out of a row; return what it says."""
    name = next((name for name in names if name in values), None)
    return "" if name is None else values.pop(name).strip()


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a file with one JSON object per line, their values as text."""
    for line, text in enumerate(read_text(path).split("\n"), 1):
        if not text.strip():
            continue
        if line > MAX_ROWS:
            raise ManifestError(f"{path}: line {line}: more than {MAX_ROWS} rows: split the file")
        try:
            values = json.loads(text)
            json.dumps(values, ensure_ascii=False).encode()  # half a character is none
        except (ValueError, RecursionError):
            raise ManifestError(f"{path}: line {line}: is not JSON") from None
        if not isinstance(values, dict) or not isinstance(values.get(FILE_NAME), str):
            raise ManifestError(
                f"{path}: line {line}: must be an object with the text {FILE_NAME!r}"
            )
        if len(values) > MAX_COLUMNS:
            raise ManifestError(f"{path}: line {line}: more than {MAX_COLUMNS} columns")
        row = {
            key: str(value)
            for key, value in values.items()
            if isinstance(value, str | int | float) and not isinstance(value, bool)
        }
        if any(len(value) > MAX_FIELD for value in row.values()):
            raise ManifestError(
                f"{path}: line {line}: a value has more than {MAX_FIELD} characters: shorten it"
            )
        yield line, row


def write_audiofolder(clips: Sequence[NewClip], folder: Path) -> dict[str, int]:
    """Write recordings as a folder that `datasets` reads: copies, and ``metadata.csv``.

    Parameters
    ----------
    clips : sequence of NewClip
        The recordings.
    folder : Path
        The new folder; it appears when it is complete.

    Returns
    -------
    dict of str to int
        How many recordings each split has.

    Raises
    ------
    KwsError
        If the folder is there already.
    OSError
        If a recording cannot be read, or the folder cannot be written.
    """
    if folder.exists():
        raise KwsError(f"{folder}: is there already: move it, or name another with --output")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
    further = sorted({name for clip in clips for name in clip.columns} - {*FIRST_COLUMNS, "split"})
    counts: dict[str, int] = {}
    try:
        for split in sorted({clip.split for clip in clips}):
            (part / split).mkdir(parents=True)
            chosen = [clip for clip in clips if clip.split == split]
            counts[split] = len(chosen)
            with (part / split / METADATA[0]).open("w", newline="", encoding="utf-8") as file:
                _write_split(file, chosen, part / split, further)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return counts


def _write_split(file: TextIO, clips: Sequence[NewClip], folder: Path, further: list[str]) -> None:
    """Copy the recordings of a split, and write the rows that name them."""
    from tqdm import tqdm

    writer = csv.writer(file)
    writer.writerow([*FIRST_COLUMNS, *further])
    width = len(str(len(clips)))
    bar = tqdm(clips, desc=folder.name, disable=None, leave=False)
    for number, clip in enumerate(bar):
        # a number, not the label: a label may have slashes in it, or be longer than a name may be
        name = f"{number:0{width}d}{clip.path.suffix.lower()}"
        shutil.copyfile(clip.path, folder / name)
        values = [clip.columns.get(column, "") for column in further]
        writer.writerow([name, clip.label, clip.speaker, *values])
