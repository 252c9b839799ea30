"""Recordings that need no label: noise, and speech without keywords."""

from pathlib import Path

import pytest

from kws_training.data.dataset import Clip, DataError
from kws_training.data.unlabelled import find_recordings, find_speech, without_keywords


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_recordings_that_need_no_label(tmp_path):
    make(tmp_path, "b.wav", "deep/er/a.flac", "._b.wav", "deep/.hidden.wav")
    (tmp_path / "list.csv").write_text("path\nb.wav\n")
    found = [tmp_path / "b.wav", tmp_path / "deep/er/a.flac"]
    assert find_recordings([tmp_path]) == found
    assert find_recordings([tmp_path / "deep", tmp_path / "b.wav"]) == found[::-1]
    with pytest.raises(DataError, match=r"list.csv: no recording, by its suffix"):
        find_recordings([tmp_path / "list.csv"])


def test_a_recording_in_place_of_a_folder_is_speech(tmp_path):
    make(tmp_path, "anna_nohash_0.wav", "b.wav")
    clips = find_speech([tmp_path / "anna_nohash_0.wav", tmp_path / "b.wav"])
    assert [(clip.path.name, clip.columns) for clip in clips] == [
        ("anna_nohash_0.wav", {}),
        ("b.wav", {}),
    ]
    assert clips[0].speaker == "anna"
    assert clips[1].speaker.endswith("b.wav")


SAID = {
    "a": "please turn it UP.",
    "b": "the upper floor",
    "c": "[door closes] hey, Device?",
    "d": "device! hey",
    "e": "[go] {stop}",
    "f": "don't",
    "g": "don",
    "h": "",
    "i": "what’s up",
}


@pytest.mark.parametrize("column", ["label", "text"])
def test_transcripts_tell_in_which_recordings_a_keyword_is_said(column):
    clips = [negative(name, {column: said}) for name, said in SAID.items()]
    keywords = ["up", "hey device", "go", "stop", "don"]
    kept, left_out = without_keywords(clips, keywords)
    assert [clip.path.name for clip in kept] == ["b", "d", "e", "f", "h"]
    assert left_out == 4
    assert len(without_keywords(clips, ["what's up"])[0]) == len(SAID) - 1


def test_folders_tell_in_which_recordings_a_keyword_is_said():
    names = ("hey_device/1", "Hey, device/2", "device/3", "hey_devices/4", "what_s_up/5")
    clips = [negative(name, {}) for name in names]
    kept, left_out = without_keywords(clips, ["hey device", "what's up"])
    assert [clip.path.name for clip in kept] == ["3", "4"]
    assert left_out == 3


def negative(path: str, columns: dict[str, str]) -> Clip:
    return Clip(Path(path), "_unknown_", "_unknown_", path, columns)
