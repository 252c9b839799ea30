"""Files of arrays (``.npz``), read within bounds: a small file may say that it holds terabytes."""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.npy import read_array_header
from kws.zips import is_bounded

#: Bytes that are read at once.
_AT_ONCE = 1 << 20
#: Entries of a file, at most.
MOST_ENTRIES = 100_000
#: What reading a damaged archive raises.
_DAMAGE = (
    OSError,
    EOFError,
    MemoryError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class StoredArraysError(KwsError):
    """A file of arrays that cannot be used; the message is a reason, without the file's name."""


def read_arrays(
    path: Path | BinaryIO, names: Sequence[str], most_bytes: int, optional: Sequence[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Read some of the arrays of a file.

    Parameters
    ----------
    path : Path or binary stream
        A ``.npz`` file, as `numpy.savez` writes it.
    names : sequence of str
        Arrays that must be there.
    most_bytes : int
        Bytes of all these arrays together, at most.
    optional : sequence of str
        Arrays that are read if they are there.

    Returns
    -------
    dict of str to array
        Of numbers or text, by name.

    Raises
    ------
    StoredArraysError
        If the file cannot be read, is damaged, lacks an array, or holds more than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.namelist()) > MOST_ENTRIES:
                raise ValueError(f"more than {MOST_ENTRIES} entries")
            there = set(archive.namelist())
            wanted = [*names, *(name for name in optional if f"{name}.npy" in there)]
            missing = [name for name in names if f"{name}.npy" not in there]
            if missing:
                raise ValueError(f"has no array {missing[0]!r}")
            entries = {name: archive.getinfo(f"{name}.npy") for name in wanted}
            size = sum(entry.file_size for entry in entries.values())
            if not all(map(is_bounded, entries.values())):
                raise ValueError("is encrypted, or not compressed by Deflate")
            if size > most_bytes:
                raise ValueError(f"{size} bytes, at most {most_bytes} are read")
            return {name: _read(archive, entry) for name, entry in entries.items()}
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise StoredArraysError(reason) from None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """Read an array into memory that is as large as the entry says, and no larger."""
    with archive.open(entry) as stream:
        header = read_array_header(stream, entry.file_size)
        array = np.empty(header.shape[::-1] if header.fortran else header.shape, header.dtype)
        # of bytes, also where the numbers are none that Python's buffers know, such as times
        memory = array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
        filled = 0
        while filled < len(memory):
            piece = stream.read(min(_AT_ONCE, len(memory) - filled))
            if not piece:
                raise ValueError(f"{entry.filename[:100]} is cut off")
            memory[filled : filled + len(piece)] = piece
            filled += len(piece)
        if stream.read(1):  # to the end, where the checksum is compared
            raise ValueError(f"{entry.filename[:100]} is longer than it says")
    if array.dtype.kind == "U" and not _is_text(array):
        raise ValueError(f"{entry.filename[:100]} has letters that are none")
    return array.T if header.fortran else array


def _is_text(array: npt.NDArray[np.str_]) -> bool:
    """Tell whether all letters are of Unicode: Python makes no text of others."""
    if not array.nbytes:
        return True
    letters = array.reshape(-1).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    return bool((letters <= sys.maxunicode).all())


def pieces_of(joined: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> list[npt.NDArray[Any]] | None:
    """Cut an array into pieces that were joined when it was written.

    Parameters
    ----------
    joined : array (n, ...)
        All pieces, one after the other.
    lengths : int array (pieces,)
        How long each is: together n.

    Returns
    -------
    list of array, or None
        None if the lengths are none, or not those of the array.
    """
    if joined.ndim < 1 or lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        return None
    sizes = lengths.tolist()  # Python's integers, whose sum is right
    if any(size < 0 for size in sizes) or sum(sizes) != len(joined):
        return None
    return np.split(joined, np.cumsum(lengths)[:-1]) if sizes else []


def holds_array(path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> bool:
    """Tell whether a ``.npy`` file is whole and of the type and shape that are wanted.

    Parameters
    ----------
    path : Path
        The file, which may be missing or damaged.
    dtype : dtype
        Of its numbers.
    shape : tuple of int
        Of the array.

    Returns
    -------
    bool
        True if it can be mapped into memory as such.
    """
    try:
        with path.open("rb") as file:
            header = read_array_header(file, path.stat().st_size)
    except (OSError, ValueError):
        return False
    return header.shape == shape and header.dtype == dtype and not header.fortran
