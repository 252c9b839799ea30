"""Where a phrase is in its recording."""

import numpy as np
import pytest

from kws.frontend import WORDS
from kws_training.data.images import GREY, to_images
from kws_training.wake_words.phrases import (
    FRAMES,
    LONGEST,
    MARGIN,
    PhraseClip,
    PhraseSet,
    find_phrase,
)


def image(*stretches, frames=200, quiet=-8.0):
    """Frames at a level, with louder stretches (first, last, ln(power)) in them."""
    level = np.full((frames, WORDS.bands), quiet, np.float32)
    for first, last, loud in stretches:
        level[first : last + 1] = loud
    return to_images(level)


def test_a_word_is_found():
    found = find_phrase(image((60, 110, 2.0)), {})
    assert abs(found.first - 60) <= 1
    assert abs(found.last - 110) <= 1


def test_a_louder_click_is_no_word():
    found = find_phrase(image((60, 110, 2.0), (150, 155, 6.0)), {})
    assert abs(found.first - 60) <= 1
    assert abs(found.last - 110) <= 1


def test_short_gaps_are_within_a_phrase_and_long_ones_are_not():
    found = find_phrase(image((50, 80, 2.0), (90, 120, 2.0)), {})
    assert (found.first, found.last) == pytest.approx((50, 120), abs=1)
    found = find_phrase(image((20, 80, 2.0), (110, 130, 2.0)), {})
    assert (found.first, found.last) == pytest.approx((20, 80), abs=1)


def test_the_manifest_knows_better():
    found = find_phrase(image((60, 110, 2.0)), {"start": "0.2", "end": "0.55"})
    assert (found.first, found.last) == (20, 55)


@pytest.mark.parametrize(
    ("start", "end"), [("", ""), ("x", "1"), ("nan", "1"), ("1", "0.5"), ("9", "10"), ("1", "inf")]
)
def test_a_manifest_that_makes_no_sense_is_not_believed(start, end):
    found = find_phrase(image((60, 110, 2.0)), {"start": start, "end": end})
    assert abs(found.last - 110) <= 1


def test_the_end_of_a_long_recording_is_its_phrase():
    found = find_phrase(image((10, 390, 2.0), frames=400), {})
    assert found.last - found.first + 1 == LONGEST


def test_nothing_is_no_phrase():
    assert find_phrase(np.zeros((100, WORDS.bands), np.uint8), {}) is None
    assert find_phrase(image((50, 53, 3.0), quiet=WORDS.floor), {}) is None


def test_phrases_keep_a_margin_and_are_drawn_by_weight():
    one, other = PhraseClip(image((60, 110, 2.0)), 60, 110), PhraseClip(image((5, 40, 2.0)), 5, 40)
    phrases = PhraseSet.of([(0, [one, one, one], 1.0), (1, [other], 3.0), (1, [], 9.0)])
    assert phrases.images.shape == (4, FRAMES, WORDS.bands)
    assert phrases.first.tolist() == [MARGIN, MARGIN, MARGIN, 5]
    assert (phrases.last - phrases.first).tolist() == [50, 50, 50, 35]
    np.testing.assert_allclose(phrases.weights, [1 / 12, 1 / 12, 1 / 12, 3 / 4])
    rows = phrases.draw(np.random.default_rng(0), 1000)
    assert np.mean(phrases.numbers[rows] == 1) == pytest.approx(0.75, abs=0.05)
    loud = phrases.images[0].max(axis=1) > (0 - WORDS.floor) / GREY
    assert np.flatnonzero(loud).tolist() == list(range(MARGIN, MARGIN + 51))
