"""The state of a stream as bytes: what a spotter has to know of the past, to go on elsewhere.

Arrays of numbers and their names, no code: a header in JSON says what follows, one digest tells
damage, and another the model and all that its user decides. What is read is checked against what
the spotter that restores it can hold, so that a crafted state is refused, or does no more than a
stream could.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import KwsError

#: What a state begins with: a name, and the version of the layout.
MAGIC = b"kwsstate"
VERSION = 1
#: Bytes of a state, and of its header, at most; that of `commands` has 8 kB.
MOST_BYTES = 64 * 2**20
MOST_HEADER_BYTES = 4 * 2**20
#: Highest count of samples or steps: a thousand million years of audio, whole numbers in float64.
MOST_COUNT = 2**53
_DIGEST_BYTES = 32
_LENGTH_BYTES = 4
_TYPES = {
    one: np.dtype(one).newbyteorder("<") for one in ("float32", "float64", "int64", "int16", "int8")
}

#: Arrays of a state by their names; each part puts its own under a name of its own.
Arrays = dict[str, npt.NDArray[Any]]


def joined(**parts: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Return the arrays of several parts.

    Parameters
    ----------
    **parts : mapping of str to array
        The arrays of each part, by its name.

    Returns
    -------
    dict of str to array
        Each under ``part/name``.
    """
    return {f"{part}/{name}": own for part, arrays in parts.items() for name, own in arrays.items()}


def counts(**values: int) -> Arrays:
    """Return whole numbers as arrays.

    Parameters
    ----------
    **values : int
        The numbers, by their names.

    Returns
    -------
    dict of str to int64 (1,)
        The same.
    """
    return {name: np.array([value], np.int64) for name, value in values.items()}


class StateReader:
    """Reads the arrays of a state; each has the type, shape and range that it can have.

    Parameters
    ----------
    arrays : mapping of str to array
        What `unpack` returned.
    prefix : str
        Of the names.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], prefix: str = "") -> None:
        self._arrays = arrays
        self._prefix = prefix

    def part(self, name: object) -> StateReader:
        """Return what reads the arrays of a part.

        Parameters
        ----------
        name : object
            The part, as `joined` was given it.

        Returns
        -------
        StateReader
            For its arrays.
        """
        return StateReader(self._arrays, f"{self._prefix}{name}/")

    def has(self, name: str) -> bool:
        """Return whether there is an array.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        bool
        """
        return self._prefix + name in self._arrays

    def array(self, name: str, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an array that has the type and shape of another.

        Parameters
        ----------
        name : str
            Its name.
        like : array
            What it is to replace.

        Returns
        -------
        array
            Finite numbers.

        Raises
        ------
        KwsError
            If it is missing, or has another type or shape, or a number that is not finite.
        """
        found = self._get(name, like.dtype)
        if found.shape != like.shape:
            raise self._wrong(name)
        return found

    def rows(
        self, name: str, dtype: npt.DTypeLike, most: int, row: Sequence[int] = ()
    ) -> npt.NDArray[Any]:
        """Return an array of some rows.

        Parameters
        ----------
        name : str
            Its name.
        dtype : dtype
            Of its numbers.
        most : int
            Rows that it may have.
        row : sequence of int
            Shape of a row.

        Returns
        -------
        array (rows, *row)
            Finite numbers.

        Raises
        ------
        KwsError
            As for `array`, or if it has more rows.
        """
        found = self._get(name, np.dtype(dtype))
        if found.ndim != 1 + len(row) or found.shape[1:] != tuple(row) or len(found) > most:
            raise self._wrong(name)
        return found

    def count(self, name: str, most: int = MOST_COUNT) -> int:
        """Return a whole number.

        Parameters
        ----------
        name : str
            Its name.
        most : int
            The highest that it may be.

        Returns
        -------
        int
            0 to ``most``.

        Raises
        ------
        KwsError
            If it is missing, or out of range.
        """
        return int(self.within(name, np.zeros(1, np.int64), 0, most)[0])

    def within(
        self, name: str, like: npt.NDArray[Any], least: float, most: float
    ) -> npt.NDArray[Any]:
        """Return an array as `array` does, of numbers within a range.

        Parameters
        ----------
        name : str
            Its name.
        like : array
            What it is to replace.
        least, most : float
            The range.

        Returns
        -------
        array
            Its numbers lie within the range.

        Raises
        ------
        KwsError
            As for `array`, or if a number lies outside of the range.
        """
        found = self.array(name, like)
        if found.size and not (found.min() >= least and found.max() <= most):
            raise self._wrong(name)
        return found

    def check(self, name: str, holds: bool) -> None:
        """Refuse the state unless something holds.

        Parameters
        ----------
        name : str
            The array that is wrong if it does not.
        holds : bool
            Whether it does.

        Raises
        ------
        KwsError
            If it does not.
        """
        if not holds:
            raise self._wrong(name)

    def _get(self, name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        found = self._arrays.get(self._prefix + name)
        if found is None or found.dtype != dtype:
            raise self._wrong(name)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise self._wrong(name)
        return found

    def _wrong(self, name: str) -> KwsError:
        return KwsError(
            f"the state is of another stream or damaged ({self._prefix + name}): "
            "begin anew, without it"
        )


def pack(arrays: Arrays, of: str) -> bytes:
    """Return a state as bytes; the same state gives the same bytes.

    Parameters
    ----------
    arrays : dict of str to array
        Of the types of `unpack`.
    of : str
        What the state belongs to: see `kws.selection.identity`.

    Returns
    -------
    bytes
        What `unpack` reads.
    """
    table = [[name, str(one.dtype), list(one.shape)] for name, one in arrays.items()]
    header = json.dumps({"version": VERSION, "of": of, "arrays": table}).encode()
    content = b"".join(
        [
            MAGIC,
            len(header).to_bytes(_LENGTH_BYTES, "little"),
            header,
            *(one.astype(_TYPES[str(one.dtype)]).tobytes() for one in arrays.values()),
        ]
    )
    return content + hashlib.sha256(content).digest()


def unpack(content: bytes, of: str) -> Arrays:
    """Read the arrays of a state.

    Parameters
    ----------
    content : bytes
        What `pack` returned.
    of : str
        What the state has to belong to: see `kws.selection.identity`.

    Returns
    -------
    dict of str to array
        By their names; float32, float64, int64, int16 or int8. What they hold is not checked.

    Raises
    ------
    KwsError
        If it is no state, is damaged, or belongs to something else.
    """
    if not isinstance(content, bytes | bytearray | memoryview):
        raise KwsError(f"a state is bytes, not {type(content).__name__}")
    content = bytes(content)
    if len(content) > MOST_BYTES:
        raise KwsError(f"{len(content)} bytes are no state: one has at most {MOST_BYTES}")
    first = len(MAGIC) + _LENGTH_BYTES
    if not content.startswith(MAGIC) or len(content) < first + _DIGEST_BYTES:
        raise KwsError("these bytes are no state of a stream: give what state() returned")
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise KwsError("the state is damaged or cut short: begin anew, without it")
    length = int.from_bytes(body[len(MAGIC) : first], "little")
    try:
        if length > MOST_HEADER_BYTES:
            raise ValueError
        header = json.loads(body[first : first + length])
        version, belongs = header["version"], header["of"]
        if version != VERSION:
            raise KwsError(f"a state of version {version!r:.20}: begin anew, without it")
        if belongs != of:
            raise KwsError(
                "the state is of another model, or of other thresholds, keywords or another sample "
                "rate: open the spotter as it was, or begin anew, without it"
            )
        return _arrays(header["arrays"], body[first + length :])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise KwsError("the state is damaged: begin anew, without it") from None


def _arrays(table: Any, data: bytes) -> Arrays:
    """Read the arrays of a table; anything wrong is a ValueError, TypeError or KeyError."""
    found: Arrays = {}
    at = 0
    for name, kind, shape in table:
        dtype = _TYPES[kind]
        sizes = [size for size in shape if type(size) is int and 0 <= size <= MOST_BYTES]
        if not isinstance(name, str) or len(sizes) != len(shape) or len(sizes) > 6:
            raise ValueError
        count = math.prod(sizes)
        if count * dtype.itemsize > len(data) - at:
            raise ValueError
        found[name] = np.frombuffer(data, dtype, count, at).reshape(sizes).astype(kind)
        at += count * dtype.itemsize
    if at != len(data):
        raise ValueError
    return found
