"""Exact intervals, against published ones and against their definition."""

import pytest
from scipy.stats import binom

from kws_training.evaluation.intervals import share_interval


@pytest.mark.parametrize(("events", "of"), [(1, 10), (9, 10), (871, 900)])
def test_share_interval_leaves_a_fortieth_on_each_side(events, of):
    low, high = share_interval(events, of)
    assert binom.sf(events - 1, of, low) == pytest.approx(0.025)
    assert binom.cdf(events, of, high) == pytest.approx(0.025)


def test_share_of_none_and_of_all():
    assert share_interval(0, 10) == pytest.approx((0, 0.3085), abs=1e-4)
    assert share_interval(10, 10) == pytest.approx((0.6915, 1), abs=1e-4)
    assert share_interval(0, 0) == (0.0, 1.0)
