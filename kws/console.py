"""What is said to people on stderr, and what libraries print that nobody should see."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path


def note(line: str) -> None:
    """Print a line for people on stderr, so that stdout stays for results.

    Prints nothing where stderr is closed: ``print`` would take None for stdout.

    Parameters
    ----------
    line : str
        Characters that could steer a terminal, or feign a second line in a log, are escaped: names
        of files and answers of servers are part of it.
    """
    if sys.stderr is not None:
        shown = line if line.isprintable() else "".join(map(_escaped, line))
        print(shown, file=sys.stderr, flush=True)


def ask(question: str) -> str:
    """Ask a person on stderr, where the rest is said too: stdout is for programs.

    Parameters
    ----------
    question : str
        With the space before the answer.

    Returns
    -------
    str
        The line that was typed, with its end.

    Raises
    ------
    EOFError
        If there is no line any more.
    """
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError
    return answer


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what a library prints, from Python and from C++: notes, progress, warnings.

    Errors are raised, not printed. A stream that is closed stays closed.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    kept = []
    # Opened first: where stdout or stderr is closed, this takes its place.
    with Path(os.devnull).open("w") as nowhere, warnings.catch_warnings():
        for descriptor in {1, 2} - {nowhere.fileno()}:
            with contextlib.suppress(OSError):  # closed
                kept.append((descriptor, os.dup(descriptor)))
        try:
            for descriptor, _ in kept:
                os.dup2(nowhere.fileno(), descriptor)
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(nowhere):
                yield
        finally:
            for descriptor, copy in kept:
                os.dup2(copy, descriptor)
                os.close(copy)
