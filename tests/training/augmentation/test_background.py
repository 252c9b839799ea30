"""Background noise: at the ratio asked for, cut or repeated to the length asked for."""

from collections import Counter

import numpy as np
import pytest
from scipy import signal

from kws_training.augmentation.background import (
    add_noise,
    coloured_noise,
    draw_noise,
    noise_piece,
    tones,
)
from kws_training.augmentation.snr import loudness


@pytest.fixture
def rng():
    return np.random.default_rng(0)


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


def test_tones_are_within_the_band_and_have_hard_edges():
    steps = []
    for seed in range(40):
        noise = tones(np.random.default_rng(seed), 16000)
        assert noise.dtype == np.float32
        assert np.isfinite(noise).all()
        window = signal.get_window("blackman", 16000)
        power = np.abs(np.fft.rfft(noise * window)) ** 2
        assert power[7600:].sum() < 0.02 * power.sum() + 1e-9
        steps.append(np.abs(np.diff(noise, 2)).max() / (np.abs(noise).max() + 1e-9))
    assert np.median(steps) > 0.1


def test_rarely_noise_is_tones(rng):
    drawn = Counter(draw_noise(rng, [np.ones(500, np.float32)], 50, 0.05)[0] for _ in range(4000))
    assert drawn["tones"] == pytest.approx(200, abs=60)
    assert drawn["coloured"] == pytest.approx(760, abs=110)
    assert set(drawn) == {"tones", "coloured", "recorded 0"}
