"""What a verb of the command line is, and the exit statuses that all of them give."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

#: Exit status where the input or the arguments cannot be used.
BAD_INPUT = 2
#: Exit status where something unexpected went wrong: EX_SOFTWARE of sysexits.h.
UNEXPECTED = 70
#: Exit status after Ctrl-C, as shells have it: 128 and the number of SIGINT.
INTERRUPTED = 130


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Attributes
    ----------
    name : str
        What follows ``kws`` on the command line.
    summary : str
        What it does, in a line of ``kws --help``.
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
