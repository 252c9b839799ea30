"""One program for each machine: what `kws spot` prints, and the C chain's logits bit for bit."""

from __future__ import annotations

import json
import subprocess
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError
from kws.metadata import WAKE_WORDS
from kws.packaged import packaged_model
from kws.resample import resample
from kws.spotter import KeywordSpotter
from kws_deploy.native.binary import binary_sources, export_binary
from kws_deploy.native.compiler import TARGETS, compile_c

from ...conftest import kws_here as kws
from ...conftest import needs_program
from .conftest import FLAGS, write
from .test_wav import wav

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"
#: Bytes that a program for the ten commands may take.
MOST = 300_000
#: What runs programs for other machines, on this one.
EMULATORS = {"aarch64-linux": "aarch64", "arm-linux": "arm", "riscv64-linux": "riscv64"}
WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


@pytest.fixture(scope="session")
def program(compiler: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model as a program for this machine, as it is exported."""
    path = tmp_path_factory.mktemp("binary") / "kws"
    export_binary(packaged_model(), "x86_64-linux", path)
    return path


def pcm() -> bytes:
    with wave.open(str(DEMO)) as file:
        return file.readframes(file.getnframes())


def run(*command: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*map(str, command)], input=stdin, capture_output=True, check=False)


def with_logits(target: str) -> dict[str, bytes]:
    """Return the sources of the program that can print logits, too."""
    sources = binary_sources(packaged_model(), target)
    sources["main.c"] = b"int spot_main(int count, char **arguments);\n" + sources[
        "main.c"
    ].replace(b"int kws_main(", b"int spot_main(")
    sources["logits.c"] = Path(__file__).with_name("logits.c").read_bytes()
    return sources


@pytest.fixture(scope="session")
def by_gcc(gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by this machine's compiler and C library, with its sanitizers."""
    folder = tmp_path_factory.mktemp("gcc")
    files = write(with_logits("aarch64-macos"), folder / "c")  # by the C library, as Linux can too
    command = [gcc, *FLAGS, "-D_POSIX_C_SOURCE=200809L", *files, "-lm", "-o", str(folder / "kws")]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DKWS_NO_HEAP"]
    if subprocess.run([*command, *sanitizers], capture_output=True, check=False).returncode:
        pytest.skip("gcc has no sanitizers: apt-get install libasan8 libubsan1")
    return folder / "kws"


def test_a_target_is_needed(tmp_path: Path) -> None:
    done = kws("export", "commands", "--to", "binary", "--output", tmp_path / "kws")
    assert done.returncode == 2
    assert "--target" in done.stderr
    assert "aarch64-linux" in done.stderr


@pytest.mark.reach
def test_it_prints_what_spot_prints(program: Path) -> None:
    assert program.stat().st_size < MOST
    for options in ([], ["--json"]):
        ours, theirs = run(program, *options, DEMO), kws("spot", *options, DEMO)
        assert (ours.returncode, ours.stderr) == (0, b"")
        assert ours.stdout.decode() == theirs.stdout
        assert len(theirs.stdout.splitlines()) == 10
    two = run(program, DEMO, DEMO).stdout.decode()
    assert two == kws("spot", DEMO, DEMO).stdout


@pytest.mark.reach
def test_pipes_and_other_formats(program: Path, tmp_path: Path) -> None:
    samples = np.frombuffer(pcm(), "<i2") / np.float32(32768)
    expected = run(program, DEMO).stdout
    assert run(program, stdin=pcm()).stdout == expected
    assert run(program, "-", stdin=DEMO.read_bytes()).stdout == expected
    eight = (resample(samples, 16000, 8000) * 32767).astype("<i2").tobytes()
    lines = run(program, "--rate", 8000, stdin=eight).stdout.decode().splitlines()
    assert [line.split()[4] for line in lines] == WORDS
    stereo = np.repeat(resample(samples, 16000, 44100), 2).astype("<f4").tobytes()
    path = tmp_path / 'a "b"\\ \N{SNOWMAN}.wav'
    path.write_bytes(wav(stereo, 3, 2, 44100, 4))
    values = [json.loads(line) for line in run(program, "--json", path).stdout.splitlines()]
    assert {value["file"] for value in values} == {str(path)}
    assert set(WORDS) >= {value["keyword"] for value in values}
    assert len(values) >= 9


@pytest.mark.reach
def test_wake_words_of_any_letters(compiler: None, tmp_path: Path) -> None:
    """Labels that do not compete, with quotes, backslashes and letters beyond ASCII."""
    model = packaged_model()
    labels = tuple(f'hey "{n}" \\ \N{SNOWMAN}\N{MUSICAL SYMBOL G CLEF}' for n in range(12))
    detector = replace(
        model.metadata.detector, smoothing=0.3, thresholds=dict.fromkeys(labels, 0.9)
    )
    metadata = replace(
        model.metadata, task=WAKE_WORDS, labels=labels, detector=detector, operating_points=()
    )
    model = replace(model, metadata=metadata)
    path = tmp_path / "kws"
    export_binary(model, "x86_64-linux", path)
    spotter = KeywordSpotter(model)
    theirs = [*spotter.process(np.frombuffer(pcm(), "<i2")), *spotter.flush()]
    assert len({one.keyword for one in theirs}) > 5
    ours = [json.loads(line) for line in run(path, "--json", DEMO).stdout.splitlines()]
    assert [(one["keyword"], one["start"], one["end"], one["score"]) for one in ours] == [
        (one.keyword, round(one.start, 3), round(one.end, 3), round(one.score, 4)) for one in theirs
    ]
    assert len(run(path, DEMO).stdout.decode().splitlines()) == len(theirs)


@pytest.mark.reach
def test_what_is_wrong_is_said_in_one_line(program: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.wav").write_bytes(DEMO.read_bytes()[:20])
    (tmp_path / "empty.wav").write_bytes(b"")
    for arguments, message in (
        (["nothing.wav"], "cannot be opened"),
        ([tmp_path], "cannot be read"),
        ([tmp_path / "cut.wav"], "cut off"),
        ([tmp_path / "empty.wav"], "no samples"),
        (["--rate", "3"], "--rate"),
        (["--rate", "99999999999"], "--rate"),
        (["--jsn"], "--help"),
    ):
        done = run(program, *arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert len(done.stderr.splitlines()) == 1
        assert message in done.stderr.decode()
    done = run(program, tmp_path / "cut.wav", DEMO)
    assert (done.returncode, len(done.stdout.splitlines())) == (2, 10)
    assert b"keywords: down, go" in run(program, "--help").stdout
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([program, DEMO], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


@pytest.mark.reach
@pytest.mark.parametrize("target", EMULATORS)
def test_logits_bit_for_bit(target: str, by_gcc: Path, compiler: None, tmp_path: Path) -> None:
    """Emulated: the network's output of every step, and what is printed, as on this machine."""
    name = f"qemu-{EMULATORS[target]}"
    emulator = needs_program(name, "apt-get install qemu-user")
    path = tmp_path / "kws"
    path.write_bytes(compile_c(with_logits(target), TARGETS[target]))
    path.chmod(0o755)
    assert path.stat().st_size < MOST
    for stdin in (pcm(), np.random.default_rng(0).bytes(200_000)):
        ours = run(emulator, path, "--logits", stdin=stdin).stdout
        theirs = run(by_gcc, "--logits", stdin=stdin).stdout
        assert len(theirs) > 900
        assert ours == theirs
    assert run(emulator, path, DEMO).stdout == run(by_gcc, DEMO).stdout


@pytest.mark.reach
def test_damaged_files_do_no_harm(by_gcc: Path, tmp_path: Path) -> None:
    """With sanitizers, whose finds end a program by status 1: damaged headers, and noise."""
    random = np.random.default_rng(0)
    whole = wav(random.bytes(4000), 1, 2, 44100, 2, b"LIST\4\0\0\0abcd")
    files = []
    for number in range(200):
        data = bytearray(whole)
        for at in random.integers(0, 56, random.integers(1, 8)):
            data[at] = random.integers(0, 256)
        files.append(tmp_path / str(number))
        files[-1].write_bytes(data[: random.integers(0, len(data))])
    done = run(by_gcc, *files)
    assert done.returncode in (0, 2), done.stderr.decode()[-500:]
    assert all(line.startswith(b"kws: ") for line in done.stderr.splitlines())


@pytest.mark.reach
def test_windows_and_macos_are_compiled(compiler: None, tmp_path: Path) -> None:
    """What they are is checked, not that they run: there is no such machine here."""
    for target, magic in (("x86_64-windows", b"MZ"), ("aarch64-macos", b"\xcf\xfa\xed\xfe")):
        size = export_binary(packaged_model(), target, tmp_path / target)
        data = (tmp_path / target).read_bytes()
        assert size == len(data) < MOST
        assert data.startswith(magic)
        assert str(Path.home()).encode() not in data
    assert b"PE\0\0\x64\x86" in (tmp_path / "x86_64-windows").read_bytes()[:512]


@pytest.mark.reach
def test_the_same_model_gives_the_same_bytes(program: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    done = kws(
        *("export", "commands", "--to", "binary", "--target", "x86_64-linux"),
        *("--output", again, "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bytes"] == again.stat().st_size
    assert again.read_bytes() == program.read_bytes()
    assert again.stat().st_mode & 0o111


def test_a_failed_compilation_is_one_line(compiler: None) -> None:
    with pytest.raises(KwsError, match=r"the compiler has failed: a\.c:1:1: error"):
        compile_c({"a.c": b"nonsense"}, TARGETS["x86_64-linux"])
