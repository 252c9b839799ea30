"""How far long work is: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

#: Passes numbers on; told how many there will be and what they are.
Progress = Callable[[Iterator[int], int, str], Iterator[int]]


def bar(numbers: Iterator[int], total: int, what: str) -> Iterator[int]:
    """Pass numbers on while showing how far the work is.

    Parameters
    ----------
    numbers : iterator of int
        What is passed on.
    total : int
        How many numbers there will be.
    what : str
        What is being done, shown before the bar.

    Returns
    -------
    iterator of int
        The same numbers.
    """
    from tqdm import tqdm

    return iter(tqdm(numbers, total=total, desc=what, file=sys.stderr, disable=None, leave=False))
