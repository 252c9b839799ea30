"""Headers of arrays as NumPy writes them, read with no trust in what they say."""

from __future__ import annotations

import math
import tokenize
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

#: What NumPy raises of a damaged header, which it parses as Python's own text.
_DAMAGE = (ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class ArrayHeader:
    """What is in front of an array's numbers.

    Attributes
    ----------
    shape : tuple of int
        None is negative.
    dtype : dtype
        Of numbers or text; never of Python objects.
    fortran : bool
        Whether the first index changes fastest.
    begin : int
        Bytes before the numbers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    begin: int


def read_array_header(stream: IO[bytes], size: int) -> ArrayHeader:
    """Read the header of an array, and check that what it says fits into the file.

    Parameters
    ----------
    stream : binary stream
        At the beginning of the array; it is left where the numbers begin.
    size : int
        Bytes of header and numbers together.

    Returns
    -------
    ArrayHeader
        Its numbers take exactly the rest of the file.

    Raises
    ------
    ValueError
        If it is none, or damaged, or the file is cut off or longer than it says. The message is
        one line.
    """
    try:
        version = np.lib.format.read_magic(stream)
        shape, fortran, dtype = _HEADERS[version](stream)
    except (*_DAMAGE, SyntaxError, tokenize.TokenError):
        raise ValueError("its header is damaged, or of a later NumPy") from None
    if dtype.hasobject or any(length < 0 for length in shape):
        raise ValueError(f"it is an array of {dtype!s:.60} {shape!s:.60}, which is not read")
    begin = stream.tell()
    if math.prod(shape) * dtype.itemsize != size - begin:
        raise ValueError("it is cut off, or longer than it says")
    return ArrayHeader(shape, dtype, fortran, begin)
