"""Words are one however they are spelled, and two where letters differ."""

import pytest

from kws_training.data.spelling import one_spelling, plain


@pytest.mark.parametrize("text", ["Hey_Device…", "hey-device", " Hey, device! ", "ＨＥＹ device"])
def test_one_phrase(text):
    assert plain(text) == "hey device"


@pytest.mark.parametrize(
    ("one", "other"),
    [("hey devices", "hey device"), ("C++", "C"), ("कि", "की"), ("ça", "ca"), ("it's", "its")],
)
def test_two_phrases(one, other):
    assert plain(one) != plain(other)


@pytest.mark.parametrize(
    "word", ["YES", "yes ", "yes\u200b", "ｙｅｓ", "Yes.", "yes!", " ye\u00ads", "yes\t"]
)
def test_words_that_sound_alike_are_one_label(word):
    spellings, (note,) = one_spelling([word], ["yes", "no"])
    assert spellings == {word: "yes"}
    assert note.endswith("is taken for the label 'yes'")


def test_two_spellings_of_a_label_are_named_together():
    spellings, (note,) = one_spelling(["Turn_On", "turn-on"], ["turn on"])
    assert set(spellings.values()) == {"turn on"}
    assert note == "'Turn_On' and 'turn-on' are taken for the label 'turn on'"


@pytest.mark.parametrize("word", ["C#", "C++", "yes sir", "_yes_", "_unknown_", "yés"])
def test_other_words_keep_their_spelling(word):
    spellings, notes = one_spelling([word], ["C", "yes", "unknown"])
    assert spellings == {word: word}
    assert notes == []
