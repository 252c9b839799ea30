"""From what a device heard to folders that train and calibrate take: spot --keep, review."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from kws.cli.verb import BAD_INPUT
from kws.errors import AudioError
from kws.keeping.log import read_log
from kws.wav import write_wav

from ...conftest import kws_here

FIRED = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


@pytest.fixture
def kept(demo_path: Path, tmp_path: Path) -> Path:
    """What is kept of the demo recording."""
    kept = ("--keep", tmp_path / "kept", "--keep-near", "0.3")
    done = kws_here("spot", demo_path, *kept, "--json")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(FIRED)
    return tmp_path / "kept"


def review(folder: Path, *arguments: str) -> dict[str, object]:
    done = kws_here("review", folder, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files(folder: Path) -> dict[str, str]:
    """Names of the recordings that fired, by keyword."""
    recordings = read_log(folder).recordings.values()
    return {one.keyword: one.file for one in recordings if one.fired}


def test_nothing_is_kept_unless_asked(demo_path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = kws_here("spot", demo_path)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_said_at_the_start_and_in_the_end(demo_path, tmp_path) -> None:
    done = kws_here("spot", demo_path, "--keep", tmp_path / "kept", "--keep-near", "1")
    first, last = done.stderr.splitlines()
    assert "from 1 of the threshold on" in first
    assert "64 MB and 1000 recordings at most" in first
    assert "nothing leaves this machine" in first
    assert last == f"{tmp_path}/kept: kept 10 recordings: kws review {tmp_path}/kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-near", "0.4"], "--keep-near goes with --keep"),
        (["--keep-megabytes", "9"], "--keep-megabytes goes with --keep"),
        (["--keep", "."], "holds something else"),
    ],
)
def test_what_cannot_be_kept_is_refused(demo_path, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "something").touch()
    done = kws_here("spot", demo_path, *arguments)
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert message in done.stderr.splitlines()[-1]


def test_each_recording_has_the_keyword_where_the_log_says(kept) -> None:
    log = read_log(kept)
    assert [one.keyword for one in log.recordings.values() if one.fired] == FIRED
    assert [one.keyword for one in log.recordings.values() if not one.fired] == ["stop", "go"]
    for one in log.recordings.values():
        if one.fired:
            # other output frames than in the stream: scores differ a little
            arguments = ["spot", kept / "new" / one.file, "--json", "--threshold", "0.6"]
            heard = [json.loads(line) for line in kws_here(*arguments).stdout.splitlines()]
            assert one.keyword in [word["keyword"] for word in heard]
            start = next(word["start"] for word in heard if word["keyword"] == one.keyword)
            assert abs(start - one.start) < 0.1


def test_labels_are_folders_that_training_takes(kept) -> None:
    names = files(kept)
    report = review(kept)
    assert len(report["waiting"]) == 12
    assert report["labels"] == {}
    report = review(
        kept,
        *("--set", f"{names['yes']}=phrase"),
        *("--set", f"{kept}/new/{names['no']}=other"),
        *("--set", f"{names['up']}=unsure"),
        *("--set", f"{names['down']}=delete"),
        *("--set", f"{names['left']}=right"),
    )
    assert len(report["waiting"]) == 7
    assert report["labels"] == {
        names["yes"]: "yes",
        names["no"]: "other",
        names["up"]: "unsure",
        names["left"]: "right",
    }
    assert (kept / "phrase" / "yes" / names["yes"]).is_file()
    assert (kept / "other" / names["no"]).is_file()
    assert not list(kept.rglob(names["down"]))
    with (kept / "phrase" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    recording = read_log(kept).recordings[names["yes"]]
    assert rows[0] == {
        "path": f"yes/{names['yes']}",
        "label": "yes",
        "speaker": "kept in kept",
        "start": f"{recording.start:g}",
        "end": f"{recording.end:g}",
    }
    assert (rows[1]["label"], rows[1]["start"]) == ("right", "")


def test_a_label_can_be_changed(kept) -> None:
    name = files(kept)["yes"]
    for label in ("other", "phrase", "unsure", "phrase"):
        review(kept, "--set", f"{name}={label}")
        assert len(list(kept.rglob(name))) == 1
    review(kept, "--set", f"{name}=other")
    assert (kept / "phrase" / "manifest.csv").read_text() == "path,label,speaker,start,end\n"


def test_rates_rest_on_the_hours_that_were_listened(kept) -> None:
    names = files(kept)
    report = review(kept, "--set", f"{names['yes']}=phrase", "--set", f"{names['no']}=other")
    outcomes = {one["keyword"]: one for one in report["outcomes"]}
    assert outcomes["no"]["hours"] * 3600 == pytest.approx(20.568)
    assert outcomes["no"]["false_accepts_per_hour"] == pytest.approx(3600 / 20.568)
    assert (outcomes["yes"]["fired_right"], outcomes["yes"]["unknown"]) == (1, 0)
    assert (outcomes["up"]["fired"], outcomes["up"]["unknown"]) == (1, 1)
    done = kws_here("review", kept)
    assert "no: in 0.01 h with commands detected 1 times, 0 right, 1 wrong: " in done.stdout
    assert f"--wake-word yes --positives {kept}/phrase --negatives {kept}/other" in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("absent.wav=phrase", "is no recording in"),
        ("../log.jsonl=delete", "is no recording in"),
        ("{yes}=maybe", "is no label: give phrase, other, unsure, delete, or the keyword"),
        ("{yes}", "give FILE=LABEL"),
    ],
)
def test_what_cannot_be_labelled_is_refused(kept, text, message) -> None:
    done = kws_here("review", kept, "--set", text.format(yes=files(kept)["yes"]))
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    (line,) = done.stderr.splitlines()
    assert message in line
    assert len(list((kept / "new").iterdir())) == 12


def test_a_folder_in_which_nothing_was_kept_is_refused(tmp_path) -> None:
    done = kws_here("review", tmp_path)
    assert done.returncode == BAD_INPUT
    assert "give the folder that --keep of kws listen named" in done.stderr


def test_a_person_labels_by_keyboard_and_goes_on_later(kept) -> None:
    """In a terminal, without a loudspeaker: it is said, and the picture is there."""

    def answer(keys: str) -> str:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "kws", "review", str(kept)],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        os.write(ours, keys.encode())
        out, err = process.communicate(timeout=60)
        os.close(ours)
        assert process.returncode == 0, err
        return err.decode() + out.decode()

    said = answer("x\n\ny\nn\nq\n")
    assert "1 of 12: yes: detected at " in said
    assert re.search(r"[▁▂▃▄▅▆▇█]{8}", said)
    assert "10 recordings wait for a label, 2 have one" in said
    said = answer("u\nd\ns\nright\nq\n")
    assert "1 of 10: up: detected" in said
    assert list(review(kept)["labels"].values()) == ["yes", "other", "unsure", "right"]


class Played:
    """A microphone that hears a recording, at a rate of its own, and cannot go on then."""

    name, sample_rate, overflows = "played", 44100, 0
    interruptions, missed_seconds = 0, 0.0

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples

    def __enter__(self) -> Played:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self.samples), 3528):
            yield self.samples[start : start + 3528]
        raise AudioError("unplugged")


def test_a_microphone_of_another_rate(demo_path, tmp_path, monkeypatch) -> None:
    from kws.audio import load_audio

    played = Played(load_audio(demo_path, 44100)[: 6 * 44100])
    monkeypatch.setattr("kws.lasting_microphone.LastingMicrophone", lambda *_: played)
    kept = tmp_path / "kept"
    done = kws_here("listen", "--keep", kept)
    assert done.returncode == BAD_INPUT
    assert "kept 3 recordings" in done.stderr.splitlines()[-2]
    log = read_log(kept)
    assert [one.keyword for one in log.recordings.values()] == ["yes", "no", "up"]
    (listened,) = log.listened
    assert listened.seconds == 6.0
    for one in log.recordings.values():
        assert len(load_audio(kept / "new" / one.file, 16000)) / 16000 >= one.end
        # the clock is that of the wall
        assert abs(datetime.fromisoformat(one.time).timestamp() - time.time()) < 60


def test_a_stream_that_is_stopped_keeps_what_waited(demo_path, tmp_path) -> None:
    kept = tmp_path / "kept"
    process = subprocess.Popen(
        [sys.executable, "-m", "kws", "spot", "-", "--keep", str(kept)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # until shortly behind the first word, of which a second is to follow
    process.stdin.write(demo_path.read_bytes()[: 44 + 2 * 16000 * 2])
    process.stdin.flush()
    assert b"yes" in process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert b"kept 1 recordings" in said
    assert process.returncode == 143
    log = read_log(kept)
    assert [one.keyword for one in log.recordings.values()] == ["yes"]
    assert 1.5 < sum(one.seconds for one in log.listened) <= 2.0


@pytest.fixture
def long_kept(demo_path: Path, tmp_path: Path) -> Path:
    """The demo recording within a quarter of an hour of faint noise."""
    from kws.audio import load_audio

    rng = np.random.default_rng(0)
    samples = (30 * rng.normal(size=900 * 16000)).astype(np.int16)
    demo = (32767 * load_audio(demo_path, 16000)).astype(np.int16)
    samples[600 * 16000 :][: len(demo)] += demo
    write_wav(tmp_path / "long.wav", samples, 16000)
    kept = tmp_path / "kept"
    done = kws_here("spot", tmp_path / "long.wav", "--keep", kept)
    assert done.returncode == 0, done.stderr
    return kept


def test_calibrate_takes_what_was_wrong_over_the_hours_that_were_listened(
    long_kept, tmp_path
) -> None:
    names = files(long_kept)
    review(long_kept, "--set", f"{names['down']}=other")
    arguments = ["commands", "--kept", long_kept, "--output", tmp_path / "new.tflite"]
    rate = ["--false-accepts-per-hour", "13", "--keyword", "down", "--keyword", "no", "--json"]
    done = kws_here("calibrate", *arguments, *rate)
    assert done.returncode == 0, done.stderr
    assert "nobody has said whether they were right" in done.stderr
    report = json.loads(done.stdout)
    down, no = report["keywords"]
    assert (report["files"], report["hours"]) == (1, pytest.approx(0.25, abs=1e-3))
    # what it fired on is above none, and lower scores than those that were kept tell nothing
    fired = read_log(long_kept).recordings[names["down"]].score
    assert down["threshold"] > fired
    assert down["false_accepts"] == 0
    assert no["threshold"] == pytest.approx(0.5 * 0.8)


def test_calibrate_says_that_another_model_listened(long_kept, tmp_path) -> None:
    review(long_kept, "--set", f"{files(long_kept)['yes']}=other")
    arguments = ["commands-small", "--kept", long_kept, "--output", tmp_path / "new.tflite"]
    done = kws_here("calibrate", *arguments, "--false-accepts-per-hour", "20")
    assert done.returncode == 0, done.stderr
    assert "another model listened" in done.stderr


def test_calibrate_wants_something_to_hear(tmp_path) -> None:
    done = kws_here("calibrate", "commands", "--output", tmp_path / "new.tflite")
    assert done.returncode == BAD_INPUT
    assert "give --ambient, or --kept, or both" in done.stderr
