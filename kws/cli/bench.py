"""The verb `bench`: does it fit? What a model costs on this very machine."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..bench.machine import FEWEST_STEPS, Machine, State, doubts, read_machine
from ..bench.measure import load
from ..bench.processes import Progress, install_bytes, run
from ..bench.report import compare_lines, entry_lines, machine_lines, size, write_page
from ..bench.result import (
    FORMAT,
    SCHEMA,
    BenchError,
    figure,
    label,
    over_budget,
    read_result,
    write_result,
)
from ..console import note
from .arguments import MODEL_HELP, milliseconds
from .verb import INTERRUPTED, Verb

#: Exit status if a step takes longer than the budget; errors have 2 and more.
OVER_BUDGET = 1
#: Threads of the interpreter, at most.
MOST_THREADS = 64
#: Seconds that one model is measured, at most: a day.
LONGEST = 24 * 3600.0


def _threads(text: str) -> list[int]:
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers, as in 1,2,4") from None
    if not found or not 1 <= found[0] <= found[-1] <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r}: each must be 1 to {MOST_THREADS}")
    return found


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number above 0, at most {LONGEST:g}")
    return value


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        nargs="*",
        type=Path,
        metavar="MODEL",
        help=f"{MODEL_HELP}; commands if left out",
    )
    parser.add_argument(
        "--threads",
        type=_threads,
        default="1",
        metavar="1,2,4",
        help="threads of the interpreter, each measured",
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=60.0,
        metavar="S",
        help="for each model and number of threads: half of it streams in real time",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page with a plot")
    parser.add_argument(
        "--budget-ms",
        type=milliseconds,
        metavar="MS",
        help="exit status 1 if the 99th percentile of a whole step is above this",
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("A.json", "B.json"),
        help="measure nothing: print two results side by side",
    )


def _run(options: argparse.Namespace) -> int:
    if options.compare is not None:
        if options.models or options.json or options.report or options.budget_ms:
            raise BenchError("--compare measures nothing: give it alone")
        a, b = (read_result(path) for path in options.compare)
        for line in compare_lines(a, b, (str(options.compare[0]), str(options.compare[1]))):
            print(line)
        return 0
    for path in (options.json, options.report):
        if path is not None and not path.absolute().parent.is_dir():
            raise BenchError(f"{path}: {path.parent} is no folder: make it first")
    paths = [str(path) for path in options.models] or [""]
    for path in paths:
        load(path)  # a file that cannot be read is said before minutes of measuring
    result = _measure(paths, options.threads, options.seconds)
    if not result["results"]:  # interrupted before anything was measured
        note("stopped before anything was measured")
        return INTERRUPTED
    for line in machine_lines(result):
        print(line)
    for entry in result["results"]:
        print("\n" + "\n".join(entry_lines(entry)))
    install = result["install"]
    print(f"\ninstalled: {size(install['total'])}, of which kws {size(install['kws'])}")
    if options.json is not None:
        write_result(options.json, result)
    if options.report is not None:
        print(f"report: {write_page(options.report, result)}")
    if result["interrupted"]:
        note("stopped: this is what was measured until then")
        return INTERRUPTED
    over = []
    if options.budget_ms is not None:
        found = [over_budget(entry, options.budget_ms / 1e3) for entry in result["results"]]
        over = [line for line in found if line is not None]
        for line in over:
            note(f"kws: {line}")
    return OVER_BUDGET if over else 0


def _measure(paths: list[str], threads: list[int], seconds: float) -> dict[str, Any]:
    """Measure each model with each number of threads; Ctrl-C keeps what there is."""
    machine = read_machine()
    result: dict[str, Any] = {
        "format": FORMAT,
        "schema": SCHEMA,
        "kws": machine.kws,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "interrupted": False,
        "machine": asdict(machine),
        "install": install_bytes(),
        "doubts": [],
        "results": [],
    }
    entry: dict[str, Any] = {}
    try:
        for path in paths:
            for count in threads:
                entry = {}
                for found in run(path, count, seconds, _progress(path, count)):
                    entry = found
                result["results"].append({**entry, "interrupted": False})
    except KeyboardInterrupt:
        result["interrupted"] = True
        if any(entry.get(part) for part in ("real_time", "step")):
            result["results"].append({**entry, "interrupted": True})
    finally:
        _clear()
    result["doubts"] = _doubts(machine, result["results"])
    return result


def _doubts(machine: Machine, entries: list[dict[str, Any]]) -> list[str]:
    """Return what makes the figures doubtful, over all entries."""
    states = [State(**state) for entry in entries for state in entry["states"]]
    found = doubts(machine, states)
    for entry in entries:
        if entry["threads"] > machine.cores:
            found.append(f"{label(entry)}: there are only {machine.cores} cores")
        steps = figure(entry, "real_time", "steps") or 0
        if steps < FEWEST_STEPS:
            found.append(
                f"{label(entry)}: {steps:.0f} steps in real time are few: with more --seconds "
                "p99 says more"
            )
    return found


def _progress(path: str, threads: int) -> Progress:
    """Return what shows progress on a terminal; in a pipe, nothing does."""
    name = f"{Path(path).name or 'model in the package'}, {threads} thread(s)"

    def show(doing: str, share: float) -> None:
        if _on_terminal():
            print(f"\r\033[K{name}: {doing}, {share:.0%}", end="", file=sys.stderr, flush=True)

    return show


def _clear() -> None:
    if _on_terminal():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


BENCH = Verb(
    "bench",
    "measure what a model costs on this machine: does it fit?",
    "kws bench model.tflite --seconds 60 --json bench.json",
    _configure,
    _run,
)
