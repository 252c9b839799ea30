"""The words of a transcript whose domain nobody has named: common English words, in any order."""

from __future__ import annotations

import math

from ..phonemes.dictionary import dictionary
from ..phonemes.vocabulary import LINK_SHARE, frequent_words, link_words
from .ngrams import BEGIN, END, History, NGrams

#: Share of the places at which a sentence ends: sentences of people have ten words or so.
END_SHARE = 0.1


def everyday_language() -> NGrams:
    """Make the model of 4,000 common English words that follow each other in any order.

    Returns
    -------
    NGrams
        Of order 1: half of what is said are words that link others, all of them alike, and half
        are other words, all of them alike.

    Examples
    --------
    >>> model = everyday_language()
    >>> the, weather = model.words.index("the"), model.words.index("weather")
    >>> model.score((), the) > model.score((), weather)
    True
    """
    known = dictionary()
    links = [word for word in link_words() if word in known]
    others = sorted(set(frequent_words()) - set(links))
    said = 1.0 - END_SHARE
    link = math.log(said * LINK_SHARE / len(links))
    other = math.log(said * (1.0 - LINK_SHARE) / len(others))
    words = (*links, *others, BEGIN, END)
    scores: dict[History, float] = {
        (number,): link if number < len(links) else other for number in range(len(words) - 2)
    }
    scores[(len(words) - 1,)] = math.log(END_SHARE)
    return NGrams(words, 1, scores, {})
