"""The packaged dictionary and the phonemes in which it is written."""

from kws.phonemes.dictionary import dictionary
from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS, PHONEMES, VOICE_INDEX


def test_words_are_spelled_in_phonemes():
    known = dictionary()
    assert len(known) > 16_000
    assert known["device"] == ("d", "ih", "v", "ay", "s")
    assert {sign for signs in known.values() for sign in signs} == set(PHONEMES)
    assert all(word == word.lower() and signs for word, signs in known.items())


def test_outputs_are_the_blank_the_phonemes_and_the_voice():
    assert OUTPUTS[BLANK_INDEX + 1 : VOICE_INDEX] == PHONEMES
    assert len(set(OUTPUTS)) == len(OUTPUTS) == 42
