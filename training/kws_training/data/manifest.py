"""Manifests: CSV files that say who speaks in a recording, and what else is known about it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kws.errors import KwsError

#: Name of the file that is looked for.
MANIFEST = "manifest.csv"

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

    Parameters
    ----------
    path : Path
        The file: a CSV with a column ``path``.

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
    for line, values in read_table(path, ("path",)):
        name = _relative(path, line, values.pop("path"))
        label = values.pop("label", "").strip()
        row = Row(line, name, label, values.get("speaker", "").strip(), values)
        first = rows.setdefault(name, row)
        # the same row twice is no contradiction, and one recording
        if (first.label, first.columns) != (row.label, row.columns):
            raise ManifestError(
                f"{path}: line {line}: {name} is also in line {first.line}, with other values: "
                "keep one of them"
            )
    return Manifest(path, rows)


def find_manifest(folder: Path, known: dict[Path, Manifest]) -> Manifest | None:
    """Find the nearest manifest that names recordings of a folder: in it, or up to three above.

    Links in the folder's own path are followed first; a file of that name without a column
    ``path`` is another thing and passed over.

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
            if not path.is_file() or "path" not in _header(path):
                continue
            known[path] = read_manifest(path)
        inside = "" if above == folder else folder.relative_to(above).as_posix() + "/"
        if any(name.startswith(inside) for name in known[path].rows):
            return known[path]
    return None


def read_table(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV with a header row.

    Parameters
    ----------
    path : Path
        The file.
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
    reader = _reader(path, read_text(path))
    _, header = next(reader, (1, []))
    header = [name.strip() for name in header]
    for name in wanted:
        if name not in header:
            there = ", ".join(header)[:200] or "an empty file"
            raise ManifestError(
                f"{path}: line 1: no column {name!r} in {there}: the first line must name the "
                "columns, with commas between"
            )
    for name in header:
        if header.count(name) > 1:
            raise ManifestError(f"{path}: line 1: two columns {name!r}: rename one")
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
                    f"{path}: line {line}: {name} has more than {MAX_FIELD} characters: shorten it"
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
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path}: line {line}: not UTF-8: save the file as UTF-8") from None


def _header(path: Path) -> list[str]:
    """Return the names in the first line of a file; none if it is no CSV."""
    try:
        with path.open("rb") as file:
            line = file.readline(MAX_COLUMNS * MAX_FIELD).decode("utf-8-sig")
        return [name.strip() for name in next(csv.reader([line]), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _reader(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV that are not blank, each with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise ManifestError(f"{path}: line {reader.line_num}: no CSV ({error})") from None


def _relative(manifest: Path, line: int, text: str) -> str:
    """Check a path of a manifest; return it in its one normal form."""
    where = f"{manifest}: line {line}"
    if not text.strip():
        raise ManifestError(f"{where}: the path is missing")
    if "\0" in text:
        raise ManifestError(f"{where}: the path has a zero character in it")
    path = PurePosixPath(text)
    if path.is_absolute():
        raise ManifestError(
            f"{where}: {text} is absolute: make it relative to the folder of the manifest"
        )
    if ".." in path.parts:
        raise ManifestError(f"{where}: {text} leaves the folder of the manifest: move it in")
    return path.as_posix()
