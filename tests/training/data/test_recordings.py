"""Recordings in memory: what is there twice, and what counts."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_training.cli.detection import noise_of
from kws_training.data.dataset import Clip, DataError, Skipped
from kws_training.data.recordings import (
    ClipSet,
    Negatives,
    read_noise,
    read_speech,
    repeated,
    without_repeated,
)

RATE = 16000


def clip(name: str) -> Clip:
    """Return a clip whose folder is its label."""
    return Clip(Path(name), name.split("/")[0], name.split("/")[0], name)


def sound(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-3000, 3000, 1600).astype(np.int16)


def part(**content: int) -> ClipSet:
    names = [name.replace("__", "/") + ".wav" for name in content]
    return ClipSet([clip(name) for name in names], [sound(n) for n in content.values()], [])


def test_a_recording_is_on_one_side_of_a_split() -> None:
    training = part(yes__a=0, yes__b=0, no__c=1)  # twice to train with is no harm
    test = part(yes__d=0, no__e=2)
    kept = without_repeated({"training": training, "test": test})
    assert [one.path.name for one in kept[0].clips] == ["a.wav", "b.wav", "c.wav"]
    assert [one.path.name for one in kept[1].clips] == ["e.wav"]
    assert len(kept[1].audio) == 1
    assert kept[1].skipped == [
        Skipped(
            Path("yes/d.wav"),
            "is the same recording as yes/a.wav, which is for training: it cannot be for test too",
        )
    ]


def test_a_recording_under_two_labels_is_left_out_under_both() -> None:
    one = part(yes__a=0, no__b=0, yes__c=0, yes__d=1)
    reasons = repeated(one.clips, one.audio, ["training"] * 4)
    assert reasons[0].startswith("is the same recording as no/b.wav, but of 'yes' and not of 'no'")
    assert reasons[1].startswith("is the same recording as yes/a.wav, but of 'no' and not of 'yes'")
    assert reasons[2].startswith("is the same recording as no/b.wav")
    assert reasons[3] == ""


def test_each_counts_once_without_sides_and_silence_may_be_alike() -> None:
    one = part(yes__a=0, yes__b=0, **{"_silence_/c": 1, "_silence_/d": 1})
    assert [bool(reason) for reason in repeated(one.clips, one.audio)] == [
        False,
        True,
        False,
        False,
    ]


@pytest.fixture
def speech(tmp_path: Path) -> list[Path]:
    """Speech, the same again, the same with more of it, and digital silence."""
    rng = np.random.default_rng(0)
    old, new = rng.normal(0, 0.05, 20 * RATE), rng.normal(0, 0.05, 10 * RATE)
    pause = np.zeros(5 * RATE)
    for name, samples in (
        ("a", old),
        ("b", old),
        ("c", np.concatenate([new, pause, old])),
        ("d", pause),
    ):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
    return [tmp_path / f"{name}.wav" for name in "abcd"]


def test_speech_counts_once_and_digital_silence_never(speech: list[Path]) -> None:
    skipped: list[Skipped] = []
    seconds = {p.stem: len(audio) / RATE for p, audio in read_speech(speech, "speech", skipped)}
    assert seconds["a"] == 20
    assert 10 <= seconds["c"] < 15
    assert {skip.path.stem: skip.reason for skip in skipped} == {
        "b": "was heard before: it counts once",
        "d": "is nothing but digital silence: record it again",
    }
    assert len(seconds) == 2


def test_negatives_are_in_one_part_however_often_they_are_there(speech: list[Path]) -> None:
    negatives = Negatives.read(speech[:2])
    parts = (negatives.training, negatives.development, negatives.test)
    assert sum(bool(one.clips) for one in parts) == 1
    assert sum(len(audio) for one in parts for audio in one.audio) == 20 * RATE


def test_digital_silence_is_no_noise(speech: list[Path]) -> None:
    noise, skipped = read_noise(speech)
    assert [len(one) / RATE for one in noise] == [20, 20, 30]  # five seconds of silence are cut out
    (skip,) = skipped
    assert skip.path == speech[3]
    assert "digital silence" in skip.reason


def test_a_folder_of_silent_noise_is_refused(speech: list[Path]) -> None:
    with pytest.raises(DataError, match="no noise"):
        noise_of(speech[3:])
