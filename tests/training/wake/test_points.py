"""Thresholds for rates that are rarer than what was heard."""

import numpy as np
import pytest

from kws.calibration import Track
from kws_training.wake.points import tail_threshold

COLUMN, PER_HOUR, SLOPE = 0.08, 200, 0.8


def stream(hours, seed):
    """A track in which events come at random, their log-odds spread exponentially."""
    rng = np.random.default_rng(seed)
    columns = round(hours * 3600 / COLUMN)
    score = np.full(columns, 1e-6, np.float32)
    at = rng.choice(columns // 40, round(hours * PER_HOUR), replace=False) * 40
    score[at] = 1 / (1 + np.exp(4 - rng.exponential(SLOPE, len(at))))
    return Track(score, np.ones(columns, np.bool_), 13, COLUMN, hours * 3600)


@pytest.mark.parametrize("rate", [0.1, 0.5, 5.0])
def test_the_tail_is_continued(rate):
    # that the log-odds of so many events an hour exceed -4 + x is 200 exp(-x / 0.8)
    wanted = -4 + SLOPE * np.log(PER_HOUR / rate)
    levels = [tail_threshold([stream(0.4, seed)], rate) for seed in range(40)]
    odds = np.log(np.array(levels) / (1 - np.array(levels)))
    assert np.mean(odds) == pytest.approx(wanted, abs=0.25)
    assert np.std(odds) < 1.5


def test_fresh_hours_have_about_that_rate():
    rates = []
    for seed in range(30):
        threshold = tail_threshold([stream(1.0, seed)], 2.0)
        rates.append(stream(3.0, 100 + seed).count(threshold) / 3.0)
    assert 1.0 < np.median(rates) < 4.0
    assert max(rates) < 20


def test_recordings_apart_are_one_sample():
    parts = [stream(0.2, seed) for seed in (1, 2)]
    both = tail_threshold(parts, 0.5)
    assert both != tail_threshold(parts[:1], 0.5)
    assert 0 < both < 1


def test_nothing_heard_says_nothing():
    assert tail_threshold([], 0.5) == 0.0
