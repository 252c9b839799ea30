"""Rules say what the dictionary lacks, so that a device without espeak-ng takes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.phonemes import pronunciations as module
from kws.phonemes.graph import encode
from kws.phonemes.numbers import ONES, TEENS, TENS, number_words
from kws.phonemes.pronunciations import known_pronunciations, pronounce_phrase, pronunciations
from kws.phonemes.rules import said_by_rule


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("it's", "ih t s"),
        ("that’s", "dh ae t s"),
        ("door's", "d ao r z"),
        ("house's", "hh aw s ih z"),
        ("tvs", "t iy v iy z"),
        ("don't", "d ow n t"),
        ("isn't", "ih z ax n t"),
        ("we'll", "w iy l"),
        ("i've", "ay v"),
        ("aardvarks", "aa r d v aa r k s"),
        ("tv", "t iy v iy"),
        ("b", "b iy"),
        ("7", "s eh v ax n"),
        ("17", "s eh v ax n t iy n"),
        ("70", "s eh v ax n t iy"),
    ],
)
def test_it_is_said_as_people_say_it(word: str, said: str) -> None:
    assert tuple(said.split()) in pronunciations(word)


def test_the_device_needs_no_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_espeak", lambda: False)
    said = pronounce_phrase("what's on the TV, don't stop, volume 42")
    assert len(said) == 8
    for number in (*ONES, *TEENS, *TENS):
        assert known_pronunciations(number), number


def test_numbers_have_their_words() -> None:
    assert number_words("0") == ("zero",)
    assert number_words("13") == ("thirteen",)
    assert number_words("60") == ("sixty",)
    assert number_words("99") == ("ninety", "nine")
    assert number_words("007") == ("zero", "zero", "seven")
    assert number_words("911") == ("nine", "one", "one")


def test_what_no_rule_knows_stays_unknown() -> None:
    for word in ("zorblify", "xq'zz", "'", "''s", "1234567", "s" * 60, "'s" * 50, "٣"):
        assert said_by_rule(word) == (), word


@given(st.text("abst'0159’é", max_size=60))
def test_any_text_has_phonemes_or_none(word: str) -> None:
    for way in said_by_rule(word):
        encode(way)
