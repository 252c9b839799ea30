"""The statistics of two models on the same clips, against coins that are tossed and books."""

import math

import pytest

from kws_training.evaluation.paired import (
    PairedCounts,
    clips_needed,
    difference_interval,
    mcnemar,
    mcnemar_worse,
)


def by_hand(lost, won):
    """One-sided: all the ways in which coins would fall as badly, or worse."""
    total = lost + won
    return sum(math.comb(total, k) for k in range(lost, total + 1)) / 2**total


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (1, 0), (7, 1), (1, 7), (12, 12), (40, 20)])
def test_mcnemar_counts_coins(lost, won):
    assert mcnemar_worse(lost, won) == pytest.approx(by_hand(lost, won))
    two = min(1, 2 * by_hand(max(lost, won), min(lost, won)))
    assert mcnemar(lost, won) == pytest.approx(two)
    assert mcnemar(lost, won) == mcnemar(won, lost)


def test_example_of_the_literature():
    # airway hyper-responsiveness, Fagerland, Lydersen and Laake 2014: 1, 1, 7, 12 of 21
    counts = PairedCounts(both=1, only_old=7, only_new=1, neither=12)
    assert mcnemar(7, 1) == pytest.approx(0.0703, abs=1e-4)
    assert difference_interval(counts) == pytest.approx((-0.508, -0.013), abs=1e-3)


def test_interval_of_no_change_is_around_zero_and_narrows():
    few = difference_interval(PairedCounts(45, 5, 5, 45))
    many = difference_interval(PairedCounts(4500, 500, 500, 4500))
    assert few[0] == pytest.approx(-few[1])
    assert few[0] < many[0] < 0 < many[1] < few[1]


def test_clips_needed_finds_the_change_as_often_as_it_says():
    """Simulated: models that differ by one point, on as many clips as are said to be needed."""
    import numpy as np

    differing = 0.05
    clips = clips_needed(differing, 0.05)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        lost, won, _ = rng.multinomial(clips, [differing / 2 + 0.005, differing / 2 - 0.005, 0.95])
        found += mcnemar_worse(int(lost), int(won)) < 0.05
    # the exact test is a little more careful than the formula, which is for large numbers
    assert 0.72 < found / 1000 < 0.85
    assert clips_needed(0.1, 0.05) > clips
    assert clips_needed(differing, 0.01) > clips
