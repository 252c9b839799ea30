"""Thresholds for rates that are rarer than what was heard."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kws.calibration.scores import Trace, Track
from kws.metadata import DetectorDefaults
from kws_training.data.dataset import Clip
from kws_training.wake_words.thresholds import Source, source_of, tail_threshold, thresholds_at

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


def clips(*paths):
    return [Clip(Path(path), "_unknown_", "", "") for path in paths]


def test_sources_are_the_folders_below_what_holds_them_all():
    assert source_of(clips("/d/a/x.wav", "/d/a/deep/y.wav", "/d/b/z.wav", "/d/w.wav")) == [
        "a",
        "a",
        "b",
        "",
    ]
    assert source_of(clips("/d/a/x.wav", "/d/a/y.wav")) == ["", ""]
    assert source_of([]) == []


def test_the_worst_source_decides():
    """Where a model will listen is a source that it never heard."""

    def trace(scale, seed, hours=0.4):
        one = stream(hours, seed)
        odds = np.log(one.smoothed / (1 - one.smoothed))
        score = 1 / (1 + np.exp(-np.where(odds > -10, -4 + scale * (odds + 4), odds)))
        return Trace(score[:, None].astype(np.float32), COLUMN, one.hours * 3600, exclusive=False)

    defaults = DetectorDefaults(
        smoothing=COLUMN, refractory=1.0, longest=1.0, thresholds={"w": 0.5}
    )
    model = SimpleNamespace(metadata=SimpleNamespace(labels=("w",), detector=defaults))
    easy, hard = Source([trace(0.6, 1)], [trace(0.6, 2, 0.3)]), Source([trace(1.0, 3)], [])
    alone = thresholds_at(model, [easy], 0.5)["w"]
    assert thresholds_at(model, [easy, hard], 0.5)["w"] > alone
    # of a minute nothing can be told
    short = Source([trace(1.0, 3, 0.02)], [])
    assert thresholds_at(model, [easy, short], 0.5)["w"] == pytest.approx(alone, abs=0.05)
    assert thresholds_at(model, [easy, hard], 0.1)["w"] > thresholds_at(model, [easy, hard], 1)["w"]


def test_nothing_heard_says_nothing():
    assert tail_threshold([], 0.5) == 0.0
