"""Phrases that sound alike: near, and never the phrase."""

import pytest

from kws.phonemes.text import words_of
from kws_training.synthesis import confusables, phonemes
from kws_training.synthesis.confusables import FAR, SAME, find_confusables
from kws_training.synthesis.phonemes import between, pronounce, within

PHRASES = ("hey device", "alexa", "smart mirror", "go", "ok jarvis", "one two three four")


@pytest.mark.parametrize("phrase", PHRASES)
def test_none_has_the_phrase_in_it(phrase):
    (whole,) = pronounce([phrase])
    found = find_confusables(phrase, 150, 0)
    assert len(found) >= 20
    texts = [one.text for one in found]
    assert len(set(texts)) == len(texts)
    for one, said in zip(found, pronounce(texts), strict=True):
        assert f" {phrase} " not in f" {one.text} "
        assert within(whole, said) >= SAME
        if one.kind in ("near", "respelled"):
            assert between(whole, said) <= FAR


@pytest.mark.usefixtures("espeak")
def test_what_a_person_would_name():
    found = {one.text: one.kind for one in find_confusables("hey device", 360, 0)}
    for text, kind in (
        ("hey", "part"),
        ("device", "part"),
        ("hey de", "part"),
        ("device hey", "reordered"),
        ("hey divide", "near"),
        ("say device", "near"),
        ("hey advice", "near"),
    ):
        assert found.get(text) == kind, text
    assert set(found.values()) == {"crossing", "near", "part", "reordered", "respelled"}
    # the phrase, as people say and spell it too
    for text in (
        "hey devise",
        "hay device",
        "hey devices",
        "ey device",
        "hey devvice",
        "hey device device",
    ):
        assert text not in found


def test_kinds_are_mixed_and_more_begin_as_fewer():
    few, many = (find_confusables("hey device", count, 4) for count in (20, 120))
    assert many[:20] == few
    assert len({one.kind for one in few}) >= 3
    assert [one.text for one in find_confusables("hey device", 20, 5)] != [one.text for one in few]


def test_without_crossings_parts_are_the_same():
    every, fewer = (find_confusables("hey device", 150, 0, crossings=on) for on in (True, False))
    assert "crossing" not in {one.kind for one in fewer}
    parts, same = ([one for one in its if one.kind == "part"] for its in (every, fewer))
    assert parts
    assert same[: len(parts)] == parts


@pytest.mark.usefixtures("espeak")
def test_languages_without_a_dictionary():
    german = find_confusables("hallo gerät", 40, 0, "de")
    assert {one.kind for one in german} == {"part", "reordered", "respelled"}
    arabic = find_confusables("أهلا يا جهاز", 40, 0, "ar")
    assert len(arabic) >= 20
    (whole,) = pronounce(["أهلا يا جهاز"], "ar")
    for one in arabic:
        assert within(whole, pronounce([one.text], "ar")[0]) >= SAME


def test_without_espeak(monkeypatch):
    monkeypatch.setattr(phonemes, "has_espeak", lambda: False)
    found = find_confusables("hey zorblax", 60, 0)
    assert len(found) >= 20
    assert "zorblax hey" in [one.text for one in found]
    assert not any("hey zorblax" in one.text for one in found)


@pytest.mark.parametrize("text", ["", "?", "a", "I", "3", "-v x", "x" * 20, "\u0301", "💡"])
def test_odd_texts(text):
    for one in find_confusables(text, 10, 0):
        assert words_of(one.text)
        assert words_of(one.text) != words_of(text)


def test_the_shares_name_the_kinds():
    assert set(confusables.SHARES) == {"crossing", "near", "part", "reordered", "respelled"}
