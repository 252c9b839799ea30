"""What a verb of the command line is, and the exit statuses that all of them give."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

#: Exit statuses: bad input, anything unexpected, and Ctrl-C (128 + SIGINT) as shells have it.
BAD_INPUT = 2

UNEXPECTED = 70

INTERRUPTED = 130


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Attributes
    ----------
    name, summary : str
    example : str
        A command that works, shown by ``--help``.
    configure : callable
        Adds the verb's arguments to its parser.
    run : callable
        Takes the parsed arguments; returns the exit status.
    """

    name: str
    summary: str
    example: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
