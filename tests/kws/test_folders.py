"""Recordings in folders: links, order, and files that are left out."""

import os
from pathlib import Path

import numpy as np
import pytest

from kws.audio import read_recording
from kws.folders import AUDIO_SUFFIXES, UNREAD_SUFFIXES, read_folder, recordings_below


def touched(folder: Path, *names: str) -> None:
    """Make empty files, and the folders above them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder: Path) -> list[str]:
    """Return the recordings below a folder, as paths relative to it."""
    return [path.relative_to(folder).as_posix() for path in recordings_below(folder)]


def test_suffixes_are_lower_case() -> None:
    assert {".wav", ".flac", ".ogg", ".opus", ".mp3"} <= AUDIO_SUFFIXES
    suffixes = AUDIO_SUFFIXES | UNREAD_SUFFIXES
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in suffixes)
    assert not AUDIO_SUFFIXES & UNREAD_SUFFIXES


def test_linked_folder_is_read(tmp_path: Path) -> None:
    touched(tmp_path, *(f"other disk/{n:02}.wav" for n in range(20)))
    touched(tmp_path, *(f"data/yes/{n}.wav" for n in range(3)))
    (tmp_path / "data/yes/more").symlink_to(tmp_path / "other disk")
    assert len(found(tmp_path / "data")) == 23
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert len(found(tmp_path / "link")) == 23


@pytest.mark.parametrize("goal", [".", "..", "../..", "../../..", "/", "../../data"])
def test_link_upwards_is_no_circle(tmp_path: Path, goal: str) -> None:
    touched(tmp_path, *(f"data/yes/{n}.wav" for n in range(10)), "beside.wav")
    (tmp_path / "data/yes/again").symlink_to(goal)
    assert found(tmp_path / "data") == [f"yes/{n}.wav" for n in range(10)]


def test_two_links_to_a_folder_give_its_recordings_once(tmp_path: Path) -> None:
    touched(tmp_path, "data/yes/a.wav", "data/yes/b.wav", "beside/c.wav")
    for name in ("data/another", "data/zulu"):  # both sides of "yes" in the order
        (tmp_path / name).symlink_to("yes")
    for name in ("data/one", "data/two"):
        (tmp_path / name).symlink_to("../beside")
    assert found(tmp_path / "data") == ["one/c.wav", "yes/a.wav", "yes/b.wav"]
    (tmp_path / "beside/back").symlink_to("../data")  # a circle through another folder
    assert found(tmp_path / "data") == ["one/c.wav", "yes/a.wav", "yes/b.wav"]


def test_link_that_leads_nowhere_or_to_itself(tmp_path: Path) -> None:
    touched(tmp_path, "yes/a.wav")
    (tmp_path / "yes/itself").symlink_to("itself")
    (tmp_path / "yes/gone").symlink_to("nowhere")
    (tmp_path / "yes/gone.wav").symlink_to("nowhere.wav")
    assert found(tmp_path) == ["yes/a.wav", "yes/gone.wav"]  # reading it says what is wrong


def test_order_is_that_of_paths(tmp_path: Path) -> None:
    names = ["b.wav", "a/z.wav", "a/b/c.WAV", "a.wav", "a/B.flac", ".hidden/d.wav", "a/._z.wav"]
    touched(tmp_path, *names)
    kept = [name for name in names if "._" not in name]
    assert found(tmp_path) == [path.as_posix() for path in sorted(map(Path, kept))]


def test_no_folder_holds_nothing(tmp_path: Path) -> None:
    assert recordings_below(tmp_path / "none") == []


def test_recordings_that_are_not_read_are_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touched(tmp_path, "yes/a.flac", "yes/b.m4a", "yes/c.M4A", "no/d.webm", "no/.e.m4a", "no/f.txt")
    assert found(tmp_path) == ["yes/a.flac"]
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}: left out 2 .m4a, 1 .webm (such as {tmp_path}/no/d.webm)" in line
    assert "convert" in line


def test_nothing_is_said_where_nothing_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touched(tmp_path, "yes/a.flac", "README.txt", "manifest.csv")
    recordings_below(tmp_path)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_folder_that_may_not_be_entered_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touched(tmp_path, "yes/a.wav", "no/b.wav")
    (tmp_path / "no").chmod(0)
    try:
        assert found(tmp_path) == ["yes/a.wav"]
    finally:
        (tmp_path / "no").chmod(0o755)
    assert f"{tmp_path / 'no'}: may not be entered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.au", "AU"),
        ("a.snd", "AU"),
        ("a.caf", "CAF"),
        ("a.aifc", "AIFF"),
        ("a.w64", "W64"),
        ("a.rf64", "RF64"),
        ("a.sph", "NIST"),
    ],
)
def test_what_soundfile_reads_is_read(tmp_path: Path, name: str, kind: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = (np.sin(np.arange(4000) * 0.1) * 8000).astype(np.int16)
    soundfile.write(tmp_path / name, samples, 16000, format=kind, subtype="PCM_16")
    (path,) = read_folder(tmp_path).recordings
    recording = read_recording(path)
    assert recording.sample_rate == 16000
    np.testing.assert_array_equal(recording.samples * 32768, samples)
