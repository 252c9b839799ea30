"""Runs `kws.bench.measure` in processes of its own: one for each model and number of threads.

So no model's memory is another's, and the time from starting Python to the first posterior can be
measured at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, Any

from ..packaged import model_content, without_network
from .machine import read_state
from .measure import describe, load
from .result import BenchError

#: Called with what is being done and how much of it is done, 0 .. 1.
Progress = Callable[[str, float], None]

#: How names of compiled files end.
COMPILED = ".pyc"
#: Runs from starting Python to the first posterior.
STARTS = 3
#: Seconds between two looks at frequency and temperature.
LOOK_SECONDS = 2.0
#: Seconds that a process may be silent before it is given up.
LONGEST_START = 120.0

_START = """
import sys, time
from kws.bench.measure import load
from kws.spotter import KeywordSpotter
import numpy as np
spotter = KeywordSpotter(load(sys.argv[1]))
hop = round(spotter.metadata.streaming.frames * spotter.metadata.front_end.hop)
while not len(spotter.process_posteriors(np.zeros(hop, np.float32))):
    pass
print(time.monotonic_ns())
"""
_WORK = "from kws.bench.measure import worker; worker()"


def run(path: str, threads: int, seconds: float, progress: Progress) -> Iterator[dict[str, Any]]:
    """Measure one model; yields its entry again and again, each time with more in it.

    Who stops taking entries ends the measurement, and has the last one.

    Parameters
    ----------
    path : str
        A model file, or the name of one in the package; empty for the default.
    threads : int
        Threads of the interpreter.
    seconds : float
        How long, warm-up and loading not counted.
    progress : callable
        Called with what is being done, and how much of it is done, 0 .. 1.

    Yields
    ------
    dict
        The entry, as far as it is known.

    Raises
    ------
    BenchError
        If the process that measures fails.
    KwsError
        If the model cannot be read.
    """
    entry = describe(load(path), threads)
    entry["file_bytes"] = _model_bytes(path)
    entry["states"] = [read_state().to_dict()]
    entry["start"] = []
    # the client of the Hub is not part of what a model costs
    path = str(without_network(path or None) or "")
    for number in range(STARTS):
        progress("starting", number / STARTS)
        entry["start"].append(start_seconds(path))
        yield entry
    looked = time.monotonic()
    power = True  # asked for once while it streams: to ask takes a core's time
    with _process(_WORK, path, str(threads), str(seconds)) as (process, errors):
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            entry |= message["found"] | {"path": entry["path"]}  # as it was named
            progress(message["doing"], message["share"])
            if time.monotonic() - looked > LOOK_SECONDS:
                entry["states"].append(read_state(tools=power).to_dict())
                looked, power = time.monotonic(), False
            yield entry
        if process.wait() != 0:
            raise BenchError(f"{entry['path']}: measuring failed: {_last_line(errors)}")
    entry["states"].append(read_state().to_dict())
    yield entry


def start_seconds(path: str) -> float:
    """Return the time from starting Python to the first posterior, in a fresh process.

    Both processes read the system's monotonic clock, which they share.

    Parameters
    ----------
    path : str
        A model file, or the name of one in the package; empty for the default.

    Returns
    -------
    float
        Seconds.
    """
    start = time.monotonic_ns()
    with _process(_START, path) as (process, errors):
        try:
            out, _ = process.communicate(timeout=LONGEST_START)
        except subprocess.TimeoutExpired:
            raise BenchError(f"no result within {LONGEST_START:.0f} s of starting Python") from None
        if process.returncode != 0:
            raise BenchError(f"starting failed: {_last_line(errors)}")
    return (int(out) - start) / 1e9


@contextlib.contextmanager
def _process(code: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start Python with this very package; the process ends with the block, however that ends."""
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            # -P: nothing is imported from the folder that one happens to be in
            [sys.executable, "-P", "-c", code, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # Ctrl-C is for us: what was measured is kept
        )
        try:
            yield process, errors
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _last_line(errors: IO[str]) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read(1 << 20).splitlines() if line.strip()]
    # of an error's last line, its text
    return re.sub(r"^[\w.]+Error: ", "", lines[-1])[:300] if lines else "it said nothing"


def _model_bytes(path: str) -> int:
    return len(model_content(path or None))


def install_bytes() -> dict[str, int]:
    """Return the bytes on disk of each package that the device install needs, and their total.

    Compiled files are left out: Python makes them as it goes, a set for each of its versions.

    Returns
    -------
    dict
        Bytes by the name of the package, and ``total``.
    """
    found = {"kws": _folder_bytes(Path(__file__).resolve().parents[1])}
    waiting = ["numpy", "ai-edge-litert", "tflite-runtime"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        files = (file for file in package.files or () if file.suffix != COMPILED)
        found[name] = sum(_file_bytes(package, file) for file in files)
        waiting += _needed_by(package)
    found["total"] = sum(found.values())
    return dict(sorted(found.items()))


def _needed_by(package: Distribution) -> list[str]:
    """Return the names of the packages that one needs; what extras need is left out."""
    needed = [text for text in package.requires or () if "extra ==" not in text]
    return [re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0] for text in needed]


def _file_bytes(package: Distribution, file: Any) -> int:
    try:
        return os.stat(str(package.locate_file(file))).st_size  # noqa: PTH116
    except OSError:  # listed, but not there: compiled files, mostly
        return 0


def _folder_bytes(folder: Path) -> int:
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != COMPILED)
    return sum(file.stat().st_size for file in files)
