"""Measures one model in this process; `kws.bench.processes` starts a fresh one for each.

First as it will be used: audio comes in real time, and the process sleeps until a step's samples
are there. Share of a core and memory are of that. Then whole step, network, front end and detector
apart, back to back, in turn, so that a frequency that moves hits all of them alike.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..modelfile import ModelFile, network_digest
from ..packaged import find_model
from ..spotter import KeywordSpotter
from . import timing

#: Called with what is measured so far, what is being done, and how much of it is done, 0 .. 1.
Report = Callable[[dict[str, Any], str, float], None]

#: Share of the time in which audio comes in real time.
REAL_TIME_SHARE = 0.5
#: Steps of one part, before it is the next part's turn.
SLICE = 50
#: Seconds between reports, at least.
REPORT_SECONDS = 0.5
STREAMING = "streaming in real time"
APART = "the parts, back to back"


def measure_model(model: ModelFile, threads: int, seconds: float, report: Report) -> dict[str, Any]:
    """Measure a model; see `kws.bench.result` for what is returned.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    threads : int
        Threads of the interpreter.
    seconds : float
        How long, warm-up and loading not counted.
    report : callable
        Called about twice a second.

    Returns
    -------
    dict
        The figures as JSON values.
    """
    found = describe(model, threads)
    _stream(model, threads, seconds * REAL_TIME_SHARE, found, report)
    _apart(model, threads, seconds * (1 - REAL_TIME_SHARE), found, report)
    return found


def describe(model: ModelFile, threads: int) -> dict[str, Any]:
    """Return what is known of a model before it is measured.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    threads : int
        Threads of the interpreter.

    Returns
    -------
    dict
        The first fields of an entry of `kws.bench.result`.
    """
    metadata = model.metadata
    return {
        "name": Path(model.path).name,
        "path": model.path,
        "sha256": network_digest(model),
        "network_bytes": len(model.network),
        "verifier_bytes": None if metadata.verifier is None else len(metadata.verifier.network),
        "step_seconds": metadata.streaming.frames * metadata.front_end.hop_seconds,
        "threads": threads,
    }


def times(taken: timing.Nanoseconds, threads: int) -> dict[str, Any]:
    """Return the summary of measured steps as plain JSON values, with all percentiles.

    Parameters
    ----------
    taken : ndarray
        Nanoseconds of each step: int64 (steps,).
    threads : int
        Threads of the interpreter.

    Returns
    -------
    dict
        Seconds: median, p90, p99, largest, and the 0th to the 100th percentile.
    """
    percentiles = np.percentile(taken, np.arange(101), method="higher") / 1e9
    summary = asdict(timing.summary(taken, threads))
    del summary["threads"]
    return {**summary, "percentiles": [float(value) for value in percentiles]}


def _stream(
    model: ModelFile, threads: int, seconds: float, found: dict[str, Any], report: Report
) -> None:
    """Take whole steps as audio comes; nothing else has been loaded yet."""
    spotter = KeywordSpotter(model, threads=threads)
    loaded = (memory() or {}).get("steady")
    samples = timing.noise(model)
    timing.warm_up(lambda number: spotter.process(samples[number % timing.PREPARED]))
    clock, cpu = time.perf_counter_ns, time.process_time
    each = round(found["step_seconds"] * 1e9)
    steps = max(1, round(seconds / found["step_seconds"]))
    taken = np.zeros(steps, np.int64)
    late, ours = 0, 0.0
    start, used = clock(), cpu()
    reported = start
    for number in range(steps):
        due = start + (number + 1) * each  # its last sample is heard only then
        wait = due - clock()
        if wait > 0:
            time.sleep(wait / 1e9)
        begin = clock()
        spotter.process(samples[number % timing.PREPARED])
        end = clock()
        taken[number] = end - begin
        late += end > due + each
        if end - reported > REPORT_SECONDS * 1e9 or number == steps - 1:
            before = cpu()
            found["real_time"] = {
                **times(taken[: number + 1], threads),
                "seconds": (end - start) / 1e9,
                "share_of_core": (before - used - ours) / ((end - start) / 1e9),
                "late": late,
            }
            found["memory"] = {"loaded": loaded, **(memory() or {})}
            report(found, STREAMING, (number + 1) / steps)
            ours += cpu() - before  # of the report, which an app does not make
            reported = clock()


def _apart(
    model: ModelFile, threads: int, seconds: float, found: dict[str, Any], report: Report
) -> None:
    parts: dict[str, timing.Work] = {
        "step": timing.spotter_work(model, threads),
        "network": timing.network_work(model, threads),
        "front_end": timing.front_end_work(model),
        "detector": timing.detector_work(model),
    }
    if model.metadata.verifier is not None:
        parts["verified_step"] = timing.spotter_work(timing.always_asked(model), threads)
    for work in parts.values():
        timing.warm_up(work)
    slices: dict[str, list[timing.Nanoseconds]] = {part: [] for part in parts}
    start = reported = time.monotonic()
    done = 0
    while done == 0 or time.monotonic() - start < seconds:
        for part, work in parts.items():
            slices[part].append(timing.measure(work, SLICE, done))
        done += SLICE
        if time.monotonic() - reported > REPORT_SECONDS:
            _join(found, slices, threads)
            report(found, APART, min(1.0, (time.monotonic() - start) / seconds))
            reported = time.monotonic()
    _join(found, slices, threads)
    report(found, APART, 1.0)


def _join(found: dict[str, Any], slices: dict[str, list[timing.Nanoseconds]], threads: int) -> None:
    for part, pieces in slices.items():
        used = threads if part in ("step", "network", "verified_step") else 1
        found[part] = times(np.concatenate(pieces), used)
    found["real_time_factor"] = found["step"]["median"] / found["step_seconds"]


def memory(status: Path = Path("/proc/self/status")) -> dict[str, int] | None:
    """Return this process's resident memory now and at its peak, in bytes; None if not told.

    Parameters
    ----------
    status : Path
        Stands for ``/proc/self/status``.

    Returns
    -------
    dict or None
        ``steady`` and ``peak``, in bytes.
    """
    try:
        text = status.read_text()
    except OSError:
        return None
    found = {key: int(kb) * 1024 for key, kb in re.findall(r"^(Vm\w+):\s+(\d+) kB", text, re.M)}
    if not {"VmRSS", "VmHWM"} <= found.keys():
        return None
    return {"steady": found["VmRSS"], "peak": found["VmHWM"]}


def load(path: str) -> ModelFile:
    """Read a model file, or one of the package's by name; an empty path means the default.

    Parameters
    ----------
    path : str
        A file, a name, or an empty text.

    Returns
    -------
    ModelFile
    """
    return find_model(path or None)


def worker() -> None:
    """Measure the model of the command line, and print each report as a line of JSON."""
    path, threads, seconds = sys.argv[1:]

    def report(found: dict[str, Any], doing: str, share: float) -> None:
        print(json.dumps({"found": found, "doing": doing, "share": share}), flush=True)

    measure_model(load(path), int(threads), float(seconds), report)
