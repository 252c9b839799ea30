"""Augmentation of waveforms and of log-mel frames."""

import numpy as np
import pytest

from kws.frontend import YAMNET, log_mel
from kws_training.augment import (
    Augmentation,
    add_noise,
    augment,
    change_speed,
    coloured_noise,
    loudness,
    noise_piece,
    perturb,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_placed_as_it_is_without_augmentation(rng):
    samples = rng.uniform(-0.5, 0.5, 1000).astype(np.float32)
    placed = augment(rng, samples, 3000, (100, 500), [], None)
    window, start = placed.window, placed.start
    assert 100 <= start <= 500
    assert placed.stretch == 1
    assert np.array_equal(window[start : start + 1000], samples)
    assert not window[:start].any()
    assert not window[start + 1000 :].any()


def test_same_seed_same_audio(rng):
    samples = rng.uniform(-0.5, 0.5, 8000).astype(np.float32)
    noise = [rng.normal(0, 0.1, 50000).astype(np.float32)]
    one, two, other = (
        augment(
            np.random.default_rng(seed), samples, 16000, (0, 4000), noise, Augmentation()
        ).window
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert np.abs(one).max() <= 1


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_has_the_ratio_asked_for(rng, snr):
    window = np.zeros(16000, np.float32)
    window[4800:9600] = np.sin(np.arange(4800) * 0.3)
    noise = coloured_noise(rng, 16000)
    added = add_noise(window, noise, snr) - window
    measured = 10 * np.log10(loudness(window) / np.mean(added**2))
    assert measured == pytest.approx(snr, abs=0.1)


def test_silent_noise_changes_nothing():
    window = np.ones(100, np.float32)
    assert np.array_equal(add_noise(window, np.zeros(100, np.float32), 0.0), window)


def test_short_noise_is_repeated_and_long_noise_is_cut(rng):
    for length in (10, 100, 5000):
        piece = noise_piece(rng, [np.ones(length, np.float32)] * 3, 300)
        assert piece.shape == (300,)


def test_speed_changes_length_within_the_range(rng):
    samples = rng.normal(0, 0.1, 16000).astype(np.float32)
    lengths = [len(change_speed(rng, samples, 0.1)) for _ in range(40)]
    assert min(lengths) < 15500
    assert max(lengths) > 16500
    assert 16000 * np.exp(-0.1) - 2 <= min(lengths)
    assert max(lengths) <= 16000 * np.exp(0.1) + 2


def test_perturbed_frames_stay_in_range_and_differ(rng):
    frames = log_mel(rng.normal(0, 0.1, 16000).astype(np.float32), YAMNET)[None].repeat(4, 0)
    changed = perturb(np.random.default_rng(1), frames, YAMNET.offset, Augmentation())
    assert changed.shape == frames.shape
    assert np.isfinite(changed).all()
    assert changed.min() >= np.log(YAMNET.offset) - 1e-3
    assert np.abs(changed - frames).mean() > 0.05
    silence = np.full((1, 98, 64), np.log(YAMNET.offset), np.float32)
    still = perturb(np.random.default_rng(1), silence, YAMNET.offset, Augmentation())
    assert np.allclose(still, silence, atol=1e-3)  # a filter makes no sound of its own
