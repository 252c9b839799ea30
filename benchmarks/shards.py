"""Memory, and the time to the first step, of a training from a thousand hours of shards.

    python benchmarks/shards.py --data DIR… --positives DIR [--phrase computer] [--hours 1000]
        [--distinct 60] [--steps 40] [--work DIR] [--json FILE]

Shards are made of the data by `kws features`. Copies whose recordings begin elsewhere, so that none
counts as the same, make --distinct hours of them: more than a training holds at once. Hard links of
all these, under names of their own, fill up the hours, so that the disk need not hold them. Then
`kws train` trains a wake word from them, with few steps: everything else is as in any training.
Resident memory is the highest that the system saw; the first step is counted from the start of the
process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import number_between, whole_number_between
from support.origin import on_machine, origin
from support.script import check_json, status_of

from kws.bench.machine import read_machine, read_state
from kws.bench.result import write_result
from kws.cli.main import run_verb
from kws.errors import KwsError
from kws_training.data.places import LocalPlace
from kws_training.data.shards import open_shards, pack, write_index

#: Trains, and writes down when the first step was taken.
PROGRAM = """
import sys, time
from kws_training.fitting.loop import TrainingLoop
step = TrainingLoop.step
def timed(self, batch):
    loss = step(self, batch)
    if TrainingLoop.step is timed:
        TrainingLoop.step = step
        open(sys.argv[1], "w").write(str(time.time()))
    return loss
TrainingLoop.step = timed
from kws.cli.main import main
raise SystemExit(main(sys.argv[2:]))
"""


def vary(folder: Path, hours: float) -> None:
    """Add copies of shards, until there are so many hours.

    Recordings are turned around in time: the first frames follow the last, more of them in each
    copy.
    """
    shards = open_shards(folder)
    listed = list(shards.shards)
    for copy in count(1):
        for one in shards.shards:
            if sum(each.seconds for each in listed) >= hours * 3600:
                write_index(LocalPlace(folder), listed)
                return
            name = f"turned{len(listed)}of{one.sha256[:20]}.npz"
            content = LocalPlace(folder).read(name)  # of an earlier run
            if content is None:
                frames = shards.read(one)
                turned = [np.roll(image, 7 * copy, axis=0) for image in frames.images]
                content = pack(replace(frames, images=turned))
                LocalPlace(folder).write(name, content)
            digest = hashlib.sha256(content).hexdigest()
            listed.append(replace(one, name=name, sha256=digest))


def fill(folder: Path, hours: float) -> dict[str, float]:
    """Fill a folder of shards up with links of them; returns its hours by part, and its bytes."""
    shards = open_shards(folder)
    total = sum(one.seconds for one in shards.shards) / 3600
    listed = list(shards.shards)
    names = count()
    while sum(one.seconds for one in listed) < hours * 3600:
        one = shards.shards[next(names) % len(shards.shards)]
        name = f"linked{len(listed)}.npz"
        (folder / name).unlink(missing_ok=True)
        os.link(folder / one.name, folder / name)
        listed.append(replace(one, name=name))
    write_index(LocalPlace(folder), listed)
    filled = open_shards(folder)
    sizes = {path.stat().st_ino: path.stat().st_size for path in folder.glob("*.npz")}
    apparent = sum((folder / one.name).stat().st_size for one in filled.shards)
    return {
        "hours": sum(one.seconds for one in filled.shards) / 3600,
        "training_hours": filled.hours("training"),
        "distinct_hours": total,
        "shards": len(filled.shards),
        "bytes": apparent,
        "bytes_on_disk": sum(sizes.values()),
    }


def train(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Train from shards in a process of its own; returns what it took."""
    with tempfile.TemporaryDirectory(prefix="kws-shards-") as output:
        first = Path(output, "first")
        command = [sys.executable, "-c", PROGRAM, str(first), "train"]
        command += ["--wake-word", options.phrase, "--positives", str(options.positives)]
        command += ["--negatives", str(folder), "--steps", str(options.steps)]
        command += ["--ensemble", "1", "--synthesize", "0", "--json"]
        command += ["--output", str(Path(output, "model.tflite"))]
        began = time.time()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise KwsError(f"kws train failed: {done.stderr.decode()[-800:]}")
        points = json.loads(done.stdout)["operating_points"]
        return {
            "first_step_seconds": float(first.read_text()) - began,
            "wall": time.time() - began,
            "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            # of the largest child so far: kws features ran in this process
            "resident_bytes": after.ru_maxrss * 1024,
            "test_hours": points[0]["hours"],
        }


def run(options: argparse.Namespace) -> int:
    """Make, fill, train, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    began, machine, before = origin(), read_machine(), read_state()
    folder = options.work / "shards"
    run_verb("features", ["--data", *map(str, options.data), "--output", str(folder)])
    vary(folder, options.distinct)
    filled = fill(folder, options.hours)
    print(
        f"{filled['hours']:.0f} h in {filled['shards']} shards, {filled['bytes'] / 1e9:.2f} GB "
        f"({filled['bytes'] / filled['hours'] / 3600:.0f} bytes per second); on the disk "
        f"{filled['distinct_hours']:.2f} h of them, {filled['bytes_on_disk'] / 1e6:.0f} MB, linked",
        flush=True,
    )
    trained = train(folder, options)
    print(
        f"resident at most {trained['resident_bytes'] / 1e9:.2f} GB; the first step after "
        f"{trained['first_step_seconds']:.0f} s; all of it {trained['wall']:.0f} s, "
        f"{trained['cpu']:.0f} s of CPU; false accepts stated on {trained['test_hours']:.0f} h"
    )
    about: dict[str, Any] = {**began, **on_machine(machine, [before, read_state()])}
    if options.json is not None:
        write_result(options.json, {**about, "shards": filled, "training": trained})
    return 0


def main() -> int:
    """Measure; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, metavar="DIR", help="speech")
    add("--positives", type=Path, required=True, metavar="DIR", help="recordings of the phrase")
    add("--phrase", default="computer", help="(computer)")
    add("--hours", type=number_between(1, 1e6), default=1000.0, metavar="H", help="(1000)")
    add("--distinct", type=number_between(0, 1e6), default=60.0, metavar="H", help="(60)")
    add("--steps", type=whole_number_between(10, 10**6), default=40, metavar="N", help="(40)")
    add("--work", type=Path, required=True, metavar="DIR", help="for the shards")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("shards", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
