"""Exact intervals: against scipy's, and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.intervals import rate_bound, rate_interval, share_interval


def test_values_that_are_printed_in_books():
    # Garwood's table for 0, 1 and 10 events
    assert rate_interval(0, 1.0) == pytest.approx((0, 3.689), abs=1e-3)
    assert rate_interval(1, 1.0) == pytest.approx((0.0253, 5.572), abs=1e-3)
    assert rate_interval(10, 2.0) == pytest.approx((4.795 / 2, 18.39 / 2), rel=1e-3)
    assert rate_bound(0, 1.0) == pytest.approx(-np.log(0.05))
    assert rate_bound(1, 4.0) == pytest.approx(4.744 / 4, rel=1e-3)
    assert share_interval(0, 10) == pytest.approx((0, 0.3085), rel=1e-3)
    assert share_interval(10, 10) == pytest.approx((0.6915, 1), rel=1e-3)
    assert share_interval(0, 0) == (0, 1)


@settings(max_examples=100, deadline=None)
@given(count=st.integers(0, 20_000), hours=st.floats(0.001, 1000))
def test_rates_are_scipys(count, hours):
    special = pytest.importorskip("scipy.special")
    low, high = rate_interval(count, hours)
    expected = special.gammaincinv(count, 0.025) if count else 0.0
    assert low == pytest.approx(expected / hours, rel=1e-9)
    assert high == pytest.approx(special.gammaincinv(count + 1, 0.975) / hours, rel=1e-9)
    bound = special.gammaincinv(count + 1, 0.95) / hours
    assert rate_bound(count, hours) == pytest.approx(bound, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_shares_are_scipys(count, others):
    special = pytest.importorskip("scipy.special")
    total = count + others
    low, high = share_interval(count, total)
    assert low == pytest.approx(
        special.betaincinv(count, others + 1, 0.025) if count else 0.0, rel=1e-8
    )
    assert high == pytest.approx(
        special.betaincinv(count + 1, others, 0.975) if others else 1.0, rel=1e-8
    )
