"""Runs commands in children of one process, and kills them at a chosen moment.

    python moments.py

Each line of standard input asks for a run, in JSON; a line of standard output answers. TensorFlow
is imported once, by the parent: a child begins in a moment, and is killed for real.

A moment is a change of files below the folders that are watched: a file opened to write, a name
that is given, changed or deleted. Python tells of them before they happen (`sys.addaudithook`), so
that what is killed at moment n has made n - 1 changes, and what it had not flushed is lost. With
``bytes`` the system itself kills (SIGXFSZ) where a file would become longer: in the middle of a
write; with ``full`` it does not kill, and the write fails as on a full disk. With ``kill_when`` the
parent kills once a file is there, which a server makes. ``constants`` are set in modules first.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
#: Events of Python that tell of a change, and how many of their arguments are paths.
CHANGES = {
    "os.rename": 2,
    "os.remove": 1,
    "os.mkdir": 1,
    "os.rmdir": 1,
    "os.link": 2,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.utime": 1,
}


def watch(folders: list[str], told: Callable[[], None]) -> None:
    """Call a function before each change of files below folders."""

    def is_inside(path: object) -> bool:
        if isinstance(path, int):
            return False
        name = os.fsdecode(path)  # type: ignore[arg-type]
        # a relative one is of a folder that is being deleted, or of the present folder
        return not name.startswith("/") or any(name.startswith(one) for one in folders)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            changes = bool(flags & WRITES) and path is not None and is_inside(path)
        else:
            changes = any(map(is_inside, arguments[: CHANGES.get(event, 0)]))
        if changes:
            told()

    sys.addaudithook(hook)


def offer(sources: dict[str, dict[str, Any]]) -> None:
    """Change where data sets come from, as if the table of the package said so."""
    from kws_training.data import sources as table
    from kws_training.data.unpack import Bounds

    changed = []
    for source in table.SOURCES:
        given = sources.get(source.name)
        if given is not None:
            archive = dataclasses.replace(
                source.archive, **{**given, "mirrors": tuple(given["mirrors"])}
            )
            bounds = Bounds(files=100, size=20_000_000)
            source = dataclasses.replace(source, archive=archive, bounds=bounds)
        changed.append(source)
    for module in list(sys.modules.values()):
        if getattr(module, "SOURCES", None) is table.SOURCES and module is not table:
            module.SOURCES = tuple(changed)  # type: ignore[attr-defined]
    table.SOURCES = tuple(changed)


def run(asked: dict[str, Any], counted: int) -> int:
    """Do what is asked for, in a child."""
    os.chdir(asked["folder"])
    os.environ.update(asked.get("environment", {}))
    for name in asked.get("unset", []):
        os.environ.pop(name, None)
    for name, value in asked.get("constants", {}).items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(module), constant, value)
    if asked.get("sources"):
        offer(asked["sources"])
    if asked.get("bytes") is not None:
        # Python ignores the signal, and gets an error instead: the disk is full, so to say
        full = asked.get("full", False)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN if full else signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["bytes"],) * 2)
    count = 0

    def told() -> None:
        nonlocal count
        count += 1
        if count == asked.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    watch(asked["watched"], told)
    from kws.cli.main import main

    try:
        status = main(asked["command"])
    except SystemExit as end:
        status = int(end.code or 0)
    os.write(counted, str(count).encode())
    return status


def wait(child: int, mark: str | None) -> int:
    """Wait for a child to end; kill it once there is a certain file."""
    while mark is not None:
        found, ended = os.waitpid(child, os.WNOHANG)
        if found:
            return ended
        if Path(mark).exists():
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.005)
    return os.waitpid(child, 0)[1]


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Run a command in a child; say how it ended, what it said, and how many moments it had."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            status = 99
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                status = run(asked, writes)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)
        os.close(writes)
        ended = wait(child, asked.get("kill_when"))
        moments = os.read(reads, 100)
        os.close(reads)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace"))
    return {
        "status": os.waitstatus_to_exitcode(ended),
        "moments": int(moments or 0),
        "out": said[0],
        "err": said[1],
    }


def main() -> None:
    """Import what takes long, then do what is asked for until there is no more."""
    for name in sys.argv[1:]:
        __import__(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
