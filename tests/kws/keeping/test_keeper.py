"""What is kept: recordings around what fired and what nearly did, within bounds."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.detections import Detection
from kws.keeping import keeper as keeper_module
from kws.keeping.keeper import AFTER, BEFORE, Keeper, KeptModel
from kws.keeping.log import KeepError, read_log

RATE = 16000
MODEL = KeptModel("hey.tflite", "ab" * 32, {"hey device": 0.8, "stop": 0.6})


def near(end: float, score: float = 0.5, keyword: str = "hey device", model: str = "") -> Detection:
    return Detection(keyword, score, end - 0.6, end, model)


fired = near


class Stream:
    """Pushes a stream whose samples count the hundredths of a second, and keeps what is told."""

    def __init__(self, folder: Path, rate: int = RATE, **options) -> None:
        self.rate = rate
        self.folder = folder
        self.now = 1_000_000_000.0
        self.keeper = Keeper(folder, [MODEL], rate, clock=lambda: self.now, **options)
        self.position = 0

    def until(self, seconds: float, fired=(), near=()) -> None:
        """Push up to a time; what is detected comes with the last piece."""
        while self.position < seconds * self.rate:
            size = min(round(0.08 * self.rate), round(seconds * self.rate) - self.position)
            numbers = np.arange(self.position, self.position + size)
            self.position += size
            self.now += size / self.rate
            last = self.position >= seconds * self.rate
            samples = (numbers * 100 // self.rate) % 1000 / 1000
            self.keeper.push(samples.astype(np.float32), fired * last, near * last)

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "new").iterdir())

    def kinds(self) -> list[str]:
        return [name.split("_", 1)[1].removesuffix(".wav") for name in self.files()]


def test_a_recording_has_the_sound_before_and_after(tmp_path) -> None:
    stream = Stream(tmp_path / "kept")
    stream.until(5.2, fired=[fired(5.0, 0.9)])
    stream.until(5.99)
    assert stream.files() == []
    stream.until(6.1)
    (name,) = stream.files()
    assert name == "20010909T014645.000Z_hey-device_fired_0.900.wav"
    samples = load_audio(tmp_path / "kept" / "new" / name, RATE)
    assert len(samples) == (BEFORE + AFTER) * RATE
    # the samples say when they were heard
    assert samples[0] == pytest.approx(0.2, abs=1e-3)
    assert samples[-1] == pytest.approx(0.599, abs=1e-3)
    (recording,) = read_log(tmp_path / "kept").recordings.values()
    assert (recording.file, recording.keyword, recording.fired) == (name, "hey device", True)
    assert (recording.score, recording.threshold, recording.sha256) == (0.9, 0.8, "ab" * 32)
    assert (recording.start, recording.end) == (2.4, 3.0)
    assert recording.time == "2001-09-09T01:46:45.000+00:00"


def test_the_beginning_of_a_stream_is_shorter(tmp_path) -> None:
    stream = Stream(tmp_path / "kept")
    stream.until(1.0, fired=[fired(0.7, 0.9)])
    stream.until(2.0)
    (recording,) = read_log(tmp_path / "kept").recordings.values()
    assert len(load_audio(tmp_path / "kept" / "new" / recording.file, RATE)) == 1.7 * RATE
    assert (recording.start, recording.end) == (0.1, 0.7)


def test_another_rate_is_resampled(tmp_path) -> None:
    stream = Stream(tmp_path / "kept", rate=44100)
    stream.until(6.2, fired=[fired(5.0, 0.9)])
    (name,) = stream.files()
    samples = load_audio(tmp_path / "kept" / "new" / name, RATE)
    assert abs(len(samples) - (BEFORE + AFTER) * RATE) <= 1
    assert samples[2 * RATE] == pytest.approx(0.4, abs=0.01)


def test_what_fires_goes_before_what_nearly_does_at_that_time(tmp_path) -> None:
    stream = Stream(tmp_path / "kept")
    stream.until(4.0, near=[near(3.8), near(3.9, 0.4, "stop")])
    stream.until(4.2, fired=[fired(4.1, 0.9)])
    stream.until(8.0, near=[near(4.3)])  # the score fell at last
    stream.until(12.0)
    assert stream.kinds() == ["hey-device_fired_0.900"]
    stream.keeper.close()
    (listened,) = read_log(tmp_path / "kept").listened
    assert (listened.fired, listened.near) == ({"hey device": 1}, {})


def test_of_several_that_nearly_fire_the_nearest_is_kept(tmp_path) -> None:
    stream = Stream(tmp_path / "kept")
    stream.until(4.0, near=[near(3.8, 0.5), near(3.9, 0.45, "stop"), near(3.7, 0.55)])
    stream.until(20.0, near=[near(19.0, 0.6)])
    stream.keeper.close()
    assert stream.kinds() == ["stop_near_0.450", "hey-device_near_0.600"]
    (listened,) = read_log(tmp_path / "kept").listened
    assert listened.near == {"stop": 1, "hey device": 1}


def test_no_recording_has_two_that_fired(tmp_path) -> None:
    stream = Stream(tmp_path / "kept")
    stream.until(5.0, fired=[fired(5.0, 0.9)])
    stream.until(6.5, fired=[fired(6.5, 0.85)])
    stream.until(8.0)
    first, second = read_log(tmp_path / "kept").recordings.values()
    assert (first.start, first.end) == (2.4, 3.0)
    assert (second.start, second.end) == (0.9, 1.5)
    assert len(load_audio(tmp_path / "kept" / "new" / second.file, RATE)) == 2.5 * RATE


def test_the_end_of_a_stream_is_written_and_the_next_one_begins_anew(tmp_path) -> None:
    stream = Stream(tmp_path / "kept", live=False)
    stream.until(5.0)
    stream.keeper.finish([fired(4.9, 0.9)])
    stream.keeper.start("b.wav")
    stream.position = 0
    stream.until(0.8, fired=[fired(0.7, 0.9)])
    stream.keeper.close()
    first, second = read_log(tmp_path / "kept").recordings.values()
    assert (first.source, second.source) == ("-", "b.wav")
    # the time of day goes with the audio
    assert (first.time[14:23], second.time[14:23]) == ("46:44.900", "46:45.700")
    (listened,) = read_log(tmp_path / "kept").listened
    assert listened.seconds == 5.8


def test_the_oldest_make_room_those_that_nearly_fired_first(tmp_path) -> None:
    one = 44 + 2 * (BEFORE + AFTER) * RATE
    stream = Stream(tmp_path / "kept", most_bytes=round(3.5 * one))
    for at in (5, 15, 25):
        stream.until(at, fired=[fired(at, 0.9)])
        stream.until(at + 5, near=[near(at + 5)])
    stream.until(35)
    assert stream.kinds() == ["hey-device_fired_0.900"] * 3
    for at in (45, 55):
        stream.until(at, fired=[fired(at, 0.9)])
    stream.until(60)
    assert [name[9:15] for name in stream.files()] == ["014705", "014725", "014735"]
    stream.keeper.close()
    (listened,) = read_log(tmp_path / "kept").listened
    assert (listened.fired, listened.near) == ({"hey device": 5}, {"hey device": 3})


def test_files_are_bounded_in_number(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(keeper_module, "MOST_FILES", 4)
    stream = Stream(tmp_path / "kept")
    for at in range(5, 45, 5):
        stream.until(at, fired=[fired(at, 0.9)])
    stream.until(50)
    assert len(stream.files()) == 4


def test_hours_are_logged_while_it_goes_on(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(keeper_module, "LOG_SECONDS", 10.0)
    stream = Stream(tmp_path / "kept")
    stream.until(25)
    (listened,) = read_log(tmp_path / "kept").listened
    assert 20 <= listened.seconds < 20.1
    assert listened.thresholds == {"hey device": 0.8, "stop": 0.6}
    assert len((tmp_path / "kept" / "log.jsonl").read_text().splitlines()) == 2


def test_a_full_disk_is_said_once_and_the_listening_goes_on(tmp_path, monkeypatch, capsys) -> None:
    stream = Stream(tmp_path / "kept")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keeper_module, "write_wav", full)
    for at in (5, 10):
        stream.until(at, fired=[fired(at, 0.9)])
    stream.keeper.close()
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert list((tmp_path / "kept" / "new").iterdir()) == []
    (listened,) = read_log(tmp_path / "kept").listened
    assert listened.fired == {"hey device": 2}


def test_a_folder_of_something_else_is_refused(tmp_path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(KeepError, match="holds something else"):
        Stream(tmp_path)
    with pytest.raises(KeepError, match="nothing can be kept"):
        Stream(tmp_path / "holiday.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_the_folder_is_this_users_alone(tmp_path) -> None:
    Stream(tmp_path / "kept")
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_two_models_that_fire_at_once_have_a_recording_each(tmp_path) -> None:
    models = [MODEL, KeptModel("other.tflite", "cd" * 32, {"hey device": 0.7})]
    keeper = Keeper(tmp_path / "kept", models, RATE, clock=lambda: 0.0)
    samples = np.zeros(2 * RATE, np.float32)
    keeper.push(samples, [fired(1.5, 0.9, model=one.name) for one in models], [])
    keeper.close()
    log = read_log(tmp_path / "kept")
    assert [one.model for one in log.recordings.values()] == ["hey.tflite", "other.tflite"]
    assert {one.model for one in log.listened} == {"hey.tflite", "other.tflite"}
    lines = (tmp_path / "kept" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["threshold"] for line in lines[:2]] == [0.8, 0.7]
