"""Thresholds of typed phrases mean rates, and short phrases can be detected."""

import pytest

from kws.phonemes.pronunciations import pronounce_phrase
from kws.typed.scaling import HIGHEST, RATE, centre_of, phrase_length, threshold_for


def test_a_threshold_says_a_rate():
    for rate in (0.1, 0.5, 10):
        threshold = threshold_for(rate)
        assert RATE * (1 - threshold) / threshold == pytest.approx(rate)


def test_longer_phrases_may_have_lower_scores():
    short, long = pronounce_phrase("no"), pronounce_phrase("turn on the light")
    assert phrase_length(short) == 2
    assert centre_of(long) < centre_of(short) == HIGHEST < 0
