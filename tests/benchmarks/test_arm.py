import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kws import KwsError

from ..conftest import needs_program

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
STEP = 0.04


@pytest.fixture(scope="module")
def modules(benchmark_module):
    """The script and what it imports from its own folder, as when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield benchmark_module("arm"), sys.modules["support.emulation"]
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def arm(modules):
    return modules[0]


@pytest.fixture(scope="module")
def emulation(modules):
    return modules[1]


def heard(keywords=("yes", "no"), **changed):
    rng = np.random.default_rng(0)
    logits = (rng.integers(-128, 128, (20, 12)) * STEP).astype(np.float32)
    figures = np.array([[0.9, 1.0, 1.5], [0.8, 2.0, 2.5]])[: len(keywords)]
    return {
        "keywords": np.array(keywords, "U100"),
        "figures": figures,
        "frames": rng.normal(size=(160, 64)).astype(np.float32),
        "logits": logits,
        "logits_of_others": logits,
        **changed,
    }


def test_the_same_is_the_same(arm):
    found = arm.compare("a.wav", heard(), heard(), STEP)
    assert found.wrong is None
    assert (found.detections, found.score, found.steps) == (2, 0, 0)
    assert found.frames == found.same_frames == 160 * 64
    assert found.logits == found.same_logits == found.same_alone == 240


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (("yes", "on"), "here yes, no; there yes, on"),
        (("yes",), "here yes, no; there yes"),
        ((), "there nothing"),
    ],
)
def test_other_keywords_are_wrong(arm, theirs, said):
    assert said in arm.compare("a.wav", heard(), heard(theirs), STEP).wrong


def test_another_time_is_wrong_and_says_of_which_word(arm):
    there = heard(figures=np.array([[0.9, 1.0, 1.5], [0.8, 2.0, 2.51]]))
    assert arm.compare("a.wav", heard(), there, STEP).wrong == "no is 0.010 s apart"


@pytest.mark.parametrize(("apart", "wrong"), [(0.019, False), (-0.021, True)])
def test_a_score_may_differ_by_what_a_step_of_the_logits_makes(arm, apart, wrong):
    there = heard(figures=np.array([[0.9, 1.0, 1.5], [0.8 + apart, 2.0, 2.5]]))
    found = arm.compare("a.wav", heard(), there, STEP)
    assert found.score == pytest.approx(abs(apart))
    assert (found.wrong is not None) == wrong
    assert not wrong or "the score of no is 0.021 apart" in found.wrong


def test_half_a_step_is_what_a_step_makes_of_a_posterior_at_most(arm):
    # the bound of `compare`: one label's logit a step up, another's a step down
    logits = np.random.default_rng(0).normal(0, 3, (2000, 2))
    moved = logits + np.array([STEP, -STEP])
    posterior = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
    after = 1 / (1 + np.exp(moved[:, 1] - moved[:, 0]))
    assert 0.98 * STEP / 2 < np.abs(after - posterior).max() <= STEP / 2


def test_numbers_that_differ_are_counted(arm):
    here, there = heard(), heard()
    there["frames"] = there["frames"].copy()
    there["frames"][3, :2] += 0.25
    there["logits"] = there["logits"].copy()
    there["logits"][0, 0] += 3 * STEP
    found = arm.compare("a.wav", here, there, STEP)
    assert found.frames - found.same_frames == 2
    assert found.frame == pytest.approx(0.25, abs=1e-6)
    assert (found.logits - found.same_logits, found.steps) == (1, 3)
    assert found.same_alone == found.logits


def test_a_recording_without_words_is_compared(arm):
    assert arm.compare("a.wav", heard(()), heard(()), STEP).wrong is None


def test_a_damaged_recording_is_named_and_left_out(arm, tmp_path, capsys):
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(arm.DEMO.read_bytes()[:30])
    found = arm._load([damaged, arm.DEMO])
    assert list(found) == [arm.DEMO]
    assert (found[arm.DEMO].dtype, found[arm.DEMO].ndim) == (np.int16, 1)
    assert "damaged.wav" in capsys.readouterr().err


def install(site: Path, name: str, files: dict[str, int]) -> None:
    record = site / f"{name}-1.0.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    lines = [f"{record.parent.name}/RECORD,,"]
    for file, bytes_on_disk in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_bytes(bytes(bytes_on_disk))
        lines.append(f'"{file}",sha256=x,{bytes_on_disk}' if "," in file else f"{file},,")
    record.write_text("\n".join(lines) + "\n")


def test_sizes_are_those_on_disk_by_distribution(arm, tmp_path):
    site = tmp_path / "device" / "lib" / "python3.11" / "site-packages"
    install(
        site,
        "numpy",
        {
            "numpy/a.so": 5000,
            "numpy.libs/b,c.so": 700,
            "numpy/__pycache__/a.cpython-311.pyc": 90,
            "../../../bin/f2py": 30,
        },
    )
    install(site, "kws", {"kws/a.py": 400, "kws/models/m.tflite": 600, "kws_training/b.py": 50})
    install(site, "pip", {"pip/a.py": 10_000})
    (site / "numpy-1.0.dist-info" / "RECORD").open("a").write("numpy/gone.py,,\n")
    found = arm.distribution_bytes(site)
    record = (site / "numpy-1.0.dist-info" / "RECORD").stat().st_size
    assert found["numpy"] == 5700 + record
    assert found["kws: kws"] == 1000
    assert found["kws: kws_training"] == 50
    assert "pip" not in found
    assert found["kws"] == sum(found[name] for name in found if name.startswith("kws: "))
    # the total, as for every engine: all but what venv brings
    total = arm.installed_bytes(tmp_path / "device" / "bin" / "python")
    assert total == found["numpy"] + found["kws"]


def test_the_bars_of_size(arm):
    assert arm.over(100_000_000, 1_000_000) == []
    both = arm.over(104_100_000, 2_300_000)
    assert both == [
        "the device install is 104.1 MB on disk, the bar is 100.0 MB",
        "kws is 2.3 MB on disk, the bar is 1.0 MB",
    ]


REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="5">
<testcase classname="tests.kws.test_a" name="test_one" time="1"/>
<testcase classname="tests.kws.test_a" name="test_two[x]"><failure message="assert 1 == 2&#10;more">
trace</failure></testcase>
<testcase classname="tests.kws.test_a" name="test_three"><skipped message="no device"/></testcase>
<testcase classname="tests.kws.test_b" name="test_four"><error message="no fixture">
</error></testcase>
<testcase classname="tests.kws.test_b" name="test_five"/>
</testsuite></testsuites>"""


def test_the_report_of_tests_is_read(arm, tmp_path):
    path = tmp_path / "result.xml"
    path.write_text(REPORT)
    found = arm.read_tests(path)
    assert found["passed"] == 2
    assert found["failed"] == {
        "tests/kws/test_a.py::test_two[x]": "assert 1 == 2",
        "tests/kws/test_b.py::test_four": "no fixture",
    }
    assert found["skipped"] == {"tests/kws/test_a.py::test_three": "no device"}
    path.write_text(REPORT[:200])
    with pytest.raises(KwsError, match="ended without a result"):
        arm.read_tests(path)


def test_lines_of_kws_spot_are_compared_by_word_and_time(arm):
    line = '{"keyword": "yes", "score": %s, "start": 0.99, "end": 1.5900001}\n'
    assert arm._rounded(line % 0.91) == arm._rounded(line % 0.92) == [("yes", 0.99, 1.59)]


def test_the_table_has_a_row_for_each_thing(arm):
    result = {
        "extra": "board",
        "emulated": {"core": "cortex-a72"},
        "installed_bytes": 104_100_000,
        "packages": {
            "kws": 2_300_000,
            "kws: kws": 800_000,
            "kws: kws_training": 1_500_000,
            "ai_edge_litert": 42_000_000,
            "numpy": 56_000_000,
        },
        "heard": [
            {
                "recording": "a.wav",
                "detections": 10,
                "wrong": "x",
                "score": 0.25,
                "frames": 200,
                "same_frames": 175,
                "frame": 1e-6,
                "logits": 40,
                "same_logits": 30,
                "same_alone": 40,
                "steps": 2,
            }
        ],
        "instructions_per_step": {"stream": 727_000.0},
        "steps": 500,
        "tests": {"passed": 900, "failed": {"a": "b"}, "skipped": {}},
    }
    text = "\n".join(arm.table(result))
    assert text.startswith("| kws[board] on aarch64, emulated (cortex-a72) | |")
    assert "104.1 MB: kws 2.3 MB, numpy 56.0 MB, ai_edge_litert 42.0 MB |" in text
    assert "kws 800 kB, kws_training 1.5 MB" in text
    assert "10 in 1 recordings; 1 of them differ; largest difference of a score 0.25" in text
    assert "87.5% of 200" in text
    assert "30 of 40 logits the same (40 where" in text
    assert "0.727 million (9.1 million per s of audio)" in text
    assert "900 passed, 1 failed, 0 skipped" in text


def test_the_board_that_programs_see(emulation, tmp_path):
    from kws.bench.machine import ARM_CORES, read_machine

    (tmp_path / "root" / "sys/devices/system/cpu").mkdir(parents=True)
    for core in emulation.CORES:
        emulation.Device(tmp_path, core)._show_board()
        (tmp_path / "root" / "proc").mkdir(exist_ok=True)
        shutil.copy(tmp_path / "root" / "cpuinfo", tmp_path / "root" / "proc" / "cpuinfo")
        assert read_machine(tmp_path / "root").core.lower() == core
        assert core in {name.lower() for name in ARM_CORES.values()}
    text = (tmp_path / "root" / "cpuinfo").read_text()
    assert text.count("processor") == 4
    assert (tmp_path / "root/sys/devices/system/cpu/present").read_text() == "0-3\n"


def test_a_folder_of_somebody_else_is_not_emptied(emulation, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "thesis.txt").write_text("three years")
    with pytest.raises(KwsError, match="not made by this command: name another --root"):
        emulation.Device(tmp_path, "cortex-a72").prepare("http://nowhere.invalid")
    assert (tmp_path / "root" / "thesis.txt").read_text() == "three years"


def test_a_root_that_was_not_finished_is_made_anew(emulation, tmp_path, monkeypatch):
    # mmdebstrap cannot be run here: what it is asked for, and what is removed before
    (tmp_path / emulation.STAMP).write_text("not finished\n")
    (tmp_path / "root" / "half").mkdir(parents=True)
    asked = []

    def refused(command, what):
        asked.append(command[0])
        raise emulation.EmulationError(what)

    monkeypatch.setattr(emulation, "do", refused)
    with pytest.raises(KwsError, match="no Debian for arm64"):
        emulation.Device(tmp_path, "cortex-a72").prepare("http://nowhere.invalid")
    assert asked == ["mmdebstrap"]
    assert not (tmp_path / "root").exists()
    assert (tmp_path / emulation.STAMP).read_text() == "not finished\n"


def test_wheels_for_other_machines_are_not_asked_for(emulation):
    options = emulation.platforms()
    tags = [option.partition("=")[2] for option in options if option.startswith("--platform=")]
    assert all(tag.endswith("_aarch64") for tag in tags)
    assert {"manylinux_2_17_aarch64", "manylinux_2_36_aarch64"} <= set(tags)
    assert "manylinux_2_37_aarch64" not in tags  # newer than the root's C library
    assert "--only-binary=:all:" in options


@pytest.mark.parametrize(
    ("absent", "counting", "said"),
    [
        ({"qemu-aarch64-static"}, True, "qemu-aarch64-static not found: apt-get install qemu-user"),
        ({"qemu-aarch64", "gcc"}, True, "qemu-aarch64, gcc not found: apt-get install qemu-user g"),
        ({"qemu-aarch64", "gcc"}, False, None),
        ({"mmdebstrap"}, False, "mmdebstrap not found: apt-get install mmdebstrap"),
    ],
)
def test_what_is_missing_is_said(emulation, monkeypatch, absent, counting, said):
    monkeypatch.setattr(emulation.shutil, "which", lambda name: None if name in absent else name)
    monkeypatch.setattr(emulation.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(emulation.os, "geteuid", lambda: 0)
    reason = emulation.missing(counting)
    assert reason is None if said is None else reason.startswith(said)
    monkeypatch.setattr(emulation.os, "geteuid", lambda: 1000)
    if said is None:
        assert emulation.missing(counting).startswith("needs root")
    monkeypatch.setattr(emulation.platform, "machine", lambda: "aarch64")
    assert emulation.missing(counting).startswith("this machine is aarch64 itself")


def test_a_program_that_fails_is_said_with_its_error(emulation):
    script = "import sys; print('E: no such suite', file=sys.stderr); print('bye'); sys.exit(3)"
    with pytest.raises(KwsError, match=r"^no Debian: E: no such suite$"):
        emulation.do([sys.executable, "-c", script], "no Debian")
    with pytest.raises(KwsError, match=r"^no Debian: .*no-such-program"):
        emulation.do(["/no-such-program"], "no Debian")
    assert emulation.do([sys.executable, "-c", "print(7)"], "seven") == "7\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recordings", "nowhere"], "no such folder"),
        (["--recordings", "."], "no recordings"),
        (["--json", "nowhere/a.json"], "no such folder for --json"),
        (["--steps", "7"], "'7': give 100"),
        (["--most", "0"], "'0': give 1"),
        (["--core", "z80"], "cortex-a72"),
    ],
)
def test_what_cannot_be_run_is_said_and_makes_nothing(tmp_path, arguments, said):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "arm.py"), "--root", "device", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_plugin_counts_the_same_program_the_same(emulation, tmp_path):
    """QEMU runs a program of this very machine; two loops of known length count the difference."""
    if os.uname().machine != "x86_64":
        pytest.skip("this machine is no x86-64")
    emulator = needs_program("qemu-x86_64", "apt-get install qemu-user")
    needs_program("gcc", "apt-get install gcc")
    plugin = emulation.build_plugin(BENCHMARKS / "arm" / "instructions.c", tmp_path)
    source = tmp_path / "loop.c"
    source.write_text(
        "#include <stdlib.h>\nint main(int n, char **a) { long k = atol(a[1]); (void)n;\n"
        '__asm__ volatile("1: dec %0\\n jnz 1b" : "+r"(k)); return 0; }\n'
    )
    program = tmp_path / "loop"
    subprocess.run(["gcc", "-static", "-o", program, source], check=True)

    def count(loops: int) -> int:
        found = tmp_path / "count.txt"
        subprocess.run(
            [emulator, "-plugin", f"{plugin},count={found}", program, str(loops)],
            check=True,
            env={"PATH": "/bin"},
        )
        return int(found.read_text())

    # two instructions in each loop; a digit more to read is a few
    assert count(200_000) - count(100_000) == pytest.approx(200_000, abs=100)


def test_what_the_probe_writes_is_what_compare_reads(arm, tmp_path):
    """Both sides are this machine: all is the same, and the demo's words are there."""
    from kws.audio import load_audio

    samples = (load_audio(arm.DEMO, arm.RATE)[: 8 * arm.RATE] * 32767).astype(np.int16)
    np.savez(tmp_path / "recordings.npz", **{"0": samples})

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, str(arm.PROBE), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    run("hear", tmp_path / "recordings.npz", tmp_path / "here.npz")
    run("hear", tmp_path / "recordings.npz", tmp_path / "there.npz", tmp_path / "here.npz")
    with np.load(tmp_path / "here.npz") as one, np.load(tmp_path / "there.npz") as other:
        here, there = ({key.partition("/")[2]: side[key] for key in side} for side in (one, other))
    found = arm.compare("demo", here, there, arm._logit_step())
    assert list(here["keywords"]) == ["yes", "no", "up", "down"]
    assert found.wrong is None
    assert found.logits == found.same_alone == found.same_logits > 1000
    for part in arm.PARTS:
        assert run(part, 3) == "3\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
def test_a_termination_ends_what_was_started(emulation, tmp_path):
    """`arm.py` makes SIGTERM a Ctrl-C; that ends what runs in namespaces too."""
    tried = subprocess.run(
        [*emulation._NAMESPACES, "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:  # in a chroot, or in a container without the right to mount
        pytest.skip(f"no namespaces here: {tried.stderr.strip()}")
    child = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(60)"
    script = (
        "import signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from support.emulation import _NAMESPACES, do\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "do([*_NAMESPACES, sys.executable, '-c', sys.argv[3], sys.argv[2]], 'x')\n"
    )
    mark = tmp_path / "started"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(BENCHMARKS), str(mark), child], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 30
    while not mark.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    until = time.monotonic() + 10
    while _running(str(mark)):
        assert time.monotonic() < until, "a program runs on"
        time.sleep(0.1)


def _running(argument: str) -> bool:
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument in line.read_text().split("\0"):
                return True
        except OSError:
            continue
    return False


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_real_thing(emulation, tmp_path):
    """Makes the Debian, installs, hears the demo, counts. Some minutes on a quiet machine."""
    reason = emulation.missing(counting=True)
    if reason is not None:
        pytest.skip(reason)
    result = tmp_path / "arm.json"
    done = subprocess.run(
        [
            sys.executable,
            str(BENCHMARKS / "arm.py"),
            "--root",
            str(tmp_path / "device"),
            "--steps",
            "100",
            "--json",
            str(result),
        ],
        capture_output=True,
        text=True,
        timeout=3500,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(result.read_text())
    (demo,) = found["heard"]
    assert demo["detections"] == 10
    assert demo["wrong"] is None
    assert demo["same_alone"] == demo["logits"]  # int8 kernels compute the same on both
    counted = found["instructions_per_step"]
    assert 0 < counted["network"] < counted["stream"]
    assert 0 < counted["front-end"] < counted["stream"] < 5e6
    assert any("numpy" in wheel and "aarch64" in wheel for wheel in found["wheels"])
    # the bars of size are for the package; here, that what is over is said
    assert found["failed"] == [line for line in found["failed"] if "on disk" in line]
