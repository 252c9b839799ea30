"""How texts sound, and how near they are."""

import itertools

import pytest

from kws.phonemes.espeak import parse_ipa
from kws.phonemes.text import words_of
from kws_training.synthesis import phonemes
from kws_training.synthesis.phoneme_tables import CONSONANTS, VOWELS
from kws_training.synthesis.phonemes import (
    between,
    dictionary,
    distance,
    pronounce,
    spelled,
    within,
)


def test_words():
    assert words_of(" Hey,\tDevice!\n") == ["hey", "device"]
    assert words_of("O'Neil's 'quoted' rock-n-roll") == ["o'neil's", "quoted", "rock", "n", "roll"]
    assert words_of("سلام، يا جهاز؟") == ["سلام", "يا", "جهاز"]
    assert words_of("नमस्ते") == ["नमस्ते"]  # vowel signs are no letters of their own
    assert words_of("?!") == []


def test_the_dictionary_is_whole():
    known = dictionary()
    assert len(known) > 15_000
    assert known["device"] == ("d", "ɪ", "v", "aɪ", "s")
    assert list(known) == sorted(known)
    signs = {sign for spoken in known.values() for sign in spoken}
    for sign in signs:
        assert sign in CONSONANTS or all(part in VOWELS for part in sign), sign


def test_distance_is_one():
    signs = [*CONSONANTS, *VOWELS, "aɪ", "oʊ", "tʃ", "?"]
    for a, b in itertools.product(signs, repeat=2):
        assert 0 <= distance(a, b) <= 1
        assert distance(a, b) == distance(b, a)
        assert (distance(a, b) == 0) == (a == b)


def test_near_sounds_are_near():
    for near, far in (
        (("s", "z"), ("s", "m")),
        (("p", "t"), ("p", "l")),
        (("i", "ɪ"), ("i", "ɑ")),
        (("aɪ", "eɪ"), ("aɪ", "u")),
        (("tʃ", "ʃ"), ("tʃ", "w")),
    ):
        assert distance(*near) < distance(*far)
    assert distance("s", "ɑ") == 1


def test_distances_of_texts():
    device = dictionary()["device"]
    assert between(device, device) == 0
    assert between(device, ()) == between((), device) == pytest.approx(5 * phonemes.GAP)
    assert between(device, dictionary()["devices"]) > phonemes.GAP
    assert within(device, dictionary()["devices"]) == 0
    assert within(device, ("h", "eɪ", *device, "t", "u")) == 0
    assert within(device, ("h", "eɪ")) > 2
    assert between(device, dictionary()["advice"]) < between(device, dictionary()["computer"])
    assert within((), device) == 0
    assert within(("h", "eɪ"), ("s", "eɪ")) > between(("h", "eɪ"), ("eɪ",))


@pytest.mark.usefixtures("espeak")
def test_words_of_no_dictionary():
    (said,) = pronounce(["hey zorblify"])
    assert said[:2] == ("h", "eɪ")
    assert said[2:5] == ("z", "ɔ", "ɹ")
    assert between(said, pronounce(["hey sorblify"])[0]) < 0.5
    # espeak-ng reads a number in pieces, on several lines
    one, two, three = pronounce(["zork 12,000 zork", "-v de", "zork"])
    assert one[:4] == three == one[-4:] == ("z", "ɔ", "ɹ", "k")
    assert len(one) > 12
    assert two == (*pronounce(["v"])[0], *pronounce(["de"])[0])


@pytest.mark.usefixtures("espeak")
def test_other_languages():
    (german,) = pronounce(["zeit"], "de")
    assert german[0] in ("ts", "t")
    (arabic,) = pronounce(["سلام"], "ar")
    assert arabic[0] == "s"
    assert arabic[-1] == "m"


def test_espeak_is_read():
    assert parse_ipa("h_ˈeɪ d_ɪ_v_ˈaɪ_s") == ("h", "eɪ", "d", "ɪ", "v", "aɪ", "s")
    assert parse_ipa("(en)k_ə_m_p_j_ˈuː_ɾ_ɚ(de)")[-3:] == ("u", "t", "ɝ")
    assert parse_ipa("") == ()


def test_without_espeak_letters_stand_in(monkeypatch):
    monkeypatch.setattr(phonemes, "has_espeak", lambda: False)
    assert pronounce(["hey device"]) == [("h", "eɪ", "d", "ɪ", "v", "aɪ", "s")]
    (one,), (other,) = pronounce(["zorkie"]), pronounce(["zorky"])
    assert one[:3] == other[:3] == ("s", "o", "r")


def test_spellings_of_one_sound():
    for one, other in (("hay", "hey"), ("fone", "phone"), ("devvice", "device"), ("kat", "cat")):
        assert spelled(one) == spelled(other)
    assert spelled("device") != spelled("advice")
