"""Recording a phrase: from a pipe as a process, and with the decisions of a person."""

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.enrolment.record import RATE, Folder, RecordError, Session, Take, pieces
from kws.errors import KwsError
from kws.pcm import to_int16
from kws.wav import write_wav

from .test_utterance import recording

SECONDS = 2.0
GOOD = recording(0.6, 1.2, SECONDS)
QUIET = np.zeros(len(GOOD), np.float32)


def pcm(*takes: np.ndarray) -> bytes:
    return (np.concatenate(takes) * 32767).astype("<i2").tobytes()


def record(
    *arguments: str | Path, stdin: bytes = b"", count: int = 20
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "kws", "record", "--seconds", str(SECONDS)),
            *("--count", str(count), *map(str, arguments)),
        ],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- through a pipe ---


def test_good_takes_are_kept_and_bad_ones_named(tmp_path: Path):
    loud = np.clip(5 * GOOD, -1, 1)
    done = record(
        *("--label", "hey device", "--output", tmp_path, "--stdin"),
        stdin=pcm(GOOD, QUIET, loud, GOOD, GOOD[:1000]),
    )
    assert done.returncode == 0
    folder = tmp_path / "hey device"
    assert names(folder) == ["001.wav", "002.wav"]
    assert done.stdout.splitlines()[0].startswith(f"{folder / '001.wav'}: 0.")
    complaints = done.stderr.splitlines()
    assert complaints[0].startswith("left out: recording 2: too quiet")
    assert complaints[1].startswith("left out: recording 3: clipped")
    assert complaints[2] == f"{folder}: 2 of 20 recordings kept, 2 in all"
    with wave.open(str(folder / "002.wav")) as file:
        assert file.getparams()[:4] == (1, 2, RATE, len(GOOD))
    np.testing.assert_allclose(load_audio(folder / "002.wav", RATE), GOOD, atol=1e-4)


def test_wav_files_in_a_pipe(tmp_path: Path):
    files = io.BytesIO()
    for take in (GOOD, GOOD):
        file = io.BytesIO()
        twice = np.repeat(to_int16(take), 2)  # 32 kHz, near enough
        write_wav(file, twice, 2 * RATE)
        files.write(file.getvalue())
    done = record("--label", "go", "--output", tmp_path, "--stdin", stdin=files.getvalue())
    assert done.returncode == 0
    assert names(tmp_path / "go") == ["001.wav", "002.wav"]
    for name in names(tmp_path / "go"):
        np.testing.assert_allclose(load_audio(tmp_path / "go" / name, RATE), GOOD, atol=0.1)


def test_existing_recordings_are_kept_and_numbering_goes_on(tmp_path: Path):
    folder = tmp_path / "stop"
    folder.mkdir()
    (folder / "007.wav").write_bytes(b"old")
    (folder / "note.wav").write_bytes(b"old")
    done = record("--label", "stop", "--output", tmp_path, "--stdin", stdin=pcm(GOOD), count=1)
    assert done.returncode == 0
    assert names(folder) == ["007.wav", "008.wav", "note.wav"]
    assert (folder / "007.wav").read_bytes() == b"old"
    assert "2 recordings are there and will be kept" in done.stderr


def test_speakers_are_read_by_training(tmp_path: Path):
    pytest.importorskip("kws_training")
    from kws_training.data.dataset import find_clips

    arguments = ("--label", "go", "--output", tmp_path, "--stdin")
    for speaker in ("Anna Smith", "ben", "ben"):
        record(*arguments, "--speaker", speaker, stdin=pcm(GOOD), count=1)
    assert names(tmp_path / "go") == [
        "Anna Smith_nohash_0.wav",
        "ben_nohash_0.wav",
        "ben_nohash_1.wav",
    ]
    clips = find_clips([tmp_path])
    assert sorted((clip.label, clip.speaker) for clip in clips) == [
        ("go", "Anna Smith"),
        ("go", "ben"),
        ("go", "ben"),
    ]


def test_a_pipe_of_another_rate(tmp_path: Path):
    high = np.interp(np.arange(len(GOOD) * 3) / 3, np.arange(len(GOOD)), GOOD)
    done = record(
        *("--label", "go", "--output", tmp_path, "--stdin", "--rate", "48000"), stdin=pcm(high)
    )
    assert done.returncode == 0
    assert len(load_audio(tmp_path / "go" / "001.wav", RATE)) == len(GOOD)


def test_nothing_good_is_a_failure(tmp_path: Path):
    done = record("--label", "go", "--output", tmp_path, "--stdin", stdin=pcm(QUIET))
    assert done.returncode == 2
    assert "0 of 20 recordings kept" in done.stderr
    assert not (tmp_path / "go").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--label", "a/b", "--stdin"), "kws: label 'a/b': must be 1 to 100 printable"),
        (("--label", "..", "--stdin"), "kws: label '..': must be"),
        (("--label", "", "--stdin"), "kws: label '': must be"),
        (("--label", "a", "--speaker", "x_nohash_y", "--stdin"), "kws: speaker 'x_nohash_y'"),
        (("--label", "a", "--count", "0"), "kws: --count 0: must be 1 to 10000"),
        (("--label", "a", "--seconds", "nan"), "kws: --seconds nan: must be 0.5 to 10"),
        (("--label", "a", "--rate", "0", "--stdin"), "kws: --rate 0: must be"),
        (("--label", "a"), "kws: record asks before each recording, and there is no terminal"),
        (("--label", "a", "--stdin"), "kws: -: less than 2 s came through the pipe"),
    ],
)
def test_refusals(tmp_path: Path, arguments: tuple[str, ...], complaint: str):
    done = record("--output", tmp_path / "new", *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(complaint)
    assert done.stdout == ""
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path):
    (tmp_path / "go").write_bytes(b"")
    with pytest.raises(RecordError, match="is no folder"):
        Folder(tmp_path, "go")


def test_nothing_is_left_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = Folder(tmp_path, "go")
    take = Take.of(GOOD, RATE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wave.Wave_write, "writeframes", full)
    with pytest.raises(RecordError, match="No space left"):
        folder.save(take)
    assert names(tmp_path / "go") == []


def test_ctrl_c_keeps_what_was_recorded(tmp_path: Path):
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "kws", "record", "--stdin", "--seconds", str(SECONDS)),
            *("--label", "go", "--output", tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a shell in the background has its processes ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pcm(GOOD, GOOD[: len(GOOD) // 2]))
    process.stdin.flush()
    assert process.stdout.readline().startswith(str(tmp_path).encode())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"1 of 20 recordings kept" in errors
    assert names(tmp_path / "go") == ["001.wav"]


# --- with a terminal ---


def test_in_a_terminal_without_a_microphone(tmp_path: Path):
    from kws.microphone import input_devices

    try:
        if input_devices():
            pytest.skip("this machine has a microphone")
    except KwsError:
        pass  # nor is there sounddevice: that is said too
    try:
        ours, theirs = pty.openpty()
    except OSError:
        pytest.skip("no terminals here: mount -t devpts devpts /dev/pts")
    process = subprocess.Popen(
        [sys.executable, "-m", "kws", "record", "--label", "go", "--output", tmp_path / "new"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    until = time.monotonic() + 30
    while time.monotonic() < until and select.select([ours], [], [], 30)[0]:
        try:
            text += os.read(ours, 1000)
        except OSError:  # Linux says so where the other side is closed
            break
    os.close(ours)
    assert process.wait(30) == 2
    (line,) = text.decode().splitlines()
    assert line.startswith("kws: ")
    assert "microphone" in line
    assert not (tmp_path / "new").exists()


def session(
    folder: Path, takes: list[np.ndarray], answers: list[str], count: int = 2
) -> tuple[int, list[str]]:
    """Run a session with a person who answers so; return what was kept and what was said."""
    said: list[str] = []

    def ask(question: str) -> str:
        said.append(question)
        return answers.pop(0) + "\n"

    kept = Session(
        Folder(folder, "go"),
        count,
        lambda: Take.of(takes.pop(0), RATE),
        ask,
        said.append,
        lambda take: said.append(f"played {len(take.samples)}"),
    ).run()
    assert not answers
    return kept, said


def test_good_takes_need_only_enter(tmp_path: Path):
    kept, said = session(tmp_path, [GOOD, GOOD], ["", "", "", ""])
    assert kept == 2
    assert names(tmp_path / "go") == ["001.wav", "002.wav"]
    assert said[0] == "1 of 2: Enter records, s stops: "
    assert "Enter keeps, r records again" in said[2]


def test_bad_takes_are_recorded_again_unless_the_person_insists(tmp_path: Path):
    kept, said = session(tmp_path, [QUIET, GOOD, QUIET], ["", "", "", "", "", "k"])
    assert kept == 2
    assert "  too quiet (peak -100 dB): speak up, or come nearer" in said
    assert any("Enter records again, k keeps" in line for line in said)
    assert not load_audio(tmp_path / "go" / "002.wav", RATE).any()


def test_a_person_plays_records_again_and_stops(tmp_path: Path):
    kept, said = session(tmp_path, [GOOD, GOOD], ["", "what?", "p", "r", "", "k", "s"])
    assert kept == 1
    assert said.count(f"played {len(GOOD)}") == 1
    assert names(tmp_path / "go") == ["001.wav"]


# --- takes ---


def test_what_is_cut_off_is_said():
    assert "beginning" in Take.of(recording(0.0, 0.5, 2), RATE).problems[0]
    assert "at the end" in Take.of(recording(1.5, 2.0, 2), RATE).problems[0]
    assert Take.of(GOOD, RATE).problems == ()


def test_noise_is_said():
    (problem,) = Take.of(recording(0.6, 1.2, 2, level=0.3, noise=0.15), RATE).problems
    assert problem.startswith("noisy (the phrase is")


def test_pieces_are_whole_whatever_the_chunks():
    samples = np.arange(1050, dtype=np.float32)
    for size in (1, 7, 100, 999):
        chunks = (samples[at : at + size] for at in range(0, len(samples), size))
        got = list(pieces(chunks, 100, 2.0))
        assert [len(one) for one in got] == [200] * 5
        np.testing.assert_array_equal(np.concatenate(got), samples[:1000])
