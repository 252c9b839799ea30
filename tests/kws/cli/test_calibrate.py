"""The verb calibrate: a threshold, what it promises, and when it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.audio import load_audio
from kws.calibration.thresholds import Calibrated, calibrated
from kws.modelfile import ModelFile, parse_model, read_model, write_model

from ...conftest import kws_here as kws

RATE = 16000


def write_wav(path: Path, samples: np.ndarray) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def ambient(tmp_path_factory: pytest.TempPathFactory, demo) -> Path:
    """Ten minutes of noise, in which somebody says a few words, and a file that is damaged."""
    folder = tmp_path_factory.mktemp("ambient")
    rng = np.random.default_rng(0)
    for number in range(2):
        samples = rng.normal(0, 0.003, 300 * RATE).astype(np.float32)
        samples[60 * RATE :][: len(demo.samples)] += demo.samples
        write_wav(folder / f"room{number}.wav", samples)
    (folder / "damaged.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture
def copy(tmp_path: Path, model: ModelFile) -> Path:
    path = tmp_path / "model.tflite"
    write_model(path, model.network, model.metadata)
    return path


def test_calibrate(copy: Path, ambient: Path, tmp_path: Path):
    output = tmp_path / "calibrated.tflite"
    before = copy.read_bytes()
    done = kws(
        "calibrate",
        copy,
        "--ambient",
        ambient,
        "--false-accepts-per-hour",
        20,
        "--keyword",
        "yes",
        "--output",
        output,
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert "skipped: " in done.stderr
    assert "damaged.wav" in done.stderr
    values = json.loads(done.stdout)
    assert values["files"] == 2
    assert values["hours"] == pytest.approx(600 / 3600, rel=1e-4)
    (one,) = values["keywords"]
    # both files say yes once: with so few hours no event may be let in
    assert one["false_accepts"] == 0
    assert one["promised_interval"] == [0, 20]
    assert one["false_accepts_per_hour_interval"] == pytest.approx([0, 3.689 * 6], rel=1e-3)
    assert copy.read_bytes() == before
    made = read_model(output)
    assert made.network == read_model(copy).network
    assert made.metadata.detector.thresholds["yes"] == one["threshold"]
    assert (
        made.metadata.detector.thresholds["no"]
        == read_model(copy).metadata.detector.thresholds["no"]
    )
    point = made.metadata.operating_points[-1]
    assert (point.keyword, point.miss_rate, point.recordings) == ("yes", None, 0)
    assert point.threshold == one["threshold"]
    # the points of the other thresholds are as true as before
    kept = read_model(copy).metadata.operating_points
    assert made.metadata.operating_points[:-1] == kept
    spotter = KeywordSpotter.load(output)
    said = spotter.process(load_audio(ambient / "room0.wav", RATE))
    assert "yes" not in {detection.keyword for detection in said}


def test_in_place_and_for_people(copy: Path, ambient: Path):
    done = kws("calibrate", copy, "--ambient", ambient, "--false-accepts-per-hour", "60")
    assert done.returncode == 0, done.stderr
    assert "yes: threshold 0." in done.stdout
    assert "promised: 0 to 60 per hour" in done.stdout
    points = read_model(copy).metadata.operating_points
    assert sum(point.recordings == 0 for point in points) == 10
    again = kws("calibrate", copy, "--ambient", ambient, "--false-accepts-per-hour", "60")
    assert again.returncode == 0, again.stderr
    assert len(read_model(copy).metadata.operating_points) == len(points)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_threshold_as_the_user_says(copy: Path, tmp_path: Path):
    before = read_model(copy)
    output = tmp_path / "chosen.tflite"
    done = kws("calibrate", copy, "--threshold", "yes=0.625", "--output", output, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"model": str(output), "thresholds": {"yes": 0.625}}
    made = read_model(output)
    expected = {**before.metadata.detector.thresholds, "yes": 0.625}
    assert made.metadata.detector.thresholds == expected
    assert made.metadata.operating_points == before.metadata.operating_points
    assert made.network == before.network
    assert read_model(copy).metadata == before.metadata
    done = kws("calibrate", copy, "--threshold", "yes=0.5", "--threshold", "no=1")
    assert "yes: threshold 0.5 (was " in done.stdout
    thresholds = read_model(copy).metadata.detector.thresholds
    assert (thresholds["yes"], thresholds["no"]) == (0.5, 1.0)


def test_what_cannot_be_promised_is_not(copy: Path, ambient: Path, tmp_path: Path):
    before = copy.read_bytes()
    (tmp_path / "empty").mkdir()
    for arguments, reason in (
        (("--ambient", ambient), "give at least 6 h"),
        (("--ambient", ambient / "damaged.wav"), "none of the recordings could be read"),
        (("--ambient", ambient, "--keyword", "maybe"), "'maybe' is no keyword"),
        (("--ambient", ambient, "--false-accepts-per-hour", "0"), "above 0"),
        (("--ambient", ambient, "--output", tmp_path / "no" / "m.tflite"), "no such folder"),
        (("--ambient", ambient, "--output", tmp_path), "is a folder"),
        ((), "--ambient"),
        (("--threshold", "maybe=0.5"), "'maybe' is no keyword"),
        (("--threshold", "yes=1.5"), "give KEYWORD=THRESHOLD, 0 to 1"),
        (("--threshold", "0.5"), "give KEYWORD=THRESHOLD, 0 to 1"),
        (("--threshold", "yes=nan"), "give KEYWORD=THRESHOLD, 0 to 1"),
        (("--threshold", "yes=0.5", "--ambient", ambient), "what audio would tell"),
    ):
        done = kws("calibrate", copy, *arguments)
        assert done.returncode == 2, done.stdout
        assert reason in done.stderr
        assert done.stdout == ""
        assert copy.read_bytes() == before


def test_a_calibrated_contract_can_be_read_again(model: ModelFile):
    from kws.modelfile import pack

    found = [Calibrated("yes", 0.999, 3, 30.0, 0.5)]
    once = calibrated(model.metadata, found)
    twice = calibrated(once, [replace(found[0], threshold=0.9)])
    assert len(twice.operating_points) == len(once.operating_points)
    read = parse_model(pack(model.network, twice), "model").metadata
    assert read.operating_points[-1].threshold == 0.9
    assert read.operating_points[-1].miss_rate is None
    assert read.operating_points[-1].miss_rate_interval == (0.0, 1.0)


def test_hours_of_nothing_promise_nothing(copy: Path, tmp_path: Path):
    before = copy.read_bytes()
    (tmp_path / "zeros").mkdir()
    write_wav(tmp_path / "zeros" / "a.wav", np.zeros(600 * RATE, np.float32))
    done = kws("calibrate", copy, "--ambient", tmp_path / "zeros", "--false-accepts-per-hour", 20)
    assert done.returncode != 0
    assert "nothing but digital silence" in done.stderr
    assert copy.read_bytes() == before


def test_a_recording_that_is_given_twelve_times_counts_once(copy: Path, tmp_path: Path):
    before = copy.read_bytes()
    folder = tmp_path / "again"
    folder.mkdir()
    samples = np.random.default_rng(0).normal(0, 0.003, 60 * RATE)
    for number in range(12):
        write_wav(folder / f"{number:02}.wav", samples)
    done = kws("calibrate", copy, "--ambient", folder, "--false-accepts-per-hour", 20)
    assert done.returncode != 0
    assert "0.02 h of audio are too short" in done.stderr
    assert "0.18 h of the audio repeat what was heard before" in done.stderr
    assert f"skipped: {folder}/11.wav: was heard before" in done.stderr
    assert copy.read_bytes() == before
