"""The highest scores that are apart in time."""

import numpy as np
import pytest

from kws_training.wake_words.mining import pick_peaks


def test_the_highest_first_and_none_nearer_than_that():
    scores = np.array([5, 9, 8, 1, 7, 9, 0, 2], np.float32)
    assert pick_peaks(scores, 3, 10).tolist() == [1, 5]
    assert pick_peaks(scores, 2, 10).tolist() == [1, 5, 7, 3]
    assert pick_peaks(scores, 1, 3).tolist() == [1, 5, 2]  # of equals the first
    assert pick_peaks(np.zeros(0, np.float32), 3, 10).tolist() == []


@pytest.mark.parametrize("apart", [1, 4, 13])
def test_by_definition(apart):
    scores = np.random.default_rng(apart).normal(size=300)
    found = pick_peaks(scores, apart, 300)
    assert np.diff(np.sort(found)).min() >= apart
    assert (np.diff(scores[found]) <= 0).all()
    # what is not taken has a higher one nearby
    for column in set(range(300)) - set(found.tolist()):
        near = found[np.abs(found - column) < apart]
        assert len(near)
        assert scores[near].max() >= scores[column]
