"""Without a language of the user's, common English words are written down, in any order."""

import math

from kws.phonemes.vocabulary import link_words
from kws.transcripts.everyday import everyday_language
from kws.transcripts.lexicon import lexicon_of


def test_probabilities_add_up_to_one() -> None:
    model = everyday_language()
    choices = [word for word in range(len(model.words)) if word != model.begin]
    assert math.isclose(sum(math.exp(model.score((), word)) for word in choices), 1)


def test_half_of_the_words_link_others() -> None:
    model = everyday_language()
    links = set(link_words())
    said = {word: math.exp(model.score((), n)) for n, word in enumerate(model.words[:-2])}
    share = sum(value for word, value in said.items() if word in links) / sum(said.values())
    assert math.isclose(share, 0.5)


def test_each_word_can_be_said() -> None:
    lexicon, unknown = lexicon_of(everyday_language(), "the language")
    assert not unknown
    written = {word for words in lexicon.words for word in words}
    assert len(written) == len(everyday_language().words) - 2
