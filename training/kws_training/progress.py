"""What is said during long work, and what is not: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

#: Passes numbers on; told how many there will be and what they are.
Progress = Callable[[Iterator[int], int, str], Iterator[int]]


def bar(numbers: Iterator[int], total: int, what: str) -> Iterator[int]:
    """Pass numbers on while showing how far the work is."""
    from tqdm import tqdm

    return iter(tqdm(numbers, total=total, desc=what, file=sys.stderr, disable=None, leave=False))


def say(message: str) -> None:
    """Say what was done, on stderr, so that stdout stays for results."""
    print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Drop what a library prints, from Python and from C++: notes, progress, warnings.

    Errors are raised, not printed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [(stream, os.dup(stream)) for stream in (1, 2)]
    try:
        with Path(os.devnull).open("w") as nowhere, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for stream, _ in saved:
                os.dup2(nowhere.fileno(), stream)
            with contextlib.redirect_stdout(nowhere):
                yield
    finally:
        for stream, copy in saved:
            os.dup2(copy, stream)
            os.close(copy)
