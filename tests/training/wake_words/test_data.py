"""What recordings are for, whose microphone is lent, and what noise is made of."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.frontend import WORDS
from kws_training.data.dataset import Clip
from kws_training.data.frames import FrameSet
from kws_training.wake_words.data import (
    WakeWordClips,
    WakeWordData,
    WakeWordRecordings,
    WakeWordSources,
    prepare,
)
from kws_training.wake_words.defaults import WakeWordOptions
from kws_training.wake_words.phrases import PhraseClip

NONE = FrameSet([], [], [])
SPOKEN = PhraseClip(np.full((60, WORDS.bands), 90, np.uint8), 20, 40)
CLIP = Clip(Path("a.wav"), "hey", "hey", "a")


def data_of(negative, noise=NONE):
    words = [WakeWordClips("hey", [(CLIP, SPOKEN)], [SPOKEN], [], [])]
    return WakeWordData(words, FrameSet([CLIP], [negative], []), NONE, NONE, noise, [], "", ())


@pytest.mark.parametrize("silent", [False, True])
def test_microphones_are_those_of_the_negatives(silent):
    image = np.full((80, WORDS.bands), 0 if silent else 120, np.uint8)
    assert (data_of(image).profiles() is None) == silent


def test_a_share_of_the_noise_is_babble():
    steady = np.full((3000, WORDS.bands), 100, np.uint8)
    talk = np.random.default_rng(0).integers(50, 200, (900, WORDS.bands), np.uint8)
    data = data_of(talk, FrameSet([CLIP], [steady], []))
    bank = data.noise_bank(0.25, 0)
    assert bank.shape == (4000, WORDS.bands)
    np.testing.assert_allclose(bank[:3000], bank[0, 0])
    assert bank[3000:].std() > 0.5
    np.testing.assert_array_equal(bank, data.noise_bank(0.25, 0))
    assert len(data.noise_bank(0.0, 0)) == 3000
    assert len(data_of(talk).noise_bank(0.0, 0)) == 6000  # made up: a minute


def record(path, *seconds_and_levels):
    """Write noise of these levels, one stretch after the other; another one for each path."""
    rng = np.random.default_rng([*map(ord, path.stem)])
    path.parent.mkdir(exist_ok=True)
    stretches = [rng.normal(0, level, round(16000 * s)) for s, level in seconds_and_levels]
    soundfile.write(path, np.concatenate(stretches), 16000)
    return Clip(path, path.parent.name, path.parent.name, path.stem)


def test_what_is_too_long_is_named_and_negatives_count_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    quiet = (0.3, 0.0005)
    said = [
        record(tmp_path / "hey" / "short.wav", quiet, (0.8, 0.1), quiet),
        record(tmp_path / "hey" / "long.wav", quiet, (3.1, 0.1), quiet),
    ]
    negatives = [record(tmp_path / "others" / f"{n}.wav", (2, 0.1)) for n in range(30)]
    shutil.copy(negatives[0].path, tmp_path / "others" / "copy.wav")
    copy = Clip(tmp_path / "others" / "copy.wav", "others", "others", "copy")
    silent = record(tmp_path / "others" / "pause.wav", (2, 0.1), (5, 0), (2, 0.1))
    sources = WakeWordSources([WakeWordRecordings("hey", said)], [*negatives, copy, silent], [])
    data = prepare(sources, WakeWordOptions(synthesized=0))
    assert "1 recordings have more than 2 s of sound, such as" in capsys.readouterr().err
    (skip,) = data.skipped
    assert skip.path == copy.path
    assert skip.reason.startswith(f"is the same recording as {negatives[0].path}")
    hours = sum(part.hours for part in (data.training, data.development, data.test))
    assert 63 < hours * 3600 <= 64  # frames at the ends of recordings are not whole
