"""How much sooner several processes are done, and whether they give the same bytes.

    python benchmarks/spreading.py --data DIR… --positives DIR --negatives DIR… [--model computer]
        [--verbs features evaluate sweep train phrases] [--words DIR] [--jobs 1 2] [--no-pair]
        [--ray] [--kill] [--steps 200] [--json FILE]

Each verb is run with each number of processes, and with --ray by four workers on a Ray cluster of
two nodes, which is started for it; with --kill one of the nodes is killed in the middle as well.

| verb | what is run |
| --- | --- |
| `features` | `kws features` of the data |
| `evaluate` | `kws evaluate` of the model |
| `sweep` | `kws sweep` of the model, ten minutes at six ratios of noise |
| `train` | `kws train --wake-word` of two networks and their student: they mine and listen |
| `phrases` | `kws train --phrases` of four phrases: the words with most recordings |

Wall time says how much sooner; the CPU time beside it says what was computed, and whether others
kept the cores: processes alone have CPU time near wall time times their number. Cores share caches,
memory and heat, so that each is slower when all of them work: the command with one process is run
twice at once as well ("1 and 1"), which says how much sooner two cores of this machine can be at
best. Each run has a cache of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from support.arguments import whole_number_between
from support.cluster import TwoNodes, two_nodes
from support.origin import on_machine, origin
from support.script import check_json, status_of

from kws.bench.machine import read_machine, read_state
from kws.bench.result import write_result
from kws.errors import KwsError
from kws_training.data.digest import digest_of

#: Two commands with one process each, at once.
PAIR = "1 and 1"
#: Four workers on a Ray cluster of two nodes.
RAY = "ray"
#: The same, and a node is killed when so much of the time has passed that one process took.
KILLED = "ray, a node killed"
KILLED_AFTER = 0.25
#: Verbs that write a file or folder; the others print their figures.
WRITTEN = {"features": "shards", "train": "model.tflite", "phrases": "models"}
#: Phrases that are trained.
PHRASES = 4
VERBS = ("features", "evaluate", "sweep", "train", "phrases")


@dataclass(frozen=True)
class Run:
    """A command by some workers.

    Attributes
    ----------
    verb : str
        What was run.
    workers : str
        Who: "1", "2" (processes), `RAY`, `KILLED` or `PAIR`.
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


def run_verb(verb: str, arguments: Sequence[str], workers: str, alone: float) -> Run:
    """Run a verb of kws in a process of its own, or in two at once.

    Parameters
    ----------
    verb : str
        One of those in the table above.
    arguments : sequence of str
        What follows it.
    workers : str
        A number of processes, `RAY`, `KILLED` or `PAIR`.
    alone : float
        Seconds that one process took, by which a node is killed.

    Raises
    ------
    KwsError
        If a command fails.
    """
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="kws-spreading-"))
        folders = [Path(name, str(number)) for number in range(2 if workers == PAIR else 1)]
        who = ["--jobs", workers.split(" ")[0]]
        nodes = None
        if workers in (RAY, KILLED):
            stack.enter_context(_cache(folders[0] / "cache"))  # that of the workers
            nodes = stack.enter_context(two_nodes())
            who = ["--ray", nodes.address]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        commands = [_start(verb, [*arguments, *who], folder) for folder in folders]
        if nodes is not None and workers == KILLED:
            stack.enter_context(_kill_after(nodes, KILLED_AFTER * alone))
        walls = []
        for command in commands:
            command.wait()
            walls.append(time.perf_counter() - began)
        if any(command.returncode for command in commands):
            raise KwsError(f"kws {verb} failed: what it said is above")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        digests = {_digest(folder, verb) for folder in folders}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(verb, workers, sum(walls) / len(walls), cpu, " ".join(sorted(digests)))


@contextlib.contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """Let what is started have a cache of its own: workers of Ray too."""
    before = os.environ.get("KWS_CACHE")
    os.environ["KWS_CACHE"] = str(folder)
    try:
        yield
    finally:
        del os.environ["KWS_CACHE"]
        if before is not None:
            os.environ["KWS_CACHE"] = before


@contextlib.contextmanager
def _kill_after(nodes: TwoNodes, seconds: float) -> Iterator[None]:
    """Kill the second node, and all that runs on it, after so many seconds."""

    def kill() -> None:
        os.killpg(nodes.second.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
        if timer.is_alive():
            raise KwsError("the command was done before the node was killed: give it more work")
    finally:
        timer.cancel()


def _start(verb: str, arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a verb that writes into a folder, or prints into a file of it."""
    folder.mkdir()
    written = ["--output", str(folder / WRITTEN[verb])] if verb in WRITTEN else ["--json"]
    verb = "train" if verb == "phrases" else verb
    command = [sys.executable, "-c", "from kws.cli.main import main; raise SystemExit(main())"]
    environment = {**os.environ, "KWS_CACHE": str(folder / "cache")}
    with (folder / "printed").open("wb") as printed:
        return subprocess.Popen(
            [*command, verb, *arguments, *written], stdout=printed, env=environment
        )


def _digest(folder: Path, verb: str) -> str:
    """Return the SHA-256 of what was written, but for logs, or of what was printed."""
    path = folder / WRITTEN.get(verb, "printed")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    kept = [one for one in files if one.suffix != ".log"]
    return digest_of(*(piece for one in kept for piece in (one.name, one.read_bytes())))


def verbs_of(options: argparse.Namespace, work: Path) -> dict[str, list[str]]:
    """Return the arguments of each verb.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.
    work : Path
        A folder for the list of phrases.
    """
    negatives = ["--negatives", *map(str, options.negatives)]
    streams = ["--positives", str(options.positives), *negatives]
    training = [*negatives, "--steps", str(options.steps), "--synthesize", "0"]
    verbs = {
        "features": ["--data", *map(str, options.data)],
        "evaluate": [options.model, *streams],
        "sweep": [options.model, *streams, "--minutes", "10"],
        "train": ["--wake-word", options.positives.name.replace("_", " "), *streams[:2], *training],
    }
    if "phrases" in options.verbs:
        folders = [one for one in options.words.iterdir() if one.is_dir()]
        most = sorted(folders, key=lambda one: (-len(list(one.iterdir())), one.name))[:PHRASES]
        listed = work / "phrases.yaml"
        listed.write_text("".join(f"{one.name}:\n  positives: {one}\n" for one in most))
        verbs["phrases"] = ["--phrases", str(listed), *training, "--ensemble", "1"]
    return {verb: verbs[verb] for verb in options.verbs}


def run(options: argparse.Namespace) -> int:
    """Run, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    if "phrases" in options.verbs and options.words is None:
        raise KwsError("--verbs phrases: give --words, a folder with a sub-folder for each")
    began, machine, before = origin(), read_machine(), read_state()
    results: list[Run] = []
    who = [str(number) for number in options.jobs] + [PAIR] * options.pair
    who += [RAY] * options.ray + [KILLED] * options.kill
    with tempfile.TemporaryDirectory(prefix="kws-spreading-") as work:
        for verb, arguments in verbs_of(options, Path(work)).items():
            first = None
            for workers in who:
                one = run_verb(verb, arguments, workers, first.wall if first else 0.0)
                first = first or one
                results.append(one)
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
    return 0 if len(digests) == len(options.verbs) else 1


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
    add("--verbs", nargs="+", choices=VERBS, default=VERBS[:2], help="(features evaluate)")
    add("--words", type=Path, metavar="DIR", help="a sub-folder of recordings for each phrase")
    add("--steps", type=whole_number_between(10, 10**6), default=200, metavar="N", help="(200)")
    add("--no-pair", dest="pair", action="store_false", help="no two commands at once")
    add("--ray", action="store_true", help="also on a Ray cluster of two nodes on this machine")
    add("--kill", action="store_true", help="also on one whose second node is killed")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("spreading", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
