"""Voices by pitch and spectrum, on tones whose pitch and spectrum are known."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_training.evaluation.breakdown import grouped
from kws_training.evaluation.conditions import RATE
from kws_training.evaluation.positives import Positive
from kws_training.evaluation.voices import ABOUT, VOICE, Voice, with_voices


def vowel(pitch, slope, seconds=0.6):
    """Harmonics up to 4 kHz that fall by so many decibels per octave."""
    time = np.arange(round(seconds * RATE)) / RATE
    numbers = np.arange(1, int(4000 / pitch))
    levels = 10 ** (-slope * np.log2(numbers) / 20)
    waves = np.sin(2 * np.pi * pitch * numbers[:, None] * time + numbers[:, None])
    return (0.1 * levels @ waves / levels.sum()).astype(np.float32)


def quietly(numbers, total, what):
    return numbers


@pytest.mark.parametrize(
    ("pitch", "group"), [(95, "low"), (138, "low"), (145, "middle"), (190, "middle"), (260, "high")]
)
def test_the_pitch_of_a_vowel(pitch, group):
    # silence and noise around it are no pitch
    rng = np.random.default_rng(0)
    audio = np.concatenate([np.zeros(4000), vowel(pitch, 9), 1e-3 * rng.standard_normal(4000)])
    voice = Voice.of(audio.astype(np.float32))
    assert voice.pitch == pytest.approx(pitch, rel=0.02)
    assert voice.group(np.inf) == f"{group}, dull"
    assert voice.group(-np.inf) == f"{group}, bright"


def test_a_flatter_spectrum_is_brighter_whatever_the_level_and_the_pitch():
    dull, bright = Voice.of(vowel(120, 15)), Voice.of(0.01 * vowel(220, 6))
    assert bright.brightness > dull.brightness + 5


@pytest.mark.parametrize("samples", [0, 100, 16000])
def test_nothing_is_no_voice(samples):
    assert Voice.of(np.zeros(samples, np.float32)) is None


@pytest.fixture
def positives(tmp_path):
    found = []
    for number, (keyword, pitch, slope) in enumerate(
        [("yes", 100, 12), ("yes", 100, 3), ("yes", 250, 8), ("no", 250, 20), ("no", 250, 15)]
    ):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.pad(vowel(pitch, slope), 8000), RATE)
        found.append(Positive(path, keyword, columns={"room": "hall"}))
    return found


def test_bright_is_more_than_the_median_of_the_same_keyword(positives):
    damaged = Positive(Path("gone.wav"), "yes")
    heard = with_voices([*positives, damaged], quietly)
    assert [one.columns.get(VOICE) for one in heard] == [
        "low, dull",
        "low, bright",
        "high, dull",
        "high, dull",
        "high, bright",
        None,
    ]
    assert heard[0].columns["room"] == "hall"


def test_the_speaker_counts_where_it_is_known_and_the_voice_elsewhere(positives):
    found, column, about = grouped(positives, None, quietly)
    assert (column, about) == (VOICE, ABOUT)
    assert found[0].columns[VOICE] == "low, dull"
    named = [Positive(Path(f"{n}.wav"), "yes", columns={"speaker": f"{n % 2}"}) for n in range(20)]
    assert grouped(named, None, quietly) == (named, "speaker", "")


def test_a_column_of_the_manifest_that_is_called_voice_stays(positives):
    said = [Positive(one.path, one.keyword, columns={VOICE: "en-us+f1"}) for one in positives]
    assert grouped(said, VOICE, quietly) == (said, VOICE, "")
