"""Sentences that nearly have a phrase in them across words: near, and never the phrase."""

from collections import Counter

import pytest

from kws.phonemes.vocabulary import frequent_words
from kws_training.synthesis.crossings import BANDS, USES, find_crossings
from kws_training.synthesis.phonemes import pronounce, within

PHRASES = ("jarvis", "alexa", "smart mirror", "hey device", "computer")


@pytest.mark.parametrize("phrase", PHRASES)
def test_the_phrase_is_near_across_words_and_never_there(phrase):
    words = phrase.split()
    (whole,) = pronounce([phrase])
    found = find_crossings(words, 100, 0)
    assert len(set(found)) == len(found) == 100
    far = 0
    for sentence, said in zip(found, pronounce(found), strict=True):
        apart = within(whole, said)
        assert BANDS[0] <= apart <= BANDS[-1]
        far += apart > BANDS[1]
        first, *stretch, last = sentence.split()
        assert {first, *stretch, last} <= set(frequent_words())
        assert not set(words) & set(stretch)
        assert 2 <= len(stretch) <= 3
        # the stretch is what comes near, and no single word of it: the phrase is across words
        assert within(whole, pronounce([" ".join(stretch)])[0]) <= BANDS[-1]
    assert 20 <= far <= 80  # not the nearest alone


def test_a_sentence_that_woke_up_a_device_is_of_the_kind():
    """ "dogs are sitting by the door" woke up "jarvis" in 100 of 360 sentences."""
    (whole,), (said,) = pronounce(["jarvis"]), pronounce(["dogs are sitting"])
    assert BANDS[0] <= within(whole, said) <= BANDS[-1]


def test_a_word_is_in_few_of_them():
    ends = Counter()
    for sentence in find_crossings(["jarvis"], 100, 0):
        ends.update({sentence.split()[1], sentence.split()[-2]})
    assert max(ends.values()) <= USES


def test_the_seed_decides():
    assert find_crossings(["jarvis"], 20, 0) == find_crossings(["jarvis"], 20, 0)
    assert find_crossings(["jarvis"], 20, 0) != find_crossings(["jarvis"], 20, 1)


def test_nothing_is_near_a_phrase_of_a_few_sounds():
    assert find_crossings(["go"], 20, 0) == []
