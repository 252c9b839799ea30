"""How far long work is: a bar on a terminal, nothing in a pipe, a file for programs that ask."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import parent_process
from pathlib import Path

#: Names the file that says how far the work is, for the program that started this one.
VARIABLE = "KWS_PROGRESS"
#: Seconds between two times that the file is written.
PAUSE = 0.3
#: Passes numbers on; told how many there will be and what they are.
Progress = Callable[[Iterator[int], int, str], Iterator[int]]


def bar(numbers: Iterator[int], total: int, what: str) -> Iterator[int]:
    """Pass numbers on while showing how far the work is.

    A process that works for another shows nothing: that one shows how far all of them are.

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

    if parent_process() is not None:
        return numbers
    telling = Telling(what, total)
    if telling.asked:
        numbers = _told(numbers, total, telling)
    return iter(tqdm(numbers, total=total, desc=what, file=sys.stderr, disable=None, leave=False))


class Telling:
    """Writes how far the work is to the file that `VARIABLE` names; does nothing without one.

    Parameters
    ----------
    what : str
        What is being done.
    total : int
        How much there will be.
    """

    def __init__(self, what: str, total: int) -> None:
        self._path = Path(told) if (told := os.environ.get(VARIABLE)) else None
        self._what, self._total = what, total
        self._begun = time.monotonic()
        self._latest = -PAUSE
        self._first = 0.0

    @property
    def asked(self) -> bool:
        """Whether a program asks how far the work is."""
        return self._path is not None

    def first_is_done(self) -> None:
        """Note how long the first took: of a training it is compiled in them."""
        self._first = time.monotonic() - self._begun

    def tell(self, done: int) -> None:
        """Write it as JSON, which replaces the file as a whole; the end, and else now and then.

        Parameters
        ----------
        done : int
            How much is done.
        """
        if self._path is None:
            return
        now = time.monotonic()
        if done < self._total and now - self._latest < PAUSE:
            return
        self._latest = now
        values = {
            "what": self._what,
            "done": done,
            "total": self._total,
            "seconds": round(now - self._begun, 1),
            "first": round(self._first, 1),
        }
        part = self._path.with_suffix(".part")
        with contextlib.suppress(OSError):  # the work matters more than what is told of it
            part.write_text(json.dumps(values))
            part.replace(self._path)


def _told(numbers: Iterator[int], total: int, telling: Telling) -> Iterator[int]:
    """Pass numbers on, and tell how many there were."""
    telling.tell(0)
    for done, number in enumerate(numbers):
        if done == 1:
            telling.first_is_done()
        telling.tell(done)
        yield number
    telling.tell(total)
