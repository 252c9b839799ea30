"""What is wrong with recordings, the worst first."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_studio.findings import Looks, find_faults, find_unlike
from kws_studio.project import Project

from .conftest import DEMO, RATE, wav_bytes


def test_twins_silence_and_text_are_found(project: Project, spoken: Callable[[int], bytes]) -> None:
    folder = project.shelf("learn")
    folder.mkdir(parents=True)
    for number in range(2):
        (folder / f"{number}.wav").write_bytes(spoken(number))
    (folder / "copy.wav").write_bytes(spoken(1))
    (folder / "silent.wav").write_bytes(wav_bytes(np.zeros(RATE)))
    (folder / "text.wav").write_text("no sound")
    looks = Looks()
    seen = {path.name: looks.at(path) for path in project.recordings("learn")}
    found = {name: [one.kind for one in ones] for name, ones in find_faults(seen).items()}
    assert found["silent.wav"] == ["silent"]
    assert found["text.wav"] == ["unreadable"]
    assert "twin" in found.get("copy.wav", []) + found.get("1.wav", [])
    # what was seen is remembered until the file is another one
    assert looks.at(folder / "0.wav") is seen["0.wav"]
    (folder / "0.wav").write_text("no sound any more")
    assert isinstance(looks.at(folder / "0.wav"), str)
    assert isinstance(looks.at(folder / "gone.wav"), str)


def test_another_word_is_unlike_the_others(tmp_path: Path, spoken: Callable[[int], bytes]) -> None:
    from kws.audio import read_recording

    paths = []
    for number in range(5):
        paths.append(tmp_path / f"{number}.wav")
        paths[-1].write_bytes(spoken(number))
    demo = read_recording(DEMO).samples
    other = demo[round(2.45 * RATE) : round(3.5 * RATE)]  # "hey device"
    paths.append(tmp_path / "other.wav")
    paths[-1].write_bytes(wav_bytes(other))
    found = find_unlike(paths, "computer")
    assert set(found) == {"other.wav"}
    assert found["other.wav"].kind == "unlike"
    assert find_unlike(paths[:2], "computer") == {}


@pytest.mark.data
def test_other_people_are_no_fault(shared: Path) -> None:
    folder = shared / "audio" / "wake_words" / "smart_mirror"
    people = sorted(folder.glob("*.flac"))[::37][:8]
    assert len(find_unlike(people, "smart mirror")) <= 2
    other = sorted((folder.parent / "athena").glob("*.flac"))[3]
    assert other.name in find_unlike([*people, other], "smart mirror")
