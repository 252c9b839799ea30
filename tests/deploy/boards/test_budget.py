"""The largest student that fits a budget, and a reason."""

import pytest

from kws.errors import KwsError
from kws_deploy.boards.budget import FAMILY, largest_within


@pytest.mark.slow
def test_more_time_buys_a_larger_student():
    tight, wide = largest_within(0.0007, "pi4", 12), largest_within(0.05, "pi4", 12)
    assert wide.student.name == FAMILY[-1] == "temporal-300k"
    assert FAMILY.index(tight.student.name) < FAMILY.index(wide.student.name)
    assert tight.expected.high <= 0.0007
    assert len(wide.why.splitlines()) == 2
    assert "temporal-300k: " in tight.why
    assert "too slow" in tight.why
    assert "estimated" in wide.why


@pytest.mark.slow  # converts all four
def test_nothing_fits():
    with pytest.raises(KwsError, match="not even temporal-10k fits on pi5"):
        largest_within(1e-6, "pi5", 12)


def test_no_such_board():
    with pytest.raises(KwsError, match="no-such-board"):
        largest_within(0.05, "no-such-board", 12)
