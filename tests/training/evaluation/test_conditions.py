"""Acoustic conditions: as long as before, and in time."""

import numpy as np
import pytest

from kws_training.evaluation.conditions import CLEAN, RATE, Condition


def test_conditions():
    rng = np.random.default_rng(0)
    word = np.zeros(2 * RATE, np.float32)
    word[RATE // 2 : RATE] = 0.2 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 1000 / RATE)
    assert CLEAN.apply(rng, word) is word
    noisy = Condition(noise=[rng.normal(0, 1, 5 * RATE).astype(np.float32)], snr=10.0)
    added = noisy.apply(rng, word) - word
    assert 10 * np.log10(0.02 / np.mean(np.square(added))) == pytest.approx(10, abs=0.5)
    quiet = Condition(gain=-20.0).apply(rng, word)
    np.testing.assert_allclose(quiet, 0.1 * word, rtol=1e-5)
    assert np.abs(Condition(gain=40.0).apply(rng, word)).max() == 1.0
    high = np.sin(np.arange(RATE) * 2 * np.pi * 6000 / RATE).astype(np.float32)
    assert np.abs(Condition(telephone=True).apply(rng, high)[1000:-1000]).max() < 0.05
    echo = Condition(responses=[np.float32([1] + [0] * 999 + [0.5])]).apply(rng, word)
    assert len(echo) == len(word)
    assert np.abs(echo[RATE : RATE + 999]).max() > 0.05
