"""Thresholds for rates that are rarer than what was heard."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from kws.calibration.scores import Trace, Track
from kws.metadata import DetectorDefaults
from kws_training.wake_words.thresholds import (
    MAX_THRESHOLD,
    NOISE_ALLOWANCE,
    UNHEARD,
    KindScores,
    Tail,
    threshold_of,
    thresholds_at,
)

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
    levels = [threshold_of([Tail.of([stream(0.4, seed)])], rate) for seed in range(40)]
    odds = np.log(np.array(levels) / (1 - np.array(levels)))
    assert np.mean(odds) == pytest.approx(wanted, abs=0.25)
    assert np.std(odds) < 1.5


def test_fresh_hours_have_about_that_rate():
    rates = []
    for seed in range(30):
        threshold = threshold_of([Tail.of([stream(1.0, seed)])], 2.0)
        rates.append(stream(3.0, 100 + seed).count(threshold) / 3.0)
    assert 1.0 < np.median(rates) < 4.0
    assert max(rates) < 20


def test_recordings_apart_are_one_sample():
    parts = [stream(0.2, seed) for seed in (1, 2)]
    both = Tail.of(parts)
    assert both.per_hour * 0.4 == pytest.approx(30)
    assert both.lowest > Tail.of(parts[:1]).lowest - 1e-9


DEFAULTS = DetectorDefaults(smoothing=COLUMN, refractory=1.0, longest=1.0, thresholds={"w": 0.5})
MODEL = SimpleNamespace(metadata=SimpleNamespace(labels=("w",), detector=DEFAULTS))


def trace(seed, hours=0.4, higher=0.0):
    """The scores of `stream`, all events by some log-odds higher."""
    one = stream(hours, seed)
    odds = np.log(one.smoothed / (1 - one.smoothed))
    score = 1 / (1 + np.exp(-np.where(odds > -10, odds + higher, odds)))
    return Trace(score[:, None].astype(np.float32), COLUMN, hours * 3600, exclusive=False)


def level(*kinds, rate=0.5):
    threshold = thresholds_at(MODEL, kinds, rate)["w"]
    return np.log(threshold / (1 - threshold))


def test_all_kinds_count_alike_however_many_hours_they_have():
    easy, easier = (
        KindScores("easy", [trace(1)], [trace(2)], []),
        KindScores("b", [trace(5)], [], []),
    )
    hard = KindScores("hard", [trace(3, higher=2.0)], [], [])
    assert level(easy, easier) + 0.7 < level(easy, hard) < level(hard) < level(easy, easier) + 3
    long = KindScores("long", [trace(1, 4.0)], [], [])
    assert level(long, hard) == pytest.approx(level(easy, hard), abs=0.5)
    assert level(easy, hard, rate=0.1) > level(easy, hard, rate=1.0)


def test_what_it_fires_on_in_noise_counts_from_more_events_on():
    quiet = KindScores("a", [trace(1)], [], [])
    alone = level(quiet)
    assert level(replace(quiet, noisy=quiet.trained)) == alone
    loud = [trace(1, higher=3.0)]
    assert level(replace(quiet, noisy=loud)) == pytest.approx(
        level(KindScores("a", loud, [], []), rate=0.5 * NOISE_ALLOWANCE), abs=0.02
    )
    assert level(replace(quiet, noisy=loud)) > alone


def test_a_threshold_is_for_kinds_never_heard():
    heard = KindScores("a", [trace(1)], [], [])
    expected = threshold_of([Tail.of([stream(0.4, 1)])], 2.0 / UNHEARD)
    assert thresholds_at(MODEL, [heard], 2.0)["w"] == pytest.approx(expected, abs=1e-6)


def test_nothing_heard_says_nothing():
    assert threshold_of([], 0.5) == 0.0
    assert Tail.of([]) is None
    assert thresholds_at(MODEL, [], 0.5) == {"w": 0.0}
    # a tail that never falls
    assert threshold_of([Tail(20.0, 5.0, 100.0)], 0.5) == MAX_THRESHOLD
    alike = Track(
        np.tile([0.9] + [0.0] * 99, 50).astype(np.float32), np.ones(5000, bool), 13, 0.08, 400
    )
    assert Tail.of([alike]).slope > 0
