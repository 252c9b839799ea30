"""What every engine's adapter does: load, stream the audio, say what it took.

An adapter is run by the Python of its engine's own virtual environment, with one argument, JSON:
``audio`` (a file of raw 16-bit samples, 16 kHz, mono), ``model`` (a file, where the engine takes
one), ``phrase`` (what to find), and either ``warm_up`` (seconds at the start that do not count:
what it costs is measured) or ``scores`` (a file to write: what it says is kept). Its last line of
output is JSON: see `measure` and `score`. Nothing but the standard library is imported here, so
that what is measured is the engine's own.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

RATE = 16000
#: Audio comes in chunks of 80 ms, as openWakeWord asks for and kws steps.
CHUNK = 1280
BYTES = 2 * CHUNK


@dataclass(frozen=True)
class Engine:
    """An engine that has been loaded.

    Attributes
    ----------
    push : callable
        Takes one chunk, raw bytes, and returns the number of detections.
    first : callable
        The same until the first score: takes one chunk, and returns whether there was one.
    models : iterable of path
        The files and folders that it has loaded.
    package : str
        On the package index; its version is reported.
    listens_to : str
        What it was told to find.
    scores : callable, optional
        Takes one chunk, and returns the scores of the hops that it completes: what the engine
        compares with its threshold, smoothed if it does so, 0 .. 1. Of a stream that goes through
        nothing else.
    hop : float
        Seconds from one score to the next.
    threshold : float
        From which it detects, unless told otherwise.
    """

    push: Callable[[bytes], int]
    first: Callable[[bytes], bool]
    models: Iterable[str | os.PathLike[str]]
    package: str
    listens_to: str
    scores: Callable[[bytes], Iterable[float]] | None = None
    hop: float = CHUNK / RATE
    threshold: float = 0.5


def run(load: Callable[[dict[str, str]], Engine]) -> None:
    """Load an engine, stream the audio through it, print one line of JSON.

    The line has ``package``, ``version``, ``listens_to``, ``model_bytes``, and what `measure` or
    `score` add.
    """
    options = json.loads(sys.argv[1])
    engine = load(options)
    answer = (score if "scores" in options else measure)(engine, options)
    answer |= {
        "package": engine.package,
        "version": version(engine.package),
        "listens_to": engine.listens_to,
        "model_bytes": sum(_bytes(Path(path)) for path in engine.models),
    }
    print("\n" + json.dumps(answer), flush=True)


def score(engine: Engine, options: dict[str, str]) -> dict[str, float]:
    """Write the engine's scores of the whole audio, float32, one after the other.

    Returns ``hop``, ``threshold``, ``count`` of the scores and ``seconds`` of audio, whole chunks.
    """
    if engine.scores is None:
        sys.exit("this engine gives no scores")
    found, chunks = array("f"), 0
    with Path(options["audio"]).open("rb") as audio:
        while (chunk := _chunk(audio)) is not None:
            found.extend(engine.scores(chunk))
            chunks += 1
    Path(options["scores"]).write_bytes(found.tobytes())
    return {
        "hop": engine.hop,
        "threshold": engine.threshold,
        "count": len(found),
        "seconds": chunks * CHUNK / RATE,
    }


def measure(engine: Engine, options: dict[str, str]) -> dict[str, float]:
    """Measure what the engine costs.

    Returns ``first_result`` (nanoseconds of the system's monotonic clock at the first score; who
    started this process knows when it started), ``seconds`` of audio that count, ``cpu_seconds``
    of this process with all its threads while they streamed, ``detections`` in them, ``threads``
    at the end and ``peak_bytes`` (resident).
    """
    with Path(options["audio"]).open("rb") as audio:
        while True:
            chunk = _chunk(audio)
            if chunk is None:
                sys.exit("the audio ended before the first score")
            if engine.first(chunk):
                break
        first_result = time.monotonic_ns()
        warm_up = round(float(options["warm_up"]) * RATE / CHUNK)
        audio.seek(0)
        for _ in range(warm_up):
            engine.push(_chunk(audio) or bytes(BYTES))
        chunks = detections = 0
        used = time.process_time()
        while (chunk := _chunk(audio)) is not None:
            detections += engine.push(chunk)
            chunks += 1
        used = time.process_time() - used
    status = Path("/proc/self/status").read_text()
    return {
        "first_result": first_result,
        "seconds": chunks * CHUNK / RATE,
        "cpu_seconds": used,
        "detections": detections,
        "threads": _figure(status, "Threads"),
        "peak_bytes": _figure(status, "VmHWM") * 1024,
    }


def _chunk(audio: BinaryIO) -> bytes | None:
    """Return the next whole chunk, None at the end."""
    data = audio.read(BYTES)
    return data if len(data) == BYTES else None


def _figure(status: str, key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else 0


def _bytes(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
