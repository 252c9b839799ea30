"""How much sooner several processes are done, and whether they give the same bytes.

    python benchmarks/spreading.py --data DIR… --positives DIR --negatives DIR… [--model computer]
        [--jobs 1 2] [--ray] [--sweep] [--json FILE]

`kws features` of the data, and `kws evaluate` of the model, are run with each number of processes;
with --ray also by four workers on a Ray cluster of two nodes, which is started for it. Wall time
says how much sooner; the CPU time beside it says what was computed, and whether others kept the
cores: processes alone have CPU time near wall time times their number. Cores share caches, memory
and heat, so that each is slower when all of them work: the command with one process is run twice
at once as well ("1 and 1"), which says how much sooner two cores of this machine can be at best.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from support.cluster import two_nodes
from support.origin import on_machine, origin
from support.script import check_json, status_of

from kws.bench.machine import read_machine, read_state
from kws.bench.result import write_result
from kws.errors import KwsError
from kws_training.data.digest import digest_of

#: Two commands with one process each, at once.
PAIR = "1 and 1"


@dataclass(frozen=True)
class Run:
    """A command by some workers.

    Attributes
    ----------
    verb : str
        What was run.
    workers : str
        Who: "1", "2" (processes), "ray", or "1 and 1": two commands at once.
    wall, cpu : float
        Seconds; of Ray's workers the CPU time is not known. Of two commands the wall time is the
        mean, the CPU time that of both.
    digest : str
        SHA-256 of what came out.
    """

    verb: str
    workers: str
    wall: float
    cpu: float
    digest: str


def run_verb(verb: str, arguments: Sequence[str], workers: str, address: str) -> Run:
    """Run a verb of kws in a process of its own, or in two at once.

    Parameters
    ----------
    verb : str
        ``features`` or another, which prints its figures.
    arguments : sequence of str
        What follows it.
    workers : str
        A number of processes, "ray", or `PAIR`.
    address : str
        Of the cluster.

    Raises
    ------
    KwsError
        If a command fails.
    """
    who = ["--ray", address] if workers == "ray" else ["--jobs", workers.split(" ")[0]]
    with tempfile.TemporaryDirectory(prefix="kws-spreading-") as name:
        folders = [Path(name, str(number)) for number in range(2 if workers == PAIR else 1)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        commands = [_start(verb, [*arguments, *who], folder) for folder in folders]
        walls = []
        for command in commands:
            command.wait()
            walls.append(time.perf_counter() - began)
        if any(command.returncode for command in commands):
            raise KwsError(f"kws {verb} failed: what it said is above")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        digests = {_digest(folder) for folder in folders}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(verb, workers, sum(walls) / len(walls), cpu, " ".join(sorted(digests)))


def _start(verb: str, arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a verb that writes into a folder, or prints into a file of it."""
    folder.mkdir()
    written = ["--output", str(folder / "shards")] if verb == "features" else ["--json"]
    command = [sys.executable, "-c", "from kws.cli.main import main; raise SystemExit(main())"]
    with (folder / "printed").open("wb") as printed:
        return subprocess.Popen([*command, verb, *arguments, *written], stdout=printed)


def _digest(folder: Path) -> str:
    """Return the SHA-256 of the shards that were written, or of what was printed."""
    shards = folder / "shards"
    files = sorted(shards.iterdir()) if shards.is_dir() else [folder / "printed"]
    return digest_of(*(piece for path in files for piece in (path.name, path.read_bytes())))


def run(options: argparse.Namespace) -> int:
    """Run, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    began, machine, before = origin(), read_machine(), read_state()
    streams = ["--positives", str(options.positives), "--negatives"]
    streams += [str(folder) for folder in options.negatives]
    verbs = {
        "features": ["--data", *map(str, options.data)],
        "evaluate": [options.model, *streams],
    }
    if options.sweep:
        verbs["sweep"] = [options.model, *streams, "--minutes", "10"]
    results: list[Run] = []
    with contextlib.ExitStack() as stack:
        who, address = [str(number) for number in options.jobs] + [PAIR], ""
        if options.ray:
            address = stack.enter_context(two_nodes()).address
            who.append("ray")
        for verb, arguments in verbs.items():
            for workers in who:
                results.append(run_verb(verb, arguments, workers, address))
                first = next(one for one in results if one.verb == verb)
                one = results[-1]
                same = "the same bytes" if one.digest == first.digest else "OTHER BYTES"
                times = first.wall / one.wall * (2 if workers == PAIR else 1)
                print(
                    f"{verb}, {workers}: {one.wall:.1f} s, {times:.2f} times as "
                    f"fast as {first.workers}; {one.cpu:.1f} s of CPU; {same}",
                    flush=True,
                )
    about: dict[str, Any] = {**began, **on_machine(machine, [before, read_state()])}
    if options.json is not None:
        write_result(options.json, {**about, "runs": [asdict(one) for one in results]})
    digests = {(one.verb, one.digest) for one in results}
    return 0 if len(digests) == len(verbs) else 1


def main() -> int:
    """Compare; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    many: dict[str, Any] = {"type": Path, "nargs": "+", "metavar": "DIR", "required": True}
    add("--data", **many, help="recordings that become shards")
    add("--positives", type=Path, metavar="DIR", required=True, help="recordings of the keyword")
    add("--negatives", **many, help="recordings without it")
    add("--model", default="computer", help="(computer)")
    add("--jobs", type=int, nargs="+", default=[1, 2], metavar="N", help="processes (1 2)")
    add("--ray", action="store_true", help="also on a Ray cluster of two nodes on this machine")
    add("--sweep", action="store_true", help="also kws sweep, over its six ratios of noise")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("spreading", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
