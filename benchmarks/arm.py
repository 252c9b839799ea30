"""ARM for real: the device install, its detections, cost and tests on an emulated aarch64 Debian.

    sudo "$(command -v python)" benchmarks/arm.py --root FOLDER [--recordings DIR --most 20]
        [--steps 500] [--extra board] [--core cortex-a72] [--tests] [--json FILE]

Needs root, and `apt-get install mmdebstrap qemu-user-static qemu-user gcc` (the last two to count
instructions). In FOLDER an aarch64 Debian is made, once (`emulation.py`); then, each time:

1. the wheel of this tree, `kws[board]`, is installed there by its own pip, all that it needs from
   wheels alone, and what is on disk is measured: at most 100 MB, of which kws at most 1 MB;
2. the default model hears the demo's words (and recordings) here and there: the same keywords at
   the same times, scores within one int8 step of the logits; how far the numbers of the front end
   and of the network are the same is printed;
3. the instructions of one step of 80 ms are counted by a plugin of QEMU: whole stream, front end,
   network. No times: those of an emulator say nothing of a board;
4. with `--tests`, the tests of `kws` run there (an hour).

Exit status 0 if all of it holds, 1 if not, 2 if it cannot run. Ctrl-C: the root is kept.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.emulation import (
    CORES,
    SUITE,
    Device,
    EmulationError,
    build_plugin,
    do,
    missing,
    register,
)
from support.environments import ONE_THREAD
from support.installed import distribution_bytes, installed_bytes
from support.origin import origin
from support.script import ROOT, check_json, copy, status_of

from kws.audio import load_audio
from kws.bench.machine import read_machine
from kws.bench.report import size
from kws.bench.result import write_result
from kws.errors import AudioError
from kws.folders import recordings_below
from kws.network import interpreter_class
from kws.packaged import packaged_model
from kws.pcm import to_int16

PROBE = Path(__file__).resolve().parent / "arm" / "probe.py"
PLUGIN = Path(__file__).resolve().parent / "arm" / "instructions.c"
DEMO = ROOT / "demo" / "synthesized_commands.wav"
RATE = 16000
#: Bars of issue 7, in bytes on disk.
MOST_INSTALLED, MOST_OURS = 100_000_000, 1_000_000
#: Seconds by which a time may differ: less than a frame of the front end.
MOST_SECONDS = 0.001
#: Steps of the short run, whose instructions are taken from those of the long one.
FEW_STEPS = 100
STEPS_PER_SECOND = 12.5
PARTS = {
    "stream": "whole step, samples in, detections out",
    "front-end": "of it the front end",
    "network": "of it the network, states copied by Python",
}
#: What the tests of `kws` import beyond the device install, as in pyproject.toml.
TEST_PACKAGES = (
    "pytest>=8",
    "pytest-timeout>=2.3",
    "hypothesis>=6.100",
    "soundfile>=0.12.1",
    "sounddevice>=0.4.6",
)
#: Of this tree, what the tests of `kws` read; the package itself is the installed one.
TEST_FILES = ("tests/kws", "tests/conftest.py", "demo", "pyproject.toml", "README.md")
#: Tests that judge how long something takes: an emulator's times say nothing.
JUDGE_TIMES = (
    "test_resample.py::test_far_faster_than_real_time",
    "test_import.py::test_import_is_fast",
)
#: Seconds for a test, and for all.
LONGEST_TEST, LONGEST_TESTS = 1800, 6 * 3600


@dataclass(frozen=True)
class Comparison:
    """What a recording gave here and there.

    Attributes
    ----------
    recording : str
    detections : int
        Here.
    wrong : str or None
        What differs more than it may.
    score : float
        The largest difference of a score, where the detections are the same.
    frames, same_frames : int
        Numbers of the front end, and how many of them are the same bit for bit.
    frame : float
        The largest difference of one, in natural logarithms.
    logits, same_logits, same_alone : int
        Of the network, how many are the same, and how many when it is given the same frames.
    steps : int
        The largest difference of a logit, in int8 steps.
    """

    recording: str
    detections: int
    wrong: str | None
    score: float
    frames: int
    same_frames: int
    frame: float
    logits: int
    same_logits: int
    same_alone: int
    steps: int


def compare(
    recording: str,
    here: Mapping[str, np.ndarray],
    there: Mapping[str, np.ndarray],
    step: float,
) -> Comparison:
    """Compare what a recording gave here and there.

    Parameters
    ----------
    recording : str
    here, there : mapping of str to array
        As `arm/probe.py` wrote it: ``keywords``, ``figures`` (score, start, end), ``frames``,
        ``logits``, and there ``logits_of_others``, over the frames of here.
    step : float
        Of the logits' int8.
    """
    ours, theirs = list(here["keywords"]), list(there["keywords"])
    wrong, score = None, 0.0
    if ours != theirs:
        wrong = f"here {', '.join(ours) or 'nothing'}; there {', '.join(theirs) or 'nothing'}"
    elif ours:
        apart = np.abs(here["figures"] - there["figures"])
        score = float(apart[:, 0].max())
        late = int(apart[:, 1:].max(axis=1).argmax())
        # a score is a mean of posteriors; of one step up for one label and down for another, a
        # posterior moves by at most a quarter of the two: its slope is p (1 - p)
        if apart[late, 1:].max() > MOST_SECONDS:
            wrong = f"{ours[late]} is {apart[late, 1:].max():.3f} s apart"
        elif score > step / 2:
            worst = ours[int(apart[:, 0].argmax())]
            wrong = f"the score of {worst} is {score:.3f} apart: more than an int8 step makes"
    frame = np.abs(here["frames"] - there["frames"])
    logit = np.abs(here["logits"] - there["logits"])
    return Comparison(
        recording,
        len(ours),
        wrong,
        score,
        frame.size,
        int((frame == 0).sum()),
        float(frame.max(initial=0)),
        logit.size,
        int((logit == 0).sum()),
        int((here["logits"] == there["logits_of_others"]).sum()),
        round(float(logit.max(initial=0)) / step),
    )


def read_tests(path: Path) -> dict[str, Any]:
    """Return how many tests passed, and which failed or were skipped, with what they said."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        raise EmulationError(f"the tests ended without a result: {error}") from None
    failed, skipped = {}, {}
    for case in cases:
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        for kind, kept in (("failure", failed), ("error", failed), ("skipped", skipped)):
            for child in case.iter(kind):
                kept[name] = (child.get("message") or "").splitlines()[:1]
    return {
        "passed": len(cases) - len(failed) - len(skipped),
        "failed": {name: " ".join(lines) for name, lines in failed.items()},
        "skipped": {name: " ".join(lines) for name, lines in skipped.items()},
    }


def over(installed: int, ours: int) -> list[str]:
    """Say which bars of size are missed."""
    bars = (("the device install", installed, MOST_INSTALLED), ("kws", ours, MOST_OURS))
    return [
        f"{what} is {size(have)} on disk, the bar is {size(most)}"
        for what, have, most in bars
        if have > most
    ]


def hear(device: Device, paths: Sequence[Path]) -> list[Comparison]:
    """Let the default model hear recordings here and there, and compare."""
    inside = device.root / "measure"
    inside.mkdir(exist_ok=True)
    copy(PROBE, inside / PROBE.name)
    copy(DEMO, inside / DEMO.name)
    recordings = _load(paths)
    numbers = {str(number): samples for number, samples in enumerate(recordings.values())}
    np.savez(inside / "recordings.npz", **numbers)
    do(
        [
            "env",
            *(f"{name}=1" for name in ONE_THREAD),
            f"PYTHONPATH={ROOT}",
            sys.executable,
            str(inside / PROBE.name),
            "hear",
            str(inside / "recordings.npz"),
            str(inside / "here.npz"),
        ],
        "the model does not run here",
    )
    device.run(
        [
            "/device/bin/python",
            f"/measure/{PROBE.name}",
            "hear",
            "/measure/recordings.npz",
            "/measure/there.npz",
            "/measure/here.npz",
        ],
        "the model does not run there",
    )
    step = _logit_step()
    found = []
    with np.load(inside / "here.npz") as here, np.load(inside / "there.npz") as there:
        for number, path in enumerate(recordings):
            of_this = [
                {key.partition("/")[2]: side[key] for key in side if key.startswith(f"{number}/")}
                for side in (here, there)
            ]
            found.append(compare(path.name, *of_this, step))
    return found


def _load(paths: Sequence[Path]) -> dict[Path, np.ndarray]:
    """Return recordings as int16, 16 kHz; those that are damaged are named and left out."""
    found = {}
    for path in paths:
        try:
            samples = load_audio(path, RATE)
        except AudioError as error:
            _say(f"left out: {error}")
            continue
        found[path] = to_int16(samples)
    return found


def _logit_step() -> float:
    """Return the step of the default model's logits, in which they are stated."""
    model = packaged_model()
    interpreter = interpreter_class()(model_content=model.network)
    name = model.metadata.streaming.output
    (step,) = [
        tensor["quantization"][0]
        for tensor in interpreter.get_output_details()
        if tensor["name"] == name
    ]
    return float(step)


def same_command(device: Device) -> str | None:
    """Say what differs of `kws spot`'s output for the demo, as installed there; None if nothing."""
    arguments = ["spot", f"/measure/{DEMO.name}", "--json"]
    there = device.run(["/device/bin/kws", *arguments], "kws spot fails there")
    here = do(
        ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "kws", "spot", str(DEMO), "--json"],
        "kws spot fails here",
    )
    apart = [(a, b) for a, b in zip(_rounded(here), _rounded(there), strict=False) if a != b]
    if apart:
        return f"kws spot: here {apart[0][0]}; there {apart[0][1]}"
    if len(_rounded(here)) != len(_rounded(there)):
        return f"kws spot: {len(_rounded(here))} lines here, {len(_rounded(there))} there"
    return None


def _rounded(printed: str) -> list[tuple[str, float, float]]:
    """Return keyword and times of each line of `kws spot --json`."""
    found = []
    for line in printed.splitlines():
        event = json.loads(line)
        found.append((event["keyword"], round(event["start"], 3), round(event["end"], 3)))
    return found


def count(device: Device, steps: int) -> dict[str, float]:
    """Return the instructions of one step, of the whole stream and of its parts."""
    plugin = build_plugin(PLUGIN, device.folder)
    probe = str(device.root / "measure" / PROBE.name)
    found = {}
    for part in PARTS:
        _say(f"counting instructions: {part}")
        few, many = (
            device.count(plugin, [probe, part, str(number)])
            for number in (FEW_STEPS, FEW_STEPS + steps)
        )
        found[part] = (many - few) / steps
    return found


def run_tests(device: Device) -> dict[str, Any]:
    """Run the tests of `kws` there; what pytest prints goes to stderr as it comes."""
    more = device.install_beside(TEST_PACKAGES)
    folder = device.root / "tested"
    do(["rm", "-rf", str(folder)], "the tests of last time cannot be removed")
    for name in TEST_FILES:
        copy(ROOT / name, folder / name)
    # tests find the models of the package beside them: they are those of the installed one
    (folder / "kws").symlink_to(f"/{(device.site / 'kws').relative_to(device.root)}")
    # the profile "ci" of hypothesis has no deadlines: how long something takes here says nothing
    command = device.command(
        [
            "/bin/sh",
            "-c",
            'cd /tested && exec "$@"',
            "sh",
            "/device/bin/python",
            "-m",
            "pytest",
            "-q",
            "-m",
            "not slow",
            "-p",
            "no:cacheprovider",
            "--hypothesis-profile=ci",
            "-o",
            f"timeout={LONGEST_TEST}",
            *(f"--deselect=tests/kws/{name}" for name in JUDGE_TIMES),
            "--junit-xml=/tested/result.xml",
            "tests/kws",
        ],
        {"PYTHONPATH": more},
    )
    try:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=LONGEST_TESTS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmulationError(f"the tests: {error}") from None
    return read_tests(folder / "result.xml")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Do all that was asked for; return the result as plain JSON values."""
    paths = [DEMO, *options.found]
    register()
    device = Device(options.root.resolve(), options.core)
    _say(f"aarch64 Debian in {device.folder}: made where it is missing (minutes)")
    device.prepare(options.mirror)
    _say("installing kws there, from wheels")
    device.install(options.extra)
    packages = distribution_bytes(device.site)
    installed = installed_bytes(device.python)
    _say(f"hearing {len(paths)} recording{'s' if len(paths) > 1 else ''} here and there")
    heard = hear(device, paths)
    command = same_command(device)
    instructions = count(device, options.steps) if options.steps else None
    tests = None
    if options.tests:
        _say("running the tests of kws there")
        tests = run_tests(device)
    bad = over(installed, packages["kws"])
    bad += [f"{one.recording}: {one.wrong}" for one in heard if one.wrong]
    if not sum(one.detections for one in heard):
        bad.append("nothing was detected")
    bad += [command] if command else []
    if tests is not None:
        bad += [f"{name}: {why}" for name, why in tests["failed"].items()]
        if not tests["passed"]:
            bad.append("no test passed")
    emulator = do(["qemu-aarch64-static", "--version"], "no version of QEMU").splitlines()[0]
    wheels = sorted(path.name for path in (device.folder / "wheels").glob("*.whl"))
    return {
        **origin(),
        "machine": asdict(read_machine()),
        "extra": options.extra,
        "emulated": {"suite": SUITE, "core": options.core, "emulator": emulator},
        "wheels": wheels,
        "installed_bytes": installed,
        "packages": packages,
        "heard": [asdict(one) for one in heard],
        "steps": options.steps,
        "instructions_per_step": instructions,
        "tests": tests,
        "failed": bad,
    }


def table(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    asked = f"kws[{result['extra']}]" if result["extra"] else "kws"
    yield f"| {asked} on aarch64, emulated ({result['emulated']['core']}) | |"
    yield "| --- | --- |"
    packages = dict(result["packages"])
    ours = packages.pop("kws")
    parts = ", ".join(
        f"{name.removeprefix('kws: ')} {size(packages.pop(name))}"
        for name in sorted(packages)
        if name.startswith("kws: ")
    )
    largest = sorted(packages, key=lambda name: -packages[name])
    yield (
        f"| installed | {size(result['installed_bytes'])}: kws {size(ours)}, "
        + ", ".join(f"{name} {size(packages[name])}" for name in largest)
        + " |"
    )
    yield f"| kws | {parts} |"
    heard = result["heard"]
    wrong = sum(one["wrong"] is not None for one in heard)
    total = {
        key: sum(one[key] for one in heard)
        for key in ("detections", "frames", "same_frames", "logits", "same_logits", "same_alone")
    }
    score, frame, steps = (max(one[key] for one in heard) for key in ("score", "frame", "steps"))
    yield (
        f"| detections | {total['detections']} in {len(heard)} recordings; {wrong} of them "
        f"differ; largest difference of a score {score:.3g} |"
    )
    yield (
        f"| front end | {total['same_frames'] / max(1, total['frames']):.1%} of "
        f"{total['frames']} numbers the same bit for bit, largest difference "
        f"{frame:.2g} |"
    )
    yield (
        f"| network | {total['same_logits']} of {total['logits']} logits the same "
        f"({total['same_alone']} where it is given the same frames), largest difference "
        f"{steps} int8 steps |"
    )
    for part, instructions in (result["instructions_per_step"] or {}).items():
        millions = instructions / 1e6
        yield (
            f"| instructions per step of 80 ms, {PARTS[part]} | {millions:.3f} million "
            f"({millions * STEPS_PER_SECOND:.1f} million per s of audio) |"
        )
    tests = result["tests"]
    if tests is not None:
        yield (
            f"| tests of kws | {tests['passed']} passed, {len(tests['failed'])} failed, "
            f"{len(tests['skipped'])} skipped |"
        )


def _steps(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if value != 0 and not 100 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r}: give 100 to 100000 steps, or 0 to count none")
    return value


def _most(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}: give 1 to 10000 recordings")
    return value


def _recordings(folder: Path | None, most: int) -> list[Path]:
    """Return some of the recordings in a folder, the same each time."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise AudioError(f"{folder}: no such folder: give a folder of recordings")
    paths = recordings_below(folder)
    if not paths:
        raise AudioError(f"{folder}: no recordings in it: give a folder that has some")
    chosen = sorted(np.random.default_rng(0).permutation(len(paths))[:most])
    return [paths[number] for number in chosen]


def run(options: argparse.Namespace) -> int:
    """Measure and print what holds; returns the exit status."""
    options.found = _recordings(options.recordings, options.most)
    check_json(options.json, EmulationError)
    reason = missing(counting=options.steps > 0)
    if reason is not None:
        raise EmulationError(reason)
    result = measure(options)
    print(f"{options.core} by {result['emulated']['emulator']}, commit {result['commit']}")
    for line in table(result):
        print(line)
    for line in result["failed"]:
        print(f"FAILED: {line}")
    if options.json is not None:
        write_result(options.json, result)
    return 1 if result["failed"] else 0


def main() -> int:
    """Make, install, compare, count, test; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--root",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="of the aarch64 Debian and its wheels, 300 MB; made once",
    )
    add("--recordings", type=Path, metavar="DIR", help="to hear beside the demo's")
    add("--most", type=_most, default=20, help="of these recordings (20)")
    add("--core", choices=CORES, default="cortex-a72", help="to emulate (cortex-a72, of the Pi 4)")
    add("--steps", type=_steps, default=500, help="over which instructions are counted (500)")
    add("--tests", action="store_true", help="run the tests of kws there: an hour")
    add(
        "--extra",
        default="board",
        metavar="NAME",
        help="of the package, that is installed too (board); '' for none",
    )
    add("--mirror", default="http://deb.debian.org/debian", metavar="URL", help="of Debian")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # programs below end with us
    return status_of("arm", lambda: run(options), "stopped; run it again: what was made is kept")


if __name__ == "__main__":
    sys.exit(main())
