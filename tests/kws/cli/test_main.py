"""The command line as a process: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import shlex
import struct
import subprocess
import sys
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest

from kws.cli.inputs import chunks
from kws.cli.verb import BAD_INPUT
from kws.errors import AudioError
from kws.microphone import input_devices
from kws.modelfile import ModelFile, pack, parse_model
from kws.resample import resample
from kws.spotter import KeywordSpotter

from ...conftest import kws_here
from ..conftest import RATE, Demo

KEYWORDS = {"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"}


def kws(
    *arguments: str | Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "kws", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def here(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The same in this process: what needs no streams and no end of its own."""
    done = kws_here(*arguments)
    out, err = done.stdout.encode(), done.stderr.encode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def shell(command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell's command, in which `kws` is the command line."""
    script = f'set -o pipefail\nkws() {{ {shlex.quote(sys.executable)} -m kws "$@"; }}\n{command}'
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def lines(output: bytes) -> list[str]:
    return output.decode().splitlines()


def refusal(*arguments: str | Path) -> str:
    """The one line of an error."""
    done = kws_here(*arguments)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("kws")
    assert "Traceback" not in line
    assert done.returncode == BAD_INPUT
    return line


def record(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    samples = np.random.default_rng(0).normal(size=RATE) * 0.01
    return record(tmp_path / "noise.wav", samples)


# --- help ---


def test_help() -> None:
    done = kws("--help")
    assert done.returncode == 0
    assert done.stderr == b""
    text = done.stdout.decode()
    for verb in ("spot", "classify", "listen"):
        assert f"\n    {verb} " in text
    assert "example: kws spot" in text


@pytest.mark.parametrize("verb", ["spot", "classify", "listen"])
def test_help_of_each_verb_has_an_example(verb: str) -> None:
    done = here(verb, "--help")
    assert done.returncode == 0
    assert done.stderr == b""
    text = done.stdout.decode()
    assert f"example: kws {verb} " in text
    assert "--model" in text
    assert "--json" in text


def test_version() -> None:
    from kws import __version__

    done = kws("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kws {__version__}\n".encode(), b"")


def test_the_installed_command_is_the_module() -> None:
    command = Path(sys.executable).with_name("kws")
    if not command.exists():
        pytest.skip("kws is not installed")
    done = subprocess.run([command, "--version"], capture_output=True, check=False, timeout=60)
    assert done.stdout == kws("--version").stdout


def test_help_where_only_the_device_is_installed(tmp_path: Path) -> None:
    """Packages of the other sides are missing: the device's verbs still work."""
    allowed = {"numpy", "ai_edge_litert", "kws", "kws_training", "kws_deploy"}
    script = f"""
import sys
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {allowed!r} and top[:1] != "_":
            raise ModuleNotFoundError(f"No module named {{top!r}}", name=top)
sys.meta_path.insert(0, Only())
from kws.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            check=False,
            timeout=60,
        )

    done = run("--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"spot" in done.stdout
    samples = record(tmp_path / "a.wav", np.zeros(RATE))
    done = run("classify", str(samples))
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"_" in done.stdout


# --- spot and classify ---


def test_spot(demo_path: Path, demo: Demo) -> None:
    done = kws("spot", demo_path)
    assert done.returncode == 0
    assert done.stderr == b""
    found = [line.split() for line in lines(done.stdout)]
    assert len(found) >= len(demo.words) // 2
    for start, dash, end, unit, keyword, score in found:
        assert (dash, unit) == ("–", "s")
        assert 0 <= float(start) < float(end) <= len(demo.samples) / RATE + 1
        assert keyword in KEYWORDS
        assert 0 < float(score) <= 1


def test_spot_json(demo_path: Path, demo: Demo) -> None:
    done = here("spot", "--json", demo_path)
    assert done.returncode == 0
    assert done.stderr == b""
    found = [json.loads(line) for line in lines(done.stdout)]
    assert len(found) >= len(demo.words) // 2
    for values in found:
        assert list(values) == ["file", "keyword", "score", "start", "end"]
        assert values["file"] == str(demo_path)
        assert values["keyword"] in KEYWORDS
        assert 0 < values["score"] <= 1
        assert 0 <= values["start"] < values["end"]


def test_spot_several_names_the_file(demo_path: Path, noise: Path) -> None:
    done = here("spot", noise, demo_path)
    assert done.returncode == 0
    assert lines(done.stdout)
    assert all(line.startswith(f"{demo_path}: ") for line in lines(done.stdout))


def test_each_file_begins_at_time_zero(demo_path: Path) -> None:
    def times(*paths: Path) -> list[tuple[object, ...]]:
        found = [json.loads(line) for line in lines(here("spot", "--json", *paths).stdout)]
        return [(values["keyword"], values["start"], values["end"]) for values in found]

    once = times(demo_path)
    assert once
    assert times(demo_path, demo_path) == once * 2


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_spot_a_pipe(demo_path: Path, demo: Demo, rate: int) -> None:
    samples = resample(demo.samples, RATE, rate)
    pcm = np.round(samples * 32767).astype("<i2").tobytes()
    done = kws("spot", "--json", "--rate", str(rate), "-", stdin=pcm)
    assert done.returncode == 0
    assert done.stderr == b""
    found = [json.loads(line) for line in lines(done.stdout)]
    assert {values["file"] for values in found} == {"-"}
    expected = [json.loads(line) for line in lines(here("spot", "--json", demo_path).stdout)]
    for some, others in ((found, expected), (expected, found)):
        for one in some:  # a score near its threshold may fall on either side
            assert one["score"] < 0.7 or any(
                one["keyword"] == other["keyword"] and abs(one["start"] - other["start"]) <= 0.1
                for other in others
            )


def hole(path: Path, seconds: int) -> Path:
    """Make a silent recording, 48 kHz stereo, that takes no room on the disk."""
    size = 4 * 48000 * seconds
    with path.open("wb") as file:
        file.write(struct.pack("<4sI8s", b"RIFF", size + 36, b"WAVEfmt "))
        file.write(struct.pack("<IHHIIHH", 16, 1, 2, 48000, 192000, 4, 16))
        file.write(struct.pack("<4sI", b"data", size))
        file.truncate(44 + size)
    return path


def test_a_long_recording_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = str(hole(tmp_path / "long.wav", 5 * 60))
    tracemalloc.start()
    try:
        count = sum(map(len, chunks(path, RATE)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 5 * 60 * RATE
    assert peak < 8e6  # the whole would be 19 MB at 16 kHz, 115 MB before


def test_no_recording_is_too_long(tmp_path: Path) -> None:
    path = str(hole(tmp_path / "long.wav", 6 * 3600))
    assert len(next(chunks(path, RATE))) == 1280


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_does_not_grow_with_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five hours of 48 kHz stereo: the most memory that a process ever had, against a minute's."""
    # not ru_maxrss, which a process takes over from the one that started it
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kws.cli.main import main\n"
        "assert main(['spot', sys.argv[1]]) == 0\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    kilobytes = []
    for seconds in (60, 5 * 3600):
        path = hole(tmp_path / "a.wav", seconds)
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
        )
        kilobytes.append(int(done.stdout))
    with capsys.disabled():
        print(f"\nresident: {kilobytes[0]} kB after a minute, {kilobytes[1]} kB after five hours")
    assert kilobytes[1] - kilobytes[0] < 8000


def test_a_wav_file_in_a_pipe(demo: Demo) -> None:
    """44.1 kHz stereo, whose header does not know the length: no sample of it is raw PCM."""
    samples = resample(demo.samples[: 8 * RATE], RATE, 44100)
    pcm = np.round(np.stack([samples, samples], axis=1) * 32767).astype("<i2").tobytes()
    header = struct.pack("<4sI8sIHHIIHH", b"RIFF", 0, b"WAVEfmt ", 16, 1, 2, 44100, 176400, 4, 16)
    done = kws("spot", "--json", "-", stdin=header + b"data\xff\xff\xff\xff" + pcm)
    assert (done.returncode, done.stderr) == (0, b"")
    spotter = KeywordSpotter.default()
    expected = spotter.process(demo.samples[: 8 * RATE]) + spotter.flush()
    found = [json.loads(line) for line in lines(done.stdout)]
    assert found
    assert [one["keyword"] for one in found] == [one.keyword for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert abs(one["start"] - other.start) <= 0.1


def test_a_file_in_a_pipe_that_is_neither_pcm_nor_wav() -> None:
    for verb in ("spot", "classify"):
        done = kws(verb, "-", stdin=b"fLaC" + bytes(1000))
        assert (done.returncode, done.stdout) == (BAD_INPUT, b"")
        (line,) = lines(done.stderr)
        assert "audio stream: is FLAC, neither PCM nor WAV" in line


@pytest.mark.parametrize("pcm", [b"", b"\0", b"\0" * 64_001])
def test_quiet_pipes(pcm: bytes) -> None:
    done = kws("spot", "-", stdin=pcm)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_nothing_found_is_success(noise: Path) -> None:
    done = here("spot", noise)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_threshold_must_be_a_share(noise: Path) -> None:
    assert here("spot", "--threshold", "0.9", noise).returncode == 0
    done = here("spot", "--threshold", "7", noise)
    assert (done.returncode, done.stdout) == (BAD_INPUT, b"")
    assert len(lines(done.stderr)) == 1


def test_classify(noise: Path) -> None:
    done = kws("classify", noise)
    assert done.returncode == 0
    assert done.stderr == b""
    (line,) = lines(done.stdout)
    name, label, score = line.split()
    assert name == f"{noise}:"
    assert label in KEYWORDS | {"_silence_", "_unknown_"}
    assert 0 < float(score) <= 1


def test_classify_json(noise: Path) -> None:
    done = here("classify", "--json", noise, noise)
    assert done.returncode == 0
    assert done.stderr == b""
    both = [json.loads(line) for line in lines(done.stdout)]
    assert len(both) == 2
    assert both[0] == both[1]
    values = both[0]
    assert list(values) == ["file", "keyword", "score", "start", "end", "scores"]
    assert values["start"] == 0
    assert values["end"] > 0
    assert set(values["scores"]) == KEYWORDS | {"_silence_", "_unknown_"}
    assert values["score"] == values["scores"][values["keyword"]] == max(values["scores"].values())
    assert sum(values["scores"].values()) == pytest.approx(1, abs=0.01)


def test_classify_a_pipe(noise: Path) -> None:
    pcm = noise.read_bytes()[44:]
    done = kws("classify", "--json", "-", stdin=pcm)
    assert (done.returncode, done.stderr) == (0, b"")
    of_file = json.loads(here("classify", "--json", noise).stdout)
    assert json.loads(done.stdout) == {**of_file, "file": "-"}
    with_header = kws("classify", "--json", "-", stdin=noise.read_bytes())
    assert (with_header.stdout, with_header.stderr) == (done.stdout, b"")
    empty = kws("classify", "-", stdin=b"")
    assert (empty.returncode, empty.stdout) == (BAD_INPUT, b"")
    assert b"nothing came through the pipe" in empty.stderr
    long = kws("classify", "-", stdin=bytes(61 * 32000))
    assert long.returncode == BAD_INPUT
    assert b"use kws spot -" in long.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_full_disk(noise: Path, unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    for more in ("", "absent.wav"):  # an error of its own comes after output that cannot be written
        done = shell(f"kws classify {shlex.quote(str(noise))} {more} > /dev/full")
        assert done.returncode == BAD_INPUT
        assert len(lines(done.stderr)) == 1


def test_another_model(tmp_path: Path, model: ModelFile, noise: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes(pack(model.network, model.metadata))
    assert parse_model(path.read_bytes(), "p").metadata == model.metadata
    done = here("classify", "--model", path, noise)
    assert (done.returncode, done.stdout) == (0, here("classify", noise).stdout)
    assert done.stderr == b""


def test_other_sample_rates(tmp_path: Path) -> None:
    for rate in (8000, 44_100):
        path = record(tmp_path / f"{rate}.wav", np.zeros(rate), rate)
        done = here("spot", path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# --- errors ---


@pytest.mark.parametrize("verb", ["spot", "classify"])
def test_recordings_that_cannot_be_read(tmp_path: Path, noise: Path, verb: str) -> None:
    files = {
        "empty.wav": b"",
        "text.wav": b"Dear reader, this is no recording.\n" * 10,
        "header.wav": noise.read_bytes()[:44],
        "damaged.wav": noise.read_bytes()[:20] + b"\xff" * 200,
        "truncated.flac": b"fLaC\0\0\0\x22",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert "empty.wav: is empty" in refusal(verb, tmp_path / "empty.wav")
    names = [*(str(tmp_path / name) for name in files), "absent.wav", "x" * 5000, ""]
    done = here(verb, *names)
    assert (done.returncode, done.stdout) == (BAD_INPUT, b"")
    assert len(lines(done.stderr)) == len(names)
    for line, name in zip(lines(done.stderr), names, strict=True):
        assert line.startswith(f"kws: {name or '.'}: ")


def test_models_that_cannot_be_read(tmp_path: Path, model: ModelFile, noise: Path) -> None:
    whole = pack(model.network, model.metadata)
    files = {
        "truncated.tflite": whole[: len(whole) // 2],
        "foreign.tflite": model.network,
        "text.tflite": b"no model\n" * 100,
        "damaged.tflite": whole[:5000] + b"\xff" + whole[5001:],
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        assert str(tmp_path / name) in refusal("spot", "--model", tmp_path / name, noise)
    refusal("classify", "--model", tmp_path / "absent.tflite", noise)
    refusal("spot", "--model", tmp_path, noise)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["spot"],
        ["classify"],
        ["spot", "--loudly", "x.wav"],
        ["--loudly"],
        ["spot", "--rate", "many", "-"],
        ["spot", "--rate", "0", "-"],
        ["spot", "--model"],
        ["spot", "--rate", "-5", "-"],
        ["spot", "--rate", "999999999", "-"],
    ],
)
def test_arguments_that_are_wrong(arguments: list[str]) -> None:
    refusal(*arguments)


def test_one_bad_recording_of_several(tmp_path: Path, noise: Path) -> None:
    done = here("classify", tmp_path / "absent.wav", noise)
    assert done.returncode == BAD_INPUT  # it was asked for by name
    assert len(lines(done.stdout)) == 1
    (line,) = lines(done.stderr)
    assert "absent.wav" in line


def test_folder(tmp_path: Path, noise: Path) -> None:
    folder = tmp_path / "recordings"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.wav", "deeper/b.WAV", "deeper/c.wav"):
        (folder / name).write_bytes(noise.read_bytes())
    (folder / "bad.wav").write_bytes(b"")
    (folder / "deeper" / "worse.wav").write_bytes(b"no recording")
    (folder / "notes.txt").write_bytes(b"no recording, and not taken for one")
    done = here("classify", "--json", folder)
    assert done.returncode == 0
    named = [json.loads(line)["file"] for line in lines(done.stdout)]
    assert named == [str(folder / name) for name in ("a.wav", "deeper/b.WAV", "deeper/c.wav")]
    skipped = lines(done.stderr)
    assert len(skipped) == 2
    assert all(line.startswith("kws: skipped: ") for line in skipped)
    assert "bad.wav" in skipped[0]
    assert "worse.wav" in skipped[1]


def test_folder_of_bad_recordings_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"")
    done = here("spot", tmp_path)
    assert (done.returncode, done.stdout) == (BAD_INPUT, b"")
    assert len(lines(done.stderr)) == 1


def test_folder_without_recordings(tmp_path: Path, noise: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "nothing" in refusal("spot", tmp_path / "nothing")
    done = here("classify", tmp_path / "nothing", noise)
    assert done.returncode == BAD_INPUT
    assert len(lines(done.stdout)) == 1  # the work goes on
    assert len(lines(done.stderr)) == 1


def test_debug_shows_where(tmp_path: Path, noise: Path) -> None:
    done = kws("spot", "--debug", "--model", tmp_path / "absent.tflite", noise)
    assert done.returncode != 0
    assert done.stderr.startswith(b"Traceback")
    assert b"ModelError" in done.stderr
    assert done.stdout == b""


def test_listen_without_microphone() -> None:
    try:
        if input_devices():
            pytest.skip("this machine has a microphone")
    except AudioError:
        pass  # nor is there PortAudio: that is said too
    refusal("listen")
    refusal("listen", "--device", "3")
    refusal("listen", "--device", "studio")


# --- streams that are closed, and names from other places ---


def test_reader_that_leaves(demo_path: Path) -> None:
    path = shlex.quote(str(demo_path))
    done = shell(f"kws spot --json {path} {path} {path} {path} | head -1")
    assert len(lines(done.stdout)) == 1
    assert done.stderr == b""
    assert done.returncode == 0


def test_reader_that_is_gone(noise: Path) -> None:
    path = shlex.quote(str(noise))
    done = shell(f"{{ sleep 0.5; kws classify {path} {path}; }} | true")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_stderr_is_closed(tmp_path: Path, noise: Path) -> None:
    done = shell(f"kws classify {shlex.quote(str(noise))} 2>&-")
    assert done.returncode == 0
    assert len(lines(done.stdout)) == 1
    for name in ("--model absent.tflite absent.wav", "absent.wav"):
        done = shell(f"cd {shlex.quote(str(tmp_path))}; kws classify {name} 2>&-")
        assert done.returncode == BAD_INPUT
        assert done.stdout == b""


def test_stdout_is_closed(noise: Path) -> None:
    done = shell(f"kws classify {shlex.quote(str(noise))} >&-")
    assert done.returncode in (0, BAD_INPUT)
    assert b"Traceback" not in done.stderr
    done = shell("kws classify absent.wav >&-")
    assert done.returncode == BAD_INPUT
    assert len(lines(done.stderr)) == 1


def test_stdin_is_closed() -> None:
    done = shell("kws spot - <&-")
    assert done.returncode == BAD_INPUT
    assert len(lines(done.stderr)) == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
def test_names_that_are_no_text(tmp_path: Path, noise: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    with open(name, "wb") as file:  # noqa: PTH123
        file.write(noise.read_bytes())
    for options in ([], ["--json"]):
        done = kws("classify", *options, os.fsdecode(name))
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(lines(done.stdout)) == 1


def test_locale_without_the_characters(demo_path: Path) -> None:
    done = kws("spot", demo_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert lines(done.stdout)


@pytest.mark.data
def test_folder_of_recordings(shared: Path) -> None:
    pytest.importorskip("soundfile")
    folder = shared / "audio" / "speech_commands" / "stop"
    paths = sorted(folder.iterdir())[:30]
    done = here("classify", "--json", *paths)
    assert done.returncode == 0
    assert done.stderr == b""
    found = [json.loads(line) for line in lines(done.stdout)]
    assert [values["file"] for values in found] == [str(path) for path in paths]
    assert sum(values["keyword"] == "stop" for values in found) >= 0.7 * len(paths)
