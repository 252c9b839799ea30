"""Array types that the annotations name, numpy arrays of one dtype; and arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]

#: Rows of an array that grows, at first.
FIRST_ROWS = 64


def grown(array: npt.NDArray[Any], used: int, wanted: int, most: int) -> npt.NDArray[Any]:
    """Return an array with as many rows as are wanted: the same one as long as they fit in.

    Parameters
    ----------
    array : array (rows, ...)
        What grows.
    used : int
        Rows from the first that hold something, which is kept.
    wanted : int
        Rows that will be used, at most ``most``.
    most : int
        Rows that it may ever have.

    Returns
    -------
    array (rows or more, ...)
        At least twice as many rows where it has grown, so that it seldom does.
    """
    if wanted <= len(array):
        return array
    size = min(most, max(wanted, 2 * len(array), FIRST_ROWS))
    new = np.empty((size, *array.shape[1:]), array.dtype)
    new[:used] = array[:used]
    return new
