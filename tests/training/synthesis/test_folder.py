"""A folder of synthesized recordings: whole, resumed, never mixed with another one."""

import csv
from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile

from kws.errors import KwsError
from kws_training.synthesis.casting import cast
from kws_training.synthesis.folder import COLUMNS, check_folder, entries_of, fill


@dataclass
class Tones:
    """Says a tone for each voice, and counts."""

    name: str = "tones"
    natural: bool = True
    voices: tuple[str, ...] = ("low", "high", "../odd name")
    said: list = field(default_factory=list)
    seconds: float = 0.5

    def speak(self, text, voice, style):
        self.said.append((text, voice))
        if "fail" in text:
            raise KwsError(f"tones cannot say {text!r}: it crashed")
        hz = 300 * (1 + self.voices.index(voice))
        times = np.arange(int(16000 * self.seconds)) / 16000
        return np.sin(2 * np.pi * hz * times).astype(np.float32), 16000


def straight(numbers, total, what):
    return numbers


def plan(engine, count=6, texts=("hay", "hey de")):
    positives = cast(["hey"], count, [engine], 0)
    negatives = cast(texts, count, [engine], 1)
    return entries_of("hey", positives, negatives, ["near"] * count)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_recordings_and_their_manifest(tmp_path):
    entries = plan(Tones())
    filled = fill(tmp_path / "out", entries, straight)
    assert (filled.entries, filled.made, filled.failed) == (entries, 12, [])
    with (tmp_path / "out" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert {row["label"] for row in rows} == {"hey", "_unknown_"}
    assert {row["kind"] for row in rows} == {"positive", "near"}
    assert {row["voice"] for row in rows} == {"low", "high", "../odd name"}
    for row in rows:
        samples, rate = soundfile.read(tmp_path / "out" / row["path"], dtype="int16")
        info = soundfile.info(tmp_path / "out" / row["path"])
        assert (rate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert np.abs(samples).max() == pytest.approx(16384, abs=2)
        assert row["speaker"] == f"synthetic tones {row['voice']}"
        assert row["path"].startswith("positives/" if row["kind"] == "positive" else "negatives/")
    assert len(contents(tmp_path / "out")) == 13


def test_what_is_there_is_not_made_again(tmp_path):
    whole = fill(tmp_path / "whole", plan(Tones()), straight)
    engine = Tones()

    def stopped(numbers, total, what):
        for number in numbers:
            if number == 5:
                raise KeyboardInterrupt
            yield number

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "out", plan(engine), stopped)
    assert len(contents(tmp_path / "out")) == 6  # five and their manifest
    assert len((tmp_path / "out" / "manifest.csv").read_text().splitlines()) == 6
    engine.said.clear()
    (tmp_path / "out" / plan(engine)[0].path).write_bytes(b"RIFF")  # damaged
    filled = fill(tmp_path / "out", plan(engine), straight)
    assert filled.made == len(engine.said) == 8
    assert [one.row for one in filled.entries] == [one.row for one in whole.entries]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    engine.said.clear()
    assert fill(tmp_path / "out", plan(engine), straight).made == 0
    assert engine.said == []
    assert fill(tmp_path / "out", plan(engine, 8), straight).made == 4  # more of them


def test_failures_are_given_and_left_out(tmp_path):
    filled = fill(tmp_path / "out", plan(Tones(), texts=("hay", "fail")), straight)
    assert len(filled.failed) == 3
    assert len(filled.entries) == filled.made == 9
    assert len((tmp_path / "out" / "manifest.csv").read_text().splitlines()) == 10
    with pytest.raises(KwsError, match="nothing could be synthesized: tones cannot say"):
        fill(tmp_path / "none", plan(Tones(), texts=("fail",))[6:], straight)


def test_an_engine_that_does_not_stop_is_left_out(tmp_path):
    with pytest.raises(KwsError, match=r"tones says 'hey.*' for more than 20 s"):
        fill(tmp_path / "out", plan(Tones(seconds=30), 1), straight)


def test_folders_of_something_else_are_refused(tmp_path):
    entries = plan(Tones())
    check_folder(tmp_path / "new", entries)
    (tmp_path / "file").write_text("")
    with pytest.raises(KwsError, match="is a file: name a folder"):
        check_folder(tmp_path / "file", entries)
    with pytest.raises(KwsError, match="no such folder: make it"):
        check_folder(tmp_path / "no" / "where", entries)
    fill(tmp_path / "out", entries, straight)
    check_folder(tmp_path / "out", entries)
    check_folder(tmp_path / "out", plan(Tones(), 9))
    with pytest.raises(KwsError, match=r"positives/00005_.* is not among what these arguments"):
        check_folder(tmp_path / "out", plan(Tones(), 5))
    (tmp_path / "out" / "negatives" / "mine.wav").write_bytes(b"")
    with pytest.raises(KwsError, match=r"mine.wav: is not among"):
        check_folder(tmp_path / "out", entries)
