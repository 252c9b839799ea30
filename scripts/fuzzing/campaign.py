"""Runs a reader over many inputs in child processes, and counts what becomes of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .reader import Reader, generated
from .worker import GROWN, work

#: Where files are made and removed fastest.
_MEMORY = Path("/dev/shm")
#: Inputs that break the promise, after which a reader is given up.
MOST_BROKEN = 20


@dataclass
class Tally:
    """What became of the inputs of a reader.

    Attributes
    ----------
    reader : str
        Its name.
    outcomes : Counter of str
        How many inputs came to what.
    broken : list of (int, str, str)
        Inputs that broke the promise, by number, how, and where in the code.
    seconds : float
        CPU seconds of the slowest input.
    memory : float
        MiB that inputs added to the process, at most.
    started : float
        On the clock of `time.monotonic`.
    """

    reader: str
    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    seconds: float = 0.0
    memory: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def inputs(self) -> int:
        """Inputs that were read."""
        return self.outcomes.total()

    def line(self) -> str:
        """Return all of it in one line."""
        taken = time.monotonic() - self.started
        ends = ", ".join(f"{count} {what}" for what, count in self.outcomes.most_common())
        return (
            f"{self.reader:<12} {self.inputs:>7} inputs in {taken:.0f} s: {ends}; slowest "
            f"{self.seconds:.2f} s, at most {self.memory:.0f} MiB added"
        )


def run(
    reader: Reader,
    seed: int,
    count: int,
    keep: Path | None = None,
    given: Sequence[bytes] | None = None,
    progress: Callable[[Tally], object] = lambda _: None,
) -> Tally:
    """Read inputs, each by the promise or noted.

    Parameters
    ----------
    reader : Reader
        Which way they come in.
    seed : int
        Of the inputs that are made.
    count : int
        How many are made.
    keep : Path, optional
        Folder for inputs that break the promise, each with a text that says how.
    given : sequence of bytes, optional
        Inputs that are read in place of made ones.
    progress : callable
        Told the counts so far, now and then.

    Returns
    -------
    Tally
        What became of them.

    Raises
    ------
    RuntimeError
        If the seeds cannot be read.
    """
    seeds = reader.seeds()

    def inputs(number: int) -> bytes:
        return generated(reader, seeds, seed, number) if given is None else given[number]

    tally, next_one = Tally(reader.name), 0
    total = count if given is None else len(given)
    while next_one < total and len(tally.broken) < MOST_BROKEN:
        top = Path(
            tempfile.mkdtemp(prefix="kws-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)
        ).resolve()
        try:
            known = len(tally.broken)
            next_one = _run_child(
                reader, seeds, inputs, range(next_one, total), top, tally, progress
            )
            for number, why, trace in tally.broken[known:]:
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    path = keep / f"{reader.name}-{seed}-{number}"
                    path.write_bytes(inputs(number))
                    path.with_name(f"{path.name}.txt").write_text(f"{why}\n\n{trace}")
        finally:
            shutil.rmtree(top, ignore_errors=True)
    return tally


def _run_child(
    reader: Reader,
    seeds: Sequence[bytes],
    inputs: Callable[[int], bytes],
    numbers: range,
    top: Path,
    tally: Tally,
    progress: Callable[[Tally], object],
) -> int:
    """Read inputs in one process until it ends; return the number of the next input."""
    folder = top / "here"
    folder.mkdir()
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(receive)
            work(reader, seeds, inputs, numbers, send, folder)
        except BaseException as error:
            os.write(send, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(1)
    os.close(send)
    last, ready, told = numbers.start - 1, False, time.monotonic()
    said = ""
    with os.fdopen(receive, encoding="utf-8") as lines:
        for line in lines:
            if not ready:
                ready, said = line == "ready\n", said + line
                continue
            if not line.startswith("["):
                raise RuntimeError(f"{reader.name}: input {last + 1} cannot be made: {line}")
            last, outcome, why, trace, seconds, memory = json.loads(line)
            tally.outcomes[outcome] += 1
            tally.seconds = max(tally.seconds, seconds)
            tally.memory = max(tally.memory, memory)
            if outcome == "broken":
                tally.broken.append((last, why, trace))
                if len(tally.broken) >= MOST_BROKEN:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    return last + 1
            if time.monotonic() - told > 10:
                told = time.monotonic()
                progress(tally)
    status = os.waitpid(child, 0)[1]
    if not ready:
        raise RuntimeError(f"{reader.name}: its seeds cannot be read: {said or status}")
    if status == 0 or os.waitstatus_to_exitcode(status) == GROWN:
        return last + 1
    tally.outcomes["broken"] += 1
    trace = (top / "stderr").read_text("utf-8", "replace")[-5000:]
    tally.broken.append((last + 1, _end(status, reader), trace))
    return last + 2


def _end(status: int, reader: Reader) -> str:
    if not os.WIFSIGNALED(status):
        return f"the process ended with status {os.WEXITSTATUS(status)}"
    number = signal.Signals(os.WTERMSIG(status))
    if number in (signal.SIGPROF, signal.SIGALRM):
        return f"more than {reader.seconds} CPU seconds"
    return f"the process crashed: {number.name}"
