"""What engines cost side by side: same audio, one run, each in a virtual environment of its own.

    python benchmarks/engines.py --positives DIR --negatives DIR… --venvs FOLDER
        [--engines kws,pymicro-wakeword] [--models NAME=FILE…] [--yamnet yamnet.tflite]
        [--json FILE]

Environments that are missing are made with `python -m venv` and pip; an engine that cannot be
installed or fails is named and left out. Then every engine takes its turn in each of three
rounds, each time in a fresh process, so that whatever else the machine does falls on all of them
alike; printed are medians, and ratios to kws. Each adapter is one script in `engines/`, run by
the Python of its environment; what it measures is said in `engines/protocol.py`. `--models` names
further model files for kws: each takes part beside the default one, `NAME` in the table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import number_between
from support.environments import (
    ENGINES,
    EngineError,
    Entrant,
    check_names,
    engine_names,
    named_model,
    open_environments,
    turn,
)
from support.installed import installed_bytes
from support.origin import on_machine, origin
from support.script import check_json, status_of

from kws.audio import load_audio
from kws.bench.machine import read_machine, read_state
from kws.bench.report import duration, size
from kws.bench.result import write_result
from kws.errors import AudioError
from kws.folders import recordings_below
from kws.pcm import to_int16

RATE = 16000
ROUNDS = 3
#: Audio at the start that does not count: engines fill their windows and caches.
WARM_UP = 2.0
#: Seconds between two recordings, of faint noise: digital silence occurs nowhere.
PAUSE, PAUSE_LEVEL = 0.5, 1e-3


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
    return to_int16(audio)


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

    yield (
        "| engine | CPU s per s of audio | start to first score | memory, peak | model "
        "| installed | threads |"
    )
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


def entrants_of(options: argparse.Namespace) -> list[Entrant]:
    """Return who takes part: each engine, and kws once more with each further model."""
    check_names([name for name, _ in options.models])
    if options.models and "kws" not in options.engines:
        raise EngineError("--models are of kws: name it in --engines too")
    entrants = []
    for engine in options.engines:
        phrases = ENGINES[engine].phrases
        request = {"phrase": options.phrase}
        if phrases and options.phrase not in phrases:
            request["phrase"] = phrases[0]
        if engine == "yamnet":
            request["model"] = str(options.yamnet.resolve())
        if engine == "kws":
            entrants += [Entrant(name, engine, {"model": file}) for name, file in options.models]
        if engine not in dict(options.models):
            entrants.append(Entrant(engine, engine, request))
    return entrants


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Make the environments, take the turns, and return the result as plain JSON values."""
    began = origin()
    audio = mixed(options.positives, options.negatives, options.seconds)
    entrants = entrants_of(options)
    pythons, skipped = open_environments(entrants, options.venvs)
    machine, before = read_machine(), read_state()
    there = [entrant for entrant in entrants if entrant.engine in pythons]
    engine_of = {entrant.name: entrant.engine for entrant in there}
    turns: dict[str, list[dict[str, Any]]] = {entrant.name: [] for entrant in there}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audio.raw"
        audio.tofile(path)
        for number in range(ROUNDS):
            for entrant in [entrant for entrant in there if entrant.name not in skipped]:
                name = entrant.name
                print(f"round {number + 1} of {ROUNDS}: {name}", file=sys.stderr, flush=True)
                request = {**entrant.request, "audio": str(path), "warm_up": WARM_UP}
                try:
                    turns[name].append(turn(pythons[entrant.engine], entrant.script, request))
                except EngineError as error:
                    skipped[name] = str(error)
                    print(f"skipped: {name}: {error}", file=sys.stderr, flush=True)
    entries = {
        name: {**measured(taken), "installed_bytes": installed_bytes(pythons[engine_of[name]])}
        for name, taken in turns.items()
        if name not in skipped
    }
    if not entries:
        raise EngineError("no engine could be measured: the lines above say why")
    states = [before, read_state()]
    return {
        **began,
        **on_machine(machine, states),
        "audio_seconds": len(audio) / RATE,
        "rounds": ROUNDS,
        "engines": entries,
        "skipped": skipped,
    }


def run(options: argparse.Namespace) -> int:
    """Measure and print one row per engine; returns the exit status."""
    if options.yamnet is not None and not options.yamnet.is_file():
        raise EngineError(f"{options.yamnet}: no such file: check the path")
    check_json(options.json, EngineError)
    result = measure(options)
    print(
        f"{result['audio_seconds']:.0f} s of audio, medians of {ROUNDS} turns, "
        f"{result['machine']['core']}, commit {result['commit']}"
    )
    for line in table(result["engines"]):
        print(line)
    for doubt in result["doubts"]:
        print(f"doubtful: {doubt}")
    if options.json is not None:
        write_result(options.json, result)
    return 0


def main() -> int:
    """Measure and print one row per engine; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--positives", type=Path, required=True, metavar="DIR", help="recordings of a phrase")
    add("--negatives", type=Path, required=True, nargs="+", metavar="DIR", help="other speech")
    add(
        "--venvs",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="of the engines' virtual environments; made where they are missing",
    )
    add(
        "--engines",
        type=engine_names,
        metavar="A,B",
        help=f"of {', '.join(ENGINES)}; all unless said",
    )
    add("--yamnet", type=Path, metavar="FILE", help="Google's yamnet.tflite, measured too")
    add(
        "--models",
        type=named_model,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FILE",
        help="further models for kws: files, or names of models in the package",
    )
    add(
        "--phrase",
        default="computer",
        help="of engines that have a model for it; the others listen to their own",
    )
    add("--seconds", type=number_between(10, 3600, "seconds"), default=120.0, help="of audio (120)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    if options.engines is None:
        options.engines = [name for name in ENGINES if name != "yamnet" or options.yamnet]
    if "yamnet" in options.engines and options.yamnet is None:
        parser.error("yamnet: name its file with --yamnet")
    return status_of("engines", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
