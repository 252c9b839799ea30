"""Hostile inputs: what is read from outside is refused in one line, or is what it says it is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import needs_program

ROOT = Path(__file__).parents[1]
#: Inputs of each reader here: `.ci/run` and the long run take more.
INPUTS = 60
#: Readers of the device side, and those that need what training needs.
DEVICE = (
    *("wav", "soundfile", "pipe", "model", "network", "bench", "names", "kept", "grammar", "state"),
    *("wyoming", "http", "websocket", "card"),
)
TRAINING = (
    *("manifest", "folder", "metadata", "lists", "recipe", "board", "voice", "arrays", "archive"),
    *("labels", "yamnet", "speech", "pack"),
)


def fuzz(tmp_path: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore", ROOT / "scripts" / "fuzz.py", *arguments]
    return subprocess.run(
        [*map(str, command), "--keep", str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        check=False,
    )


def check(tmp_path: Path, readers: tuple[str, ...]) -> None:
    done = fuzz(tmp_path, *readers, "--inputs", INPUTS, "--seed", 7)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines.keys() == set(readers)
    for line in lines.values():
        assert "skipped: no " in line or f" {INPUTS} inputs in " in line


def test_nothing_that_a_device_reads_breaks_the_promise(tmp_path: Path) -> None:
    check(tmp_path, DEVICE)


def test_nothing_that_training_reads_breaks_the_promise(tmp_path: Path) -> None:
    pytest.importorskip("pydantic", reason="no pydantic: pip install '.[train]'")
    check(tmp_path, TRAINING)


def test_every_reader_is_tried(tmp_path: Path) -> None:
    text = fuzz(tmp_path, "--help").stdout.partition("readers:\n")[2]
    assert {line.split()[0] for line in text.splitlines() if line.strip()} == {*DEVICE, *TRAINING}


def test_what_breaks_the_promise_is_found_and_kept(tmp_path: Path) -> None:
    """Readers that do what none may: each is caught, and its input comes back the same."""
    script = tmp_path / "broken.py"
    script.write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT / 'scripts')!r}]\n"
        "from pathlib import Path\n"
        "from fuzzing.campaign import run\n"
        "from fuzzing.reader import Reader, generated\n"
        "held = []\n"
        "def crash(content, folder):\n"
        "    import ctypes\n"
        "    return ctypes.string_at(0) and ''\n"
        "def hang(content, folder):\n"
        "    while True: pass\n"
        "def outside(content, folder):\n"
        "    (folder / '..' / 'x').write_bytes(content)\n"
        "def peek(content, folder):\n"
        "    return open('../stderr').read() and ''\n"
        "def grow(content, folder):\n"
        "    held.append(bytearray(40 << 20)); return 'read'\n"
        "def wrong(content, folder):\n"
        "    raise IndexError('list index out of range')\n"
        "def lines(content, folder):\n"
        "    from kws.errors import KwsError\n"
        "    raise KwsError('a\\nb')\n"
        "def guarded(read):\n"
        "    return lambda one, folder: 'read' if one == b'seed' else read(one, folder)\n"
        "for read in (crash, hang, outside, peek, grow, wrong, lines):\n"
        "    one = Reader(read.__name__, '', lambda: [b'seed'], guarded(read), seconds=1,\n"
        "                 memory=20, change=lambda content, draw: draw.randbytes(20))\n"
        "    tally = run(one, 3, 1, Path(sys.argv[1]))\n"
        "    kept = (Path(sys.argv[1]) / f'{one.name}-3-0').read_bytes()\n"
        "    assert kept == generated(one, [b'seed'], 3, 0)\n"
        "    print(one.name, tally.broken[0][1], sep=': ')\n"
    )
    done = subprocess.run(
        [sys.executable, script, tmp_path / "kept"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert said["crash"] == "the process crashed: SIGSEGV"
    assert said["hang"] == "more than 1 CPU seconds"
    assert said["outside"].startswith("writes '")
    assert said["peek"] == "reads '../stderr'"
    assert said["grow"].endswith(" MiB more than before")
    assert said["wrong"] == "IndexError: list index out of range"
    assert said["lines"].startswith("a refusal of 3 characters in 2 lines")


@pytest.mark.reach
def test_inputs_guided_by_coverage_reach_more_and_more_code(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="no atheris: pip install atheris")
    done = fuzz(tmp_path, "state", "--coverage", "--inputs", 300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("300 inputs, guided: no fault\n")
    reached = [int(edges) for edges in re.findall(r" cov: (\d+) ", done.stderr)]
    assert reached[-1] > reached[0] > 0


@pytest.mark.reach
def test_the_sanitizers_are_silent_over_the_c_of_a_model(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="no TensorFlow: pip install '.[deploy]'")
    needs_program("clang", "apt-get install clang")
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "scripts" / "fuzz_c.py", "--frames", "3000"),
            *("--keep", tmp_path / "kept"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot find" in done.stderr:
        pytest.skip("clang has no libFuzzer: apt-get install libclang-rt-dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("and the sanitizers were silent\n")
