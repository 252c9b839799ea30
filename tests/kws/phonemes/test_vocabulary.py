"""The packaged lists of words can be said without espeak-ng."""

from kws.phonemes.dictionary import dictionary
from kws.phonemes.pronunciations import known_pronunciations
from kws.phonemes.vocabulary import LINKING, frequent_words, link_words


def test_all_frequent_words_can_be_said() -> None:
    assert len(frequent_words()) == len(set(frequent_words())) == 3948
    assert set(frequent_words()) <= set(dictionary())


def test_all_words_that_link_others_can_be_said() -> None:
    assert len(link_words()) == len(set(link_words())) > 80
    for word in (*link_words(), *LINKING):
        assert known_pronunciations(word), word
