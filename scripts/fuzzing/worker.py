"""Reads inputs in a process of its own, under bounds; what breaks the promise ends it, or is said.

Each input is a line on the way back: its number, what came of it, CPU seconds, and the most memory
so far. The input behind the last line is the one at which a process crashed or hung.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .reader import BrokenPromiseError, Reader, outcome_of

#: Exit status of a worker whose memory has grown too far: another goes on without its past.
GROWN = 3
#: Seconds on the clock for each CPU second that an input may take, at most: others work here too.
WALL = 12
#: Address space beyond what is taken already, for each MiB that an input may add.
ADDRESSES = 8

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: What changes files: the arguments that are paths.
_CHANGES = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"), (0,)),
    **dict.fromkeys(("os.rename", "os.link"), (0, 1)),
    "os.symlink": (1,),
}
_PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")


@dataclass
class Guard:
    """Notes what is done outside of a folder; Python tells an audit hook of it.

    Attributes
    ----------
    folder : str
        In which files may be read and written.
    around : str
        The folder above it, in which nothing may be read.
    processes : bool
        Whether processes may be started.
    active : bool
        Whether an input is being read.
    broken : list of str
        What was done.
    """

    folder: str
    around: str
    processes: bool
    active: bool = False
    broken: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: Any) -> None:
        """Take what Python tells; see `sys.addaudithook`."""
        if not self.active:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes | os.PathLike):
                self._opened(os.fsdecode(path), bool((flags or 0) & _WRITES))
        elif event in _CHANGES:
            for number in _CHANGES[event]:
                path = arguments[number]
                if isinstance(path, str | bytes | os.PathLike):
                    self._opened(os.fsdecode(path), True)
        elif event == "pickle.find_class" or (event in _PROCESSES and not self.processes):
            self.broken.append(f"{event}: {str(arguments)[:200]}")

    def _opened(self, path: str, writes: bool) -> None:
        if writes or path.startswith((self.around, "/etc/passwd", ".")) or ".." in path:
            self.active = False  # what follows is our own
            whole = Path(path).absolute()
            # of a link, itself is changed, not what it leads to
            place = whole.resolve() if whole.name == ".." else whole.parent.resolve() / whole.name
            self.active = True
            inside = f"{place}/".startswith(f"{self.folder}/")
            near = f"{place}/".startswith(f"{self.around}/") or str(place) == "/etc/passwd"
            if not inside and (near or (writes and str(place) != os.devnull)):
                self.broken.append(f"{'writes' if writes else 'reads'} {path!r:.200}")


def work(
    reader: Reader,
    seeds: Sequence[bytes],
    inputs: Callable[[int], bytes],
    numbers: range,
    report: int,
    folder: Path,
) -> None:
    """Read inputs, and report each; for a process of its own.

    Parameters
    ----------
    reader : Reader
        Which way they come in.
    seeds : sequence of bytes
        Read first: what they take is not counted.
    inputs : callable
        Returns an input by its number.
    numbers : range
        Of the inputs to read.
    report : int
        Descriptor of the pipe for the lines.
    folder : Path
        Empty, and in a folder of its own.
    """
    errors = (folder.parent / "stderr").open("wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(errors.fileno(), 2)
    faulthandler.enable(errors)
    os.chdir(folder)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder), KWS_CACHE=str(folder / "cache"))
    sys.dont_write_bytecode = True
    guard = Guard(str(folder), str(folder.parent), reader.starts_processes)
    sys.addaudithook(guard)
    for number, content in enumerate(seeds):
        outcome = outcome_of(reader, content, folder)
        if outcome.startswith("refused"):  # else changes of it would show nothing
            raise ValueError(f"seed {number} is {outcome}")
        _empty(folder)
    _bound_memory(reader)
    signal.setitimer(signal.ITIMER_PROF, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    os.write(report, b"ready\n")
    for number in numbers:
        content = inputs(number)
        guard.broken.clear()
        signal.setitimer(signal.ITIMER_PROF, reader.seconds)
        signal.setitimer(signal.ITIMER_REAL, reader.seconds * WALL)
        started = time.process_time()
        guard.active = True
        why = trace = ""
        try:
            outcome = outcome_of(reader, content, folder)
        except BrokenPromiseError as error:
            outcome, why = "broken", str(error)
        except BaseException as error:
            outcome, why = "broken", f"{type(error).__name__}: {error!s:.300}"
            trace = traceback.format_exc()[-5000:]
        guard.active = False
        taken = time.process_time() - started
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if guard.broken:
            outcome, why = "broken", guard.broken[0]
        elif beside := {one.name for one in folder.parent.iterdir()} - {"here", "stderr"}:
            outcome, why = "broken", f"a file beside the folder: {sorted(beside)}"
        added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        grown = added > reader.memory
        if grown and outcome != "broken":
            outcome, why = "broken", f"{added:.0f} MiB more than before"
        line = json.dumps([number, outcome, why, trace, taken, added])
        os.write(report, line.encode() + b"\n")
        if grown:
            os._exit(GROWN)
        _empty(folder)
    os._exit(0)


def _bound_memory(reader: Reader) -> None:
    """Let allocations fail that would take the machine's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    taken = pages * os.sysconf("SC_PAGE_SIZE")
    most = taken + reader.memory * ADDRESSES * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _empty(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink()
