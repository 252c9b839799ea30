"""The highest of many scores in the order of time, of each event one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def peaks(
    scores: npt.NDArray[np.float32 | np.float64], apart: int, most: int
) -> npt.NDArray[np.int64]:
    """Return where the highest scores are, taken one by one, the highest first.

    Parameters
    ----------
    scores : float (columns,)
    apart : int
        Columns from one to the next, at least.
    most : int
        How many are taken.
    """
    taken = np.zeros(len(scores) + 2 * apart, np.bool_)  # a margin at either end
    found: list[int] = []
    for column in np.argsort(-scores, kind="stable").tolist():
        if len(found) == most:
            break
        if not taken[column + 1 : column + 2 * apart].any():
            taken[column + apart] = True
            found.append(column)
    return np.array(found, np.int64)
