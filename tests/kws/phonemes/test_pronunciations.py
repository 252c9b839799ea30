"""How words are said: the dictionary, rules, espeak-ng, and what the user writes."""

import pytest

from kws.errors import KwsError
from kws.phonemes import pronunciations as module
from kws.phonemes.dictionary import dictionary
from kws.phonemes.graph import encode
from kws.phonemes.pronunciations import (
    MOST_PRONUNCIATIONS,
    phrase_graph,
    phrase_words,
    pronounce_phrase,
    pronunciations,
)

from .test_graph import accepted


def test_the_dictionary_comes_first():
    for word in ("light", "computer", "mirror", "international"):
        said = pronunciations(word)
        assert said[0] == dictionary()[word]
        assert 1 <= len(said) <= MOST_PRONUNCIATIONS
        assert len(set(said)) == len(said)
    assert pronunciations("Light") == pronunciations("light")


def test_rules_say_what_people_say():
    assert ("w", "ao", "d", "er") in pronunciations("water")
    assert ("k", "aa", "r") in pronunciations("car")
    assert ("k", "aa") in pronunciations("car")
    assert ("t", "er", "n") in pronunciations("turn")
    assert ("dh", "iy") in pronunciations("the")
    assert ("ih", "m") in pronunciations("him")
    assert ("n", "y", "uw") in pronunciations("new")


def test_every_word_has_its_pronunciations():
    known = set(module.VOWELS)
    for word in list(dictionary())[::97] + list(module.LINKING):
        for said in pronunciations(word):
            assert said
            encode(said)
    assert known <= set(module.ARPABET)


def test_phonemes_may_be_written_between_slashes():
    assert pronunciations("/Z  ao r k/") == (("z", "ao", "r", "k"),)
    assert phrase_words("hey /z ao  r k/ two") == ("hey", "/z ao r k/", "two")
    with pytest.raises(KwsError, match="'q' is no phoneme"):
        pronunciations("/z q/")
    with pytest.raises(KwsError, match="write 1 to 40 phonemes"):
        pronunciations("//")
    assert phrase_words("and/or") == ("and", "or")


def test_a_phrase_is_its_words_in_all_pronunciations():
    graph = phrase_graph(pronounce_phrase("the car"), "the car")
    wanted = {
        encode(one + other) for one in pronunciations("the") for other in pronunciations("car")
    }
    assert accepted(graph) == wanted


def test_phrases_are_bounded():
    with pytest.raises(KwsError, match="there is no word in it"):
        phrase_words(" ?! ")
    with pytest.raises(KwsError, match="at most 30 words"):
        phrase_words("light " * 31)


def test_a_word_that_nobody_knows_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(module, "has_espeak", lambda: False)
    with pytest.raises(KwsError, match="'zorblify': how it is said is not known: install") as info:
        pronunciations("zorblify")
    assert "\n" not in str(info.value)


@pytest.mark.usefixtures("espeak")
def test_espeak_says_what_the_dictionary_lacks():
    assert pronunciations("zorbly")[0] == ("z", "ao", "r", "b", "l", "iy")
    assert pronunciations("42")[0][:3] == ("f", "ao", "r")
    assert pronunciations("café")[0] == ("k", "ae", "f", "ey")
