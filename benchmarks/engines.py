"""What engines cost side by side: same audio, one run, each in a virtual environment of its own.

    python benchmarks/engines.py --positives DIR --negatives DIR… --venvs FOLDER
        [--engines kws,pymicro-wakeword] [--yamnet yamnet.tflite] [--json FILE]

Environments that are missing are made with `python -m venv` and pip; an engine that cannot be
installed or fails is named and left out. Then every engine takes its turn in each of three
rounds, each time in a fresh process, so that whatever else the machine does falls on all of them
alike; printed are medians, and ratios to kws. Each adapter is one script in `engines/`, run by
the Python of its environment; what it measures is said in `engines/protocol.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio import load_audio, recordings_below
from kws.bench_report import duration, size
from kws.bench_result import write_result
from kws.errors import AudioError, KwsError
from kws.machine import doubts, read_machine, read_state

ROOT = Path(__file__).resolve().parents[1]
ADAPTERS = Path(__file__).resolve().parent / "engines"
RATE = 16000
ROUNDS = 3
#: Audio at the start that does not count: engines fill their windows and caches.
WARM_UP = 2.0
#: Seconds between two recordings, of faint noise: digital silence occurs nowhere.
PAUSE, PAUSE_LEVEL = 0.5, 1e-3
#: Seconds that installing, and one turn, may take.
LONGEST_INSTALL, LONGEST_TURN = 900, 600
#: Of this folder's tree, what the package is built from.
SOURCES = ("kws", "training", "deploy", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
#: What `python -m venv` brings itself.
BROUGHT = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
#: Packages whose own libraries would start a thread per core.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Adapter:
    """How an engine is installed and run.

    Attributes
    ----------
    script : str
        In `engines/`.
    packages : tuple of str
        What pip installs; empty for kws, which is installed from this very tree.
    """

    script: str
    packages: tuple[str, ...]


ENGINES = {
    "kws": Adapter("run_kws.py", ()),
    "yamnet": Adapter("run_yamnet.py", ("ai-edge-litert>=2.0", "numpy>=1.26")),
    "pymicro-wakeword": Adapter("run_microwakeword.py", ("pymicro-wakeword==2.5.0",)),
    "openwakeword": Adapter("run_openwakeword.py", ("openwakeword==0.5.1", "numpy<2")),
    "pyopen-wakeword": Adapter("run_pyopen_wakeword.py", ("pyopen-wakeword==1.1.0",)),
    "pocketsphinx": Adapter("run_pocketsphinx.py", ("pocketsphinx==5.1.1",)),
}


class EngineError(KwsError):
    """An engine that cannot be installed or measured."""


def mixed(positives: Path, negatives: Sequence[Path], seconds: float) -> np.ndarray:
    """Return recordings of both kinds in turn, with pauses, until they are long enough.

    Parameters
    ----------
    positives : path
        Folder of recordings of a phrase.
    negatives : sequence of path
        Folders of other speech.
    seconds : float
        That the result has, at least, unless there are fewer; the last recording is cut.

    Returns
    -------
    int16 (n,)
        16 kHz, mono; the same for the same folders.
    """
    rng = np.random.default_rng(0)
    kinds = [_shuffled([positives], rng), _shuffled(negatives, rng)]
    pieces: list[np.ndarray] = []
    wanted, have = round(seconds * RATE), 0
    spoken = [0, 0]
    while have < wanted and any(kinds):
        # the kind that has had less time: phrases are shorter than other speech
        kind = min((kind for kind in (0, 1) if kinds[kind]), key=lambda kind: spoken[kind])
        path = kinds[kind].pop()
        try:
            samples = load_audio(path, RATE)
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        pause = rng.normal(0, PAUSE_LEVEL, round(PAUSE * RATE)).astype(np.float32)
        pieces += [samples, pause]
        spoken[kind] += len(samples)
        have += len(samples) + len(pause)
    if have < (WARM_UP + 5) * RATE:
        raise AudioError(f"only {have / RATE:.1f} s of audio: give folders with more recordings")
    audio = np.concatenate(pieces)[:wanted]
    return (np.clip(audio, -1, 1) * 32767).astype("<i2")


def _shuffled(folders: Sequence[Path], rng: np.random.Generator) -> list[Path]:
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise AudioError(f"{folder}: no such folder: give a folder of recordings")
        paths = recordings_below(folder)
        if not paths:
            raise AudioError(f"{folder}: no recordings in it: give a folder that has some")
        found += paths
    return [found[number] for number in rng.permutation(len(found))]


def environment(name: str, folder: Path) -> Path:
    """Return the Python of an engine's virtual environment, which is made if it is missing.

    That of kws is filled anew each time, from the tree that this file is in.

    Raises
    ------
    EngineError
        If it cannot be made, with what pip said.
    """
    adapter = ENGINES[name]
    here = folder / name
    python = here / "bin" / "python"
    stamp = here / "installed.json"
    asked = json.dumps([*adapter.packages, f"{sys.version_info.major}.{sys.version_info.minor}"])
    if here.exists() and not stamp.is_file():  # it would be emptied
        raise EngineError(f"{here}: not made by this command: remove it, or name another --venvs")
    fresh = not (stamp.is_file() and stamp.read_text() == asked)
    if fresh:
        print(f"{name}: making {here}", file=sys.stderr, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        _do([sys.executable, "-m", "venv", "--clear", str(here)], f"{name}: no environment")
        stamp.write_text("not finished")
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if adapter.packages:
        if fresh:
            _do([*pip, *adapter.packages], f"{name}: cannot be installed")
    else:
        with tempfile.TemporaryDirectory() as copy:  # pip would build in our tree
            tree = Path(copy)
            for source in SOURCES:
                _copy(ROOT / source, tree / source)
            if fresh:
                _do([*pip, copy], f"{name}: cannot be installed")
            else:
                _do([*pip, "--force-reinstall", "--no-deps", copy], f"{name}: cannot be installed")
    stamp.write_text(asked)
    return python


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _do(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LONGEST_INSTALL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{what}: {error}") from None
    if done.returncode != 0:
        raise EngineError(f"{what}: {_last_line(done.stderr or done.stdout)}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "Error:" in line]
    return (errors or lines or ["it said nothing"])[-1][:300]


def installed_bytes(python: Path) -> int:
    """Return the bytes of all packages of an environment, but for what `venv` itself brings.

    Compiled files are left out: Python makes them as it goes.
    """
    total = 0
    for site in (python.parents[1] / "lib").glob("python*/site-packages"):
        for entry in site.iterdir():
            if not entry.name.startswith(BROUGHT):
                files = [entry] if entry.is_file() else entry.rglob("*")
                total += sum(
                    file.stat().st_size
                    for file in files
                    if file.is_file() and file.suffix != ".pyc"
                )
    return total


def turn(python: Path, script: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Run an adapter once; its answer, with ``start_seconds`` from starting Python.

    Both processes read the system's monotonic clock, which they share.

    Raises
    ------
    EngineError
        If it fails or gives no answer.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    start = time.monotonic_ns()
    try:
        done = subprocess.run(
            [str(python), str(script), json.dumps(request)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_TURN,
            check=False,
            env={**kept, **dict.fromkeys(ONE_THREAD, "1")},
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"{script.name}: no answer within {LONGEST_TURN} s") from None
    except OSError as error:
        raise EngineError(f"{python}: cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        raise EngineError(f"{script.name}: {_last_line(done.stderr)}")
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        answer["start_seconds"] = (answer.pop("first_result") - start) / 1e9
        answer["cpu_per_second"] = answer["cpu_seconds"] / answer["seconds"]
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        raise EngineError(f"{script.name}: gave no answer: see engines/protocol.py") from None
    return dict(answer)


def measured(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join an engine's turns: medians of what they took, and the single figures beside them."""
    entry = {**turns[-1]}
    for key in ("cpu_per_second", "start_seconds", "peak_bytes"):
        entry[key] = statistics.median(turn[key] for turn in turns)
    entry["cpu_per_second_turns"] = [turn["cpu_per_second"] for turn in turns]
    entry["start_seconds_turns"] = [turn["start_seconds"] for turn in turns]
    del entry["cpu_seconds"]
    return entry


def table(entries: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, cheapest first, with ratios to kws where it is there."""
    ours = entries.get("kws")

    def against(entry: dict[str, Any], key: str) -> str:
        return f" ({entry[key] / ours[key]:.2f}×)" if ours and entry is not ours else ""

    yield ("| engine | CPU s per s of audio | start to first score | memory, peak | model "
           "| installed | threads |")  # fmt: skip
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["cpu_per_second"]):
        version = f"{entry['package']} {entry['version']}"
        label = version if name == entry["package"] else f"{name} ({version})"
        cells = [
            label,
            f"{entry['cpu_per_second']:.5f}" + against(entry, "cpu_per_second"),
            duration(entry["start_seconds"]) + against(entry, "start_seconds"),
            size(entry["peak_bytes"]) + against(entry, "peak_bytes"),
            size(entry["model_bytes"]) + against(entry, "model_bytes"),
            size(entry["installed_bytes"]) + against(entry, "installed_bytes"),
            str(entry["threads"]),
        ]
        yield f"| {' | '.join(cells)} |"


def commit() -> str | None:
    """Return the commit of this tree, with ``+`` where files differ from it; None without git."""
    try:
        found = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True, text=True, timeout=30, check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # nothing is changed by looking
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Make the environments, take the turns, and return the result as plain JSON values."""
    audio = mixed(options.positives, options.negatives, options.seconds)
    skipped: dict[str, str] = {}
    pythons: dict[str, Path] = {}
    for name in options.engines:
        try:
            pythons[name] = environment(name, options.venvs)
        except EngineError as error:
            skipped[name] = str(error)
            print(f"skipped: {error}", file=sys.stderr, flush=True)
    machine, before = read_machine(), read_state()
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audio.raw"
        audio.tofile(path)
        for number in range(ROUNDS):
            for name in [name for name in turns if name not in skipped]:
                print(f"round {number + 1} of {ROUNDS}: {name}", file=sys.stderr, flush=True)
                request = {"audio": str(path), "warm_up": WARM_UP, "phrase": options.phrase}
                if name == "yamnet":
                    request["model"] = str(options.yamnet.resolve())
                elif name == "kws" and options.model is not None:
                    request["model"] = str(options.model.resolve())
                script = ADAPTERS / ENGINES[name].script
                try:
                    turns[name].append(turn(pythons[name], script, request))
                except EngineError as error:
                    skipped[name] = str(error)
                    print(f"skipped: {name}: {error}", file=sys.stderr, flush=True)
    entries = {
        name: {**measured(taken), "installed_bytes": installed_bytes(pythons[name])}
        for name, taken in turns.items()
        if name not in skipped
    }
    if not entries:
        raise EngineError("no engine could be measured: the lines above say why")
    states = [before, read_state()]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": ["python", *sys.argv],
        "machine": asdict(machine),
        "states": [state.to_dict() for state in states],
        "doubts": doubts(machine, states),
        "audio_seconds": len(audio) / RATE,
        "rounds": ROUNDS,
        "engines": entries,
        "skipped": skipped,
    }


def _engines(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in ENGINES:
            raise argparse.ArgumentTypeError(f"{name!r}: there is {', '.join(ENGINES)}")
    return list(dict.fromkeys(names))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 10 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds, 10 to 3600")
    return value


def main() -> int:
    """Measure and print one row per engine; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--positives", type=Path, required=True, metavar="DIR", help="recordings of a phrase")
    add("--negatives", type=Path, required=True, nargs="+", metavar="DIR", help="other speech")
    add("--venvs", type=Path, required=True, metavar="FOLDER",
        help="of the engines' virtual environments; made where they are missing")  # fmt: skip
    add("--engines", type=_engines, metavar="A,B", help=f"of {', '.join(ENGINES)}; all unless said")
    add("--yamnet", type=Path, metavar="FILE", help="Google's yamnet.tflite, measured too")
    add("--model", type=Path, metavar="FILE", help="another model file for kws")
    add("--phrase", default="computer", help="for PocketSphinx, of words in its dictionary")
    add("--seconds", type=_seconds, default=120.0, help="of audio (120)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    if options.engines is None:
        options.engines = [name for name in ENGINES if name != "yamnet" or options.yamnet]
    if "yamnet" in options.engines and options.yamnet is None:
        parser.error("yamnet: name its file with --yamnet")
    try:
        for path in (options.yamnet, options.model):
            if path is not None and not path.is_file():
                raise EngineError(f"{path}: no such file: check the path")
        if options.json is not None and not options.json.resolve().parent.is_dir():
            raise EngineError(f"{options.json.parent}: no such folder for --json: make it first")
        result = measure(options)
        print(f"{result['audio_seconds']:.0f} s of audio, medians of {ROUNDS} turns, "
              f"{result['machine']['core']}, commit {result['commit']}")  # fmt: skip
        for line in table(result["engines"]):
            print(line)
        for doubt in result["doubts"]:
            print(f"doubtful: {doubt}")
        if options.json is not None:
            write_result(options.json, result)
    except KwsError as error:
        print(f"engines: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("engines: stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
