"""Manifests: CSV files that say who speaks in a recording, and what else is known about it."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kws.console import note
from kws.errors import KwsError

#: Name of the file that is looked for.
MANIFEST = "manifest.csv"

#: Names, in small letters, of files that look like one and are not looked for.
_LIKE_MANIFEST = frozenset({MANIFEST, "manifest.tsv", "manifest.txt", "manifest.csv.txt"})

#: Folders above a data folder in which its manifest is looked for.
LEVELS = 3

#: Bytes of the largest manifest that is read: anybody may have written it.
MAX_BYTES = 64 << 20
#: Rows of the longest manifest; the largest ones of public data sets have some hundred thousand.
MAX_ROWS = 1_000_000
#: Columns of the widest manifest.
MAX_COLUMNS = 100
#: Characters of the longest field of a manifest.
MAX_FIELD = 10_000
#: Bytes of a path in a manifest, and of a name in it: file systems take no longer ones.
LONGEST_PATH = 1024
LONGEST_NAME = 255
#: What may be between the fields. A spreadsheet writes semicolons where numbers have a comma, and
#: tabs where it is asked for text.
DELIMITERS = (",", ";", "\t", "|")
#: Columns whose meaning is known: capitals do not matter in their names.
KNOWN_COLUMNS = frozenset({"path", "label", "speaker", "start", "end"})

#: What a column that splits, or a folder that is a split, may be called, and what it means.
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}

#: Byte order marks of UTF-16: what spreadsheets call Unicode text.
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: First line that says what is between the fields.
_SEPARATOR_LINE = re.compile(r"sep=(.?)", re.IGNORECASE)
#: Drive that an absolute path on Windows begins with.
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
#: Characters of the categories Cc and Cs (Unicode 15, chapter 4.5): controls, and halves of pairs.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ManifestError(KwsError):
    """A manifest or a list of recordings that cannot be used."""


@dataclass(frozen=True)
class Row:
    """One recording of a manifest.

    Attributes
    ----------
    line : int
        Where in the file the row ends, from 1.
    path : str
        The recording, relative to the manifest's folder, with slashes, never above it.
    label : str
        The word; empty where the manifest does not say.
    speaker : str
        Who says it; empty where the manifest does not say.
    columns : mapping of str to str
        All further columns, the speaker's included.
    """

    line: int
    path: str
    label: str
    speaker: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read.

    Attributes
    ----------
    path : Path
        The file.
    rows : mapping of str to Row
        Its rows by the path of the recording, which is relative to `folder`.
    """

    path: Path
    rows: Mapping[str, Row]

    @property
    def folder(self) -> Path:
        """Folder that the paths are relative to."""
        return self.path.parent


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: a CSV with a column ``path`` and any others.

    Backslashes in a path are slashes, unless a file has them in its name. A time in the columns
    ``start`` and ``end`` may have a comma for its point. Times that are none are named on stderr,
    and not used.

    Parameters
    ----------
    path : Path
        The file: a CSV with a column ``path``, as `read_table` takes it.

    Returns
    -------
    Manifest
        Its rows.

    Raises
    ------
    ManifestError
        If the file cannot be read, is too large, is not UTF-8 or no CSV, has no column ``path``,
        or a path is missing, absolute, leaves the folder or comes twice with different values.
    """
    rows: dict[str, Row] = {}
    wrong: list[str] = []
    for line, values in read_table(path, ("path",)):
        wrong += [f"line {line}: {what}" for what in _mend_times(values)]
        name = relative_path(path, line, values.pop("path"))
        label = values.pop("label", "").strip()
        row = Row(line, name, label, values.get("speaker", "").strip(), values)
        first = rows.setdefault(name, row)
        # the same row twice is no contradiction, and one recording
        if (first.label, first.columns) != (row.label, row.columns):
            raise ManifestError(
                f"{path}: line {line}: {name:.200} is also in line {first.line}, with other "
                "values: keep one of them"
            )
    if wrong:
        more = f" (and {len(wrong) - 1} more like it)" if len(wrong) > 1 else ""
        note(f"kws: {path}: {wrong[0]}: the time is not used{more}: give seconds, such as 0.5")
    return Manifest(path, rows)


def _mend_times(values: dict[str, str]) -> list[str]:
    """Give times of a row a point for their comma, in place; return what is wrong with them."""
    times, wrong = [], []
    for name in ("start", "end"):
        text = values.get(name, "").strip()
        if not text:
            continue
        if re.fullmatch(r"[0-9]+,[0-9]+", text):
            values[name] = text = text.replace(",", ".")
        try:
            time = float(text)
        except ValueError:
            time = math.nan
        if 0 <= time < math.inf:
            times.append(time)
        else:
            wrong.append(f"{name} is {text[:50]!r}, which is no time")
    if len(times) == 2 and times[0] >= times[1]:
        wrong.append(f"start {times[0]:g} is not before end {times[1]:g}")
    return wrong


def find_manifest(folder: Path, known: dict[Path, Manifest]) -> Manifest | None:
    """Find the nearest manifest that names recordings of a folder: in it, or up to three above.

    Links in the folder's own path are followed first; a file of that name without a column
    ``path`` is another thing: that is said on stderr, and the search goes on.

    Parameters
    ----------
    folder : Path
        The folder of recordings.
    known : dict
        Manifests that were read already, by path; what is read is added.

    Returns
    -------
    Manifest or None
        None if there is none.

    Raises
    ------
    ManifestError
        As for `read_manifest`.
    """
    folder = folder.resolve()
    for above in (folder, *list(folder.parents)[:LEVELS]):
        path = above / MANIFEST
        if path not in known:
            if not path.is_file():
                if above in (folder, folder.parent) and above not in known:
                    known[above] = Manifest(above, {})  # its files are named once
                    _name_others(above)
                continue
            columns = column_names(path)
            if "path" in columns:
                known[path] = read_manifest(path)
            else:
                there = ", ".join(columns)[:200] or "its first line"
                note(
                    f"kws: {path}: is not used, since {there!r} has no column 'path': name the "
                    "recordings in one, or the file otherwise"
                )
                known[path] = Manifest(path, {})
        inside = "" if above == folder else folder.relative_to(above).as_posix() + "/"
        if any(name.startswith(inside) for name in known[path].rows):
            return known[path]
    return None


def _name_others(folder: Path) -> None:
    """Say of files that may be meant for a manifest that they are not used."""
    try:
        names = [one.name for one in folder.iterdir() if one.name.lower() in _LIKE_MANIFEST]
    except OSError:
        return
    for name in sorted(names):
        note(
            f"kws: {folder / name}: is not used: if it is a manifest, rename it to {MANIFEST} "
            "(commas, semicolons or tabs between its columns)"
        )


def read_table(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV with a header row.

    Parameters
    ----------
    path : Path
        The file, in UTF-8 or in UTF-16 with a byte order mark. Of `DELIMITERS` the one is between
        its fields that gives its first line the columns that are wanted; the line may be preceded
        by ``sep=;``, which spreadsheets write. Names of `KNOWN_COLUMNS` may have capitals.
    wanted : sequence of str
        Columns that must be there.

    Yields
    ------
    line : int
        The number of a row's last line, from 1.
    fields : dict of str to str
        The row's fields by column.

    Raises
    ------
    ManifestError
        If the file cannot be read, is too large, is not UTF-8 or no CSV, or lacks a column.
    """
    text = read_text(path)
    delimiter = _delimiter(text, wanted)
    reader = _reader(path, text, delimiter)
    _, header = next(reader, (1, []))
    if _SEPARATOR_LINE.fullmatch(delimiter.join(header).strip()):
        _, header = next(reader, (2, []))
    header = [_column_name(name) for name in header]
    for name in wanted:
        if name not in header:
            # a name in quotes may have lines of its own
            there = " ".join(", ".join(header).split())[:200] or "an empty file"
            raise ManifestError(
                f"{path}: line 1: no column {name!r} in {there}: the first line must name the "
                "columns, with commas between"
            )
    for name in header:
        if header.count(name) > 1:
            raise ManifestError(f"{path}: line 1: two columns {name!r:.100}: rename one")
    if len(header) > MAX_COLUMNS:
        raise ManifestError(f"{path}: line 1: more than {MAX_COLUMNS} columns: leave some out")
    for count, (line, fields) in enumerate(reader):
        if count >= MAX_ROWS:
            raise ManifestError(f"{path}: line {line}: more than {MAX_ROWS} rows: split the file")
        if len(fields) != len(header):
            raise ManifestError(
                f"{path}: line {line}: {len(fields)} fields, but line 1 names {len(header)} columns"
            )
        for name, value in zip(header, fields, strict=True):
            if len(value) > MAX_FIELD:
                raise ManifestError(
                    f"{path}: line {line}: {name!r:.100} has more than {MAX_FIELD} characters: "
                    "shorten it"
                )
        yield line, dict(zip(header, fields, strict=True))


def read_text(path: Path) -> str:
    """Read a text file of bounded size.

    Parameters
    ----------
    path : Path
        The file, at most `MAX_BYTES` large.

    Returns
    -------
    str
        Its text, without a byte order mark.

    Raises
    ------
    ManifestError
        If it cannot be read, is too large, or is not UTF-8; the line is named.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise ManifestError(f"{path}: larger than {MAX_BYTES >> 20} MiB: split the file")
    try:
        if content.startswith(_UTF16):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path}: line {line}: not UTF-8: save the file as UTF-8") from None


def _column_name(text: str) -> str:
    """Return the name of a column, as its own code looks it up."""
    name = text.strip()
    return name.lower() if name.lower() in KNOWN_COLUMNS else name


def column_names(path: Path) -> list[str]:
    """Return the names in the first line of a file that may be a manifest.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        None if it cannot be read or is no CSV.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_COLUMNS * MAX_FIELD)
    except OSError:
        return []
    text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig", "replace")
    return _first_line(text, _delimiter(text, ("path",)))


def _first_line(text: str, delimiter: str) -> list[str]:
    """Return the names in the first line of a table; none if it is no CSV."""
    first, _, rest = text.lstrip("\r\n").partition("\n")
    if _SEPARATOR_LINE.fullmatch(first.strip()):
        first = rest.partition("\n")[0]
    try:
        return [_column_name(name) for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _delimiter(text: str, wanted: Sequence[str]) -> str:
    """Return what is between the fields of a table: a comma unless something else fits."""
    for delimiter in DELIMITERS:
        if set(wanted) <= set(_first_line(text, delimiter)):
            return delimiter
    return DELIMITERS[0]


def _reader(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV that are not blank, each with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise ManifestError(f"{path}: line {reader.line_num}: no CSV ({error})") from None


def relative_path(manifest: Path, line: int, text: str) -> str:
    """Check a path of a manifest.

    Parameters
    ----------
    manifest : Path
        The file that names it.
    line : int
        Where in that file.
    text : str
        The path as it stands there.

    Returns
    -------
    str
        The path in its one normal form: relative, with slashes, below the manifest's folder.

    Raises
    ------
    ManifestError
        If it is missing, absolute, or leads out of that folder.
    """
    where = f"{manifest}: line {line}"
    if not text.strip():
        raise ManifestError(f"{where}: the path is missing")
    # what programs would print as another line, or as a command to the terminal
    if _CONTROL.search(text):
        raise ManifestError(f"{where}: the path has a control character in it: rename the file")
    if len(text.encode()) > LONGEST_PATH:
        raise ManifestError(f"{where}: the path has more than {LONGEST_PATH} bytes: shorten it")
    if "\\" in text and not is_there(manifest.parent / text):
        path = PurePosixPath(text.replace("\\", "/"))
    else:
        path = PurePosixPath(text)
    if path.is_absolute() or _DRIVE.match(text):
        raise ManifestError(
            f"{where}: {text:.200} is absolute: make it relative to the folder of the manifest"
        )
    if any(len(part.encode()) > LONGEST_NAME for part in path.parts):
        raise ManifestError(
            f"{where}: the path has a name of more than {LONGEST_NAME} bytes: shorten it"
        )
    if ".." in path.parts:
        raise ManifestError(f"{where}: {text:.200} leaves the folder of the manifest: move it in")
    return path.as_posix()


def is_there(path: Path) -> bool:
    """Tell whether there is a file of a name that nobody has checked.

    Parameters
    ----------
    path : Path
        Its last part, or all of it, comes from a list.

    Returns
    -------
    bool
        False for names that no file can have: too long ones, or with a zero character.
    """
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
