"""How far long work is: a bar on a terminal, nothing in a pipe, a file for programs that ask."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

#: Names the file that says how far the work is, for the program that started this one.
VARIABLE = "KWS_PROGRESS"
#: Seconds between two times that the file is written.
PAUSE = 0.3
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

    told = os.environ.get(VARIABLE)
    if told:
        numbers = _told(numbers, total, what, Path(told))
    return iter(tqdm(numbers, total=total, desc=what, file=sys.stderr, disable=None, leave=False))


def _told(numbers: Iterator[int], total: int, what: str, path: Path) -> Iterator[int]:
    """Pass numbers on, and write to a file how many there were: JSON, replaced as a whole."""
    begun = latest = time.monotonic()
    first = 0.0  # seconds that the first took: of a training it is compiled in them

    def write(done: int) -> None:
        seconds = round(time.monotonic() - begun, 1)
        values = {"what": what, "done": done, "total": total, "seconds": seconds}
        values["first"] = round(first, 1)
        part = path.with_suffix(".part")
        with contextlib.suppress(OSError):  # the work matters more than what is told of it
            part.write_text(json.dumps(values))
            part.replace(path)

    write(0)
    for done, number in enumerate(numbers):
        if done == 1:
            first = time.monotonic() - begun
        if time.monotonic() - latest >= PAUSE:
            latest = time.monotonic()
            write(done)
        yield number
    write(total)
