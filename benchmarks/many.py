"""What several models cost that hear the same audio: one, some and many, apart and in one group.

    python benchmarks/many.py MODEL… --recordings DIR [--counts 1,4,16] [--seconds 60]
        [--rounds 5] [--json FILE]

A MODEL is a file. For each count the first so many models run in a process of their own, in which
nothing else is loaded: each in a `KeywordSpotter`, and all in one `SpotterGroup`. Audio comes in
chunks of 80 ms, one thread. Stated are: start-up, from the files to the first chunk; CPU time per
second of audio; and resident memory, beyond that of a process which has imported kws and holds the
audio. The rounds take turns, so that whatever else the machine does falls on all alike; figures are
medians over the rounds, with the least and the most.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support.origin import on_machine, origin
from support.script import check_json, status_of

from kws.arrays import Int16
from kws.audio import load_audio
from kws.bench.machine import read_machine, read_state
from kws.bench.measure import memory
from kws.bench.result import write_result
from kws.errors import KwsError
from kws.folders import recordings_below
from kws.group import SpotterGroup
from kws.modelfile import read_model
from kws.spotter import KeywordSpotter

RATE = 16000
#: Samples of a chunk: 80 ms.
CHUNK = 1280
#: Chunks before the CPU time counts: two seconds.
WARM_UP = 25
#: Seconds that one process may take.
LONGEST = 3600.0
#: How models run.
APART, GROUP = "apart", "group"


class ManyError(KwsError):
    """Models that cannot be compared."""


def audio_of(folder: Path, seconds: float) -> Int16:
    """Return so much audio of a folder's recordings, one after another: int16 (n,)."""
    found, length = [], 0
    for path in recordings_below(folder):
        found.append(load_audio(path, RATE))
        length += len(found[-1])
        if length >= seconds * RATE:
            break
    if not length:
        raise ManyError(f"{folder}: has no recordings: name a folder of speech")
    samples = np.concatenate(found)
    whole = np.resize(samples, round(seconds * RATE))
    return np.round(np.clip(whole, -1, 1) * 32767).astype(np.int16)


def measure(paths: Sequence[str], how: str, samples: Int16) -> dict[str, float]:
    """Return what models cost in this process."""
    before = memory()
    begun, cpu = time.perf_counter(), time.process_time()
    models = [read_model(path) for path in paths]
    spotters = [SpotterGroup(models)] if how == GROUP else [*map(KeywordSpotter, models)]
    loaded, loading = time.perf_counter() - begun, time.process_time() - cpu
    del models
    chunks = [samples[at : at + CHUNK] for at in range(0, len(samples), CHUNK)]
    detections = 0
    for number, chunk in enumerate(chunks):
        if number == WARM_UP:
            cpu = time.process_time()
        for spotter in spotters:
            detections += len(spotter.process(chunk))
    used = time.process_time() - cpu
    after = memory()
    return {
        "start_up_seconds": loaded,
        "start_up_cpu_seconds": loading,
        "cpu_per_second": used / ((len(chunks) - WARM_UP) * CHUNK / RATE),
        "memory_bytes": after["steady"] - before["steady"] if before and after else 0,
        "detections": detections,
    }


def in_a_process(paths: Sequence[str], how: str, options: argparse.Namespace) -> dict[str, float]:
    """Measure models in a process of their own."""
    command = [sys.executable, __file__, *paths, "--measure", how, "--seconds", options.seconds]
    command += ["--recordings", options.recordings]
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode != 0:
        raise ManyError(done.stderr.strip().splitlines()[-1] if done.stderr else "no result")
    return dict(json.loads(done.stdout))


def summary(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the median, the least and the most of each figure over the rounds."""
    found = {}
    for key in rounds[0]:
        values = sorted(one[key] for one in rounds)
        found[key] = {
            "median": float(np.median(values)),
            "least": values[0],
            "most": values[-1],
        }
    return found


def compare(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all counts, both ways, round by round."""
    kinds = [(count, how) for count in options.counts for how in (APART, GROUP)]
    taken: dict[tuple[int, str], list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for count, how in kinds:
            taken[count, how].append(in_a_process(options.models[:count], how, options))
    return [
        {"models": count, "how": how, **summary(rounds)} for (count, how), rounds in taken.items()
    ]


def print_table(entries: Sequence[dict[str, Any]]) -> None:
    """Print one line for each count and way."""
    one = entries[0]["cpu_per_second"]["median"]
    print("models  how    CPU ms per s of audio   times one   memory MB   start-up s")
    for entry in entries:
        cpu, start = entry["cpu_per_second"], entry["start_up_seconds"]
        print(
            f"{entry['models']:6}  {entry['how']:5} {1e3 * cpu['median']:8.2f} "
            f"({1e3 * cpu['least']:.2f} to {1e3 * cpu['most']:.2f})"
            f"{cpu['median'] / one:10.2f}{entry['memory_bytes']['median'] / 1e6:12.1f}"
            f"{start['median']:13.2f}"
        )


def _counts(text: str) -> list[int]:
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        found = [0]
    if not 1 <= found[0] <= found[-1] <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers of models, as in 1,4,16")
    return found


def _work() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="files of wake words")
    parser.add_argument("--recordings", type=Path, required=True, help="folder of speech")
    parser.add_argument("--counts", type=_counts, default=[1, 4, 16], help="models (1,4,16)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of audio (60)")
    parser.add_argument("--rounds", type=int, default=5, help="in which all take turns (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument("--measure", choices=(APART, GROUP), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 3 <= options.seconds <= 3600 or options.rounds < 1:
        raise ManyError("give --seconds of 3 to 3600, and one round at least")
    if options.measure:
        samples = audio_of(options.recordings, options.seconds)
        print(json.dumps(measure(options.models, options.measure, samples)))
        return 0
    if options.counts[-1] > len(options.models):
        raise ManyError(f"{len(options.models)} models: --counts asks for {options.counts[-1]}")
    check_json(options.json, ManyError)
    machine, before = read_machine(), read_state()
    entries = compare(options)
    print_table(entries)
    if options.json is not None:
        result = {
            **origin(),
            **on_machine(machine, [before, read_state()]),
            "seconds": options.seconds,
            "rounds": options.rounds,
            "results": entries,
        }
        write_result(options.json, result)
    return 0


if __name__ == "__main__":
    sys.exit(status_of("many", _work))
