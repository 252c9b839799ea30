"""Recordings that are drawn more often: those that are unlike most."""

from pathlib import Path

import numpy as np
import pytest

from kws.frontend import WORDS
from kws_training.data.dataset import Clip
from kws_training.data.frames import FrameSet
from kws_training.networks.word_base import read_base
from kws_training.wake_words.data import WakeWordClips, WakeWordData
from kws_training.wake_words.phrases import PhraseClip
from kws_training.wake_words.rarity import (
    MOST,
    PER_CLUSTER,
    phrase_features,
    rarity_weights,
    with_rare_voices,
)


@pytest.fixture(scope="module")
def base():
    return read_base(None)


def clip(kind, seed, before=20):
    """A sound in a few bands, which are others for another kind, with a little noise."""
    rng = np.random.default_rng((kind, seed))
    image = np.zeros((before + 80, WORDS.bands), np.uint8)
    image[before : before + 60, 10 * kind : 10 * kind + 8] = 200
    image[before : before + 60] += rng.integers(0, 20, (60, WORDS.bands), np.uint8)
    return PhraseClip(image, before, before + 59)


def test_rare_recordings_are_drawn_more_often_and_not_much_more(base):
    clips = [clip(0, n) for n in range(18)] + [clip(3, n) for n in range(2)]
    weights = rarity_weights(base, clips, 0)
    assert weights.mean() == pytest.approx(1)
    assert weights[18:].min() > weights[:18].max()
    assert weights.max() <= MOST * weights.min() * (1 + 1e-9)
    assert np.array_equal(weights, rarity_weights(base, clips, 0))


@pytest.mark.parametrize("count", [0, 1, 2 * PER_CLUSTER - 1])
def test_few_recordings_are_drawn_equally_often(base, count):
    assert rarity_weights(base, [clip(n % 3, n) for n in range(count)], 0).tolist() == [1] * count


def test_features_are_those_of_the_phrase_alone(base):
    """What is before it does not matter, once the network has forgotten the edge."""
    early, late = clip(1, 0, before=150), clip(1, 0, before=160)
    loud = PhraseClip(early.image.copy(), early.first, early.last)
    loud.image[:10] = 200
    first, second, third = phrase_features(base, [early, late, loud])
    assert np.abs(first).max() > 0
    np.testing.assert_allclose(first, third, atol=1e-5)
    assert np.linalg.norm(first - second) < 0.1 * np.linalg.norm(first)


def test_machines_are_drawn_as_often_as_before(base):
    people = [
        (Clip(Path(f"{n}.wav"), "hey", "hey", f"{n}"), clip(0 if n < 18 else 3, n))
        for n in range(20)
    ]
    machines = [clip(2, n) for n in range(5)]
    nothing = FrameSet([], [], [])
    data = WakeWordData(
        [WakeWordClips("hey", people, machines, [], [])],
        *(nothing, nothing, nothing, nothing),
        [],
        "",
        (),
    )
    plain, rare = data.phrases(), with_rare_voices(base, data, 0)
    assert rare.weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(rare.weights[20:], plain.weights[20:])
    assert rare.weights[19] > plain.weights[19]
    assert np.array_equal(rare.images, plain.images)
