"""What is read from outside, and what may come of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError

from .changes import change_bytes

#: Characters of a refusal, at most: it is one line, and holds at most pieces of the input.
LONGEST_REFUSAL = 4000


class BrokenPromiseError(Exception):
    """What was read is none of what the promise allows; the message says why."""


@dataclass(frozen=True)
class Reader:
    """One way by which bytes come in.

    Attributes
    ----------
    name : str
        As the command line has it.
    what : str
        What is read, in a few words.
    seeds : callable
        Returns whole inputs to begin with, at least one.
    read : callable
        Takes an input and an empty folder, which is the current one and the only one in which
        anything may be written or read. Returns in a word what came of it; a `KwsError` is a
        refusal, and any other exception breaks the promise.
    change : callable
        Returns a changed input; takes an input and the source of what is random.
    mend : callable
        Makes digests and checksums of an input right again, after changes that know nothing of
        them.
    needs : sequence of str
        Modules without which it cannot run.
    memory : int
        MiB that one input may add to those of the process that has read all seeds.
    seconds : int
        CPU seconds that one input may take.
    starts_processes : bool
        Whether reading may start processes.
    """

    name: str
    what: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, Path], str]
    change: Callable[[bytes, random.Random], bytes] = change_bytes
    mend: Callable[[bytes], bytes] = bytes
    needs: Sequence[str] = ()
    memory: int = 128
    seconds: int = 10
    starts_processes: bool = False


def outcome_of(reader: Reader, content: bytes, folder: Path) -> str:
    """Read an input, and say in a word what came of it.

    Parameters
    ----------
    reader : Reader
        Which way it comes in.
    content : bytes
        The input.
    folder : Path
        For the files of the reader.

    Returns
    -------
    str
        What `Reader.read` said, or ``refused:`` and the name of the error.

    Raises
    ------
    BrokenPromiseError
        If a refusal is more than one short line.
    Exception
        Whatever the reader raised that is no `KwsError`.
    """
    try:
        return reader.read(content, folder)
    except KwsError as error:
        text = str(error)
        if not text or "\n" in text or len(text) > LONGEST_REFUSAL:
            raise BrokenPromiseError(
                f"a refusal of {len(text)} characters in {text.count(chr(10)) + 1} lines: "
                f"{text[:200]!r}"
            ) from error
        return f"refused: {type(error).__name__}"


def generated(reader: Reader, seeds: Sequence[bytes], seed: int, number: int) -> bytes:
    """Return one of the inputs of a campaign; the same numbers give the same input.

    Parameters
    ----------
    reader : Reader
        What it is for.
    seeds : sequence of bytes
        Its seeds.
    seed : int
        Of the campaign.
    number : int
        Of the input, from 0.

    Returns
    -------
    bytes
        A changed seed.
    """
    draw = random.Random(f"{reader.name} {seed} {number}")
    return reader.change(draw.choice(seeds), draw)
