"""Noise of many kinds: recorded and varied, and made up."""

import numpy as np
import pytest

from kws.frontend import WORDS
from kws_training.augmentation.noise import NoisyWindowMaker, babble_frames, composed_frames
from kws_training.augmentation.spectra import SpectralAugmentation


@pytest.fixture
def maker():
    """Its recorded noise is a tone in band 10, 60 dB above the rest."""
    bank = np.full((500, WORDS.bands), -14.0, np.float32)
    bank[:, 10] = 0.0
    return NoisyWindowMaker(bank, WORDS.floor, WORDS.ceiling, SpectralAugmentation())


def test_the_mean_power_of_noise_is_one(maker):
    frames = maker.noise(np.random.default_rng(0), 50, 120)
    assert frames.shape == (50, 120, WORDS.bands)
    assert frames.dtype == np.float32
    np.testing.assert_allclose(np.exp(frames).mean((1, 2)), 1.0, rtol=1e-3)


def test_recorded_noise_is_heard_at_other_pitches_and_levels(maker):
    frames = maker.noise(np.random.default_rng(0), 200, 60)
    loudest = frames.mean(1).argmax(1)
    near = np.abs(loudest - 10) <= 3
    assert near.mean() > 0.4  # recorded noise
    assert len(np.unique(loudest[near])) >= 4
    assert (~near).mean() > 0.2  # made up


def test_one_seed_gives_the_same_noise(maker):
    first, second, other = (maker.noise(np.random.default_rng(n), 8, 50) for n in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_no_noise_at_all_is_nothing(maker):
    assert maker.noise(np.random.default_rng(0), 0, 50).shape == (0, 50, WORDS.bands)


def test_composed_noise_changes_over_time_and_frequency():
    frames = composed_frames(np.random.default_rng(0), 60, 200, WORDS.bands)
    assert np.isfinite(frames).all()
    levels = np.log(np.exp(frames).mean(2))  # over time
    spread = np.percentile(levels, 95, axis=1) - np.percentile(levels, 5, axis=1)
    assert np.percentile(spread, 75) > 2.0  # 9 dB: strikes and waves
    assert spread.min() < 1.5  # and what goes on and on
    colours = np.log(np.exp(frames).mean(1))
    assert (colours.max(1) - colours.min(1)).min() > 1.0


def test_babble_has_fewer_pauses_than_its_talkers():
    rng = np.random.default_rng(0)
    talk = np.zeros((5000, WORDS.bands), np.uint8)
    for start in range(0, 5000, 100):  # half of the time is a pause
        talk[start : start + 50] = rng.integers(120, 180, (50, WORDS.bands), np.uint8)
    frames = babble_frames(np.random.default_rng(0), [talk[:2000], talk[2000:]], 2500)
    assert frames.shape == (2500, WORDS.bands)
    assert frames.dtype == np.float32
    level = frames.max(axis=1)
    assert np.mean(level < level.max() - 4) < 0.3
    for start in (0, 1000):
        assert np.exp(frames[start : start + 1000]).mean() == pytest.approx(1, rel=1e-3)
    assert babble_frames(rng, [talk], 0).shape == (0, WORDS.bands)
