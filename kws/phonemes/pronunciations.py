"""How words are said: several pronunciations of each, and graphs of whole phrases.

A pronunciation comes from the packaged dictionary, from rules for what it lacks (it's, TV, 42),
from espeak-ng where it is installed, or from the user, who writes phonemes between slashes:
``hey /z ao r k/``. Rules add what people say too: vowels without stress, a t between vowels, words
that link others.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence

from ..errors import KwsError
from .contract import LONGEST_WORD, MOST_WORDS, Phonemes, Phrase
from .dictionary import dictionary
from .espeak import ARPABET, espeak_phonemes, has_espeak
from .graph import EPSILON, Arc, Graph, build_graph, encode
from .rules import said_by_rule
from .text import words_of
from .vocabulary import LINKING

#: Pronunciations of a word, at most; those nearest to the dictionary's are kept.
MOST_PRONUNCIATIONS = 24

#: Vowels.
VOWELS = frozenset(
    ["aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw"]
)
#: Vowels after which an r is not said in many accents, unless a vowel follows.
_BEFORE_R = frozenset(["aa", "ao", "ih", "iy", "eh", "uh"])
#: Vowels before which a t between vowels is nearly a d.
_AFTER_TAP = frozenset(["ax", "er", "iy", "ih", "ow"])
#: Signs of espeak-ng that the dictionary's phonemes do not have, and what is nearest.
_NEAREST = {
    "ʔ": "t",
    "ɒ": "aa",
    "x": "k",
    "ç": "sh",
    "ɬ": "l",
    "ɲ": "n y",
    "y": "uw",
    "ø": "er",
    "œ": "er",
    "ʏ": "uh",
    "ɨ": "ih",
    "ʉ": "uw",
    "ɑ̃": "aa n",
    "ɔ̃": "ao n",
    "ʁ": "r",
    "β": "b",
    "ɣ": "g",
}
_FROM_IPA = {ipa: sign for sign, ipa in ARPABET.items()} | _NEAREST


@functools.lru_cache(4096)
def pronunciations(word: str) -> tuple[Phonemes, ...]:
    """Return how a word is said, the most careful way first.

    Parameters
    ----------
    word : str
        A word, in any case; or phonemes between slashes, as in ``/hh ow m/``, which are taken as
        they are.

    Returns
    -------
    tuple of tuple of str
        At least one pronunciation and at most `MOST_PRONUNCIATIONS`, as
        `kws.phonemes.symbols.PHONEMES` writes them.

    Raises
    ------
    KwsError
        If the word is neither in the dictionary nor known to an installed espeak-ng, or if a sign
        between slashes is no phoneme.

    Examples
    --------
    >>> pronunciations("the")
    (('dh', 'ax'), ('dh', 'iy'), ('dh', 'ah'))
    >>> pronunciations("/z ao r k/")
    (('z', 'ao', 'r', 'k'),)
    """
    return known_pronunciations(word) or _variants(_by_espeak(word.lower()))


def known_pronunciations(word: str) -> tuple[Phonemes, ...]:
    """Return how a word is said as far as the dictionary and rules know, without espeak-ng.

    Parameters
    ----------
    word : str
        As `pronunciations` takes it.

    Returns
    -------
    tuple of tuple of str
        As `pronunciations` returns them; none where it is not known.

    Raises
    ------
    KwsError
        If a sign between slashes is no phoneme.
    """
    if word.startswith("/"):
        signs = tuple(word.strip("/").lower().split())
        if not 0 < len(signs) <= LONGEST_WORD:
            raise KwsError(f"{word!r:.60}: write 1 to {LONGEST_WORD} phonemes between the slashes")
        encode(signs)
        return (signs,)
    word = word.lower()
    if word in LINKING:
        return tuple(tuple(one.split()) for one in LINKING[word])
    known = dictionary().get(word)
    said = (known,) if known else said_by_rule(word)
    varied = dict.fromkeys(way for one in said for way in _variants(one))
    return tuple(varied)[:MOST_PRONUNCIATIONS]


def phrase_words(phrase: str) -> tuple[str, ...]:
    """Return the words of a phrase that is typed; what is between slashes is one.

    Parameters
    ----------
    phrase : str
        As it is typed: words, and phonemes between slashes.

    Returns
    -------
    tuple of str
        Each as `pronunciations` takes it.

    Raises
    ------
    KwsError
        If there is no word, or more than `MOST_WORDS`.

    Examples
    --------
    >>> phrase_words("Hey, /z ao r k/!")
    ('hey', '/z ao r k/')
    """
    words: list[str] = []
    for part in re.split(r"(/[^/]*/)", phrase):
        if part.startswith("/") and len(part) > 1:
            words.append(f"/{' '.join(part.strip('/').split())}/")
        else:
            words += words_of(part)
    if not words:
        raise KwsError(f"{phrase!r:.60}: there is no word in it")
    if len(words) > MOST_WORDS:
        raise KwsError(f"{phrase[:60]!r}…: a phrase has at most {MOST_WORDS} words")
    return tuple(words)


def pronounce_phrase(phrase: str) -> Phrase:
    """Return the pronunciations of each word of a phrase.

    Parameters
    ----------
    phrase : str
        As `phrase_words` takes it.

    Returns
    -------
    tuple of tuple of tuple of str
        For each word its pronunciations.

    Raises
    ------
    KwsError
        If there is no word, or one cannot be pronounced.
    """
    return tuple(pronunciations(word) for word in phrase_words(phrase))


def phrase_graph(words: Phrase, name: str) -> Graph:
    """Return the graph of a phrase: each word in all its pronunciations, one after the other.

    Parameters
    ----------
    words : tuple of tuple of tuple of str
        As `pronounce_phrase` returns them.
    name : str
        The phrase, for messages.

    Returns
    -------
    Graph
        Of the phonemes that may be said.

    Raises
    ------
    KwsError
        If something is no phoneme, or the graph would be too large.
    """
    arcs, state = word_arcs(words)
    return build_graph(arcs, 0, [state], f"the phrase {name!r:.60}")


def word_arcs(words: Sequence[tuple[Phonemes, ...]]) -> tuple[list[Arc], int]:
    """Return the arcs of an automaton in which words follow each other.

    Parameters
    ----------
    words : sequence of tuple of tuple of str
        The pronunciations of each word.

    Returns
    -------
    arcs : list of (int, int, int)
        As `kws.phonemes.graph.build_graph` takes them; the state 0 begins.
    end : int
        The state after the last word.
    """
    arcs: list[Arc] = []
    before, count = 0, 1
    for said in words:
        after, count = count, count + 1
        for string in map(encode, said):
            state = before
            for label in string:
                arcs.append((state, label, count))
                state, count = count, count + 1
            arcs.append((state, EPSILON, after))
        before = after
    return arcs, before


def _by_espeak(word: str) -> Phonemes:
    """Return the phonemes of a word that the dictionary does not have."""
    if not has_espeak():
        raise KwsError(
            f"{word!r:.60}: how it is said is not known: install espeak-ng, or write its phonemes "
            "between slashes, as in /hh ow m/"
        )
    (ipa,) = espeak_phonemes([word])
    signs = tuple(
        sign for one in ipa for sign in _FROM_IPA.get(one, _FROM_IPA.get(one[:1], "?")).split()
    )
    if not 0 < len(signs) <= LONGEST_WORD or "?" in signs:
        raise KwsError(
            f"{word!r:.60}: espeak-ng says [{' '.join(ipa):.60}], which is not English: write its "
            "phonemes between slashes, as in /hh ow m/"
        )
    return signs


def _variants(signs: Phonemes) -> tuple[Phonemes, ...]:
    """Return what the rules make of a pronunciation: itself, then those with few changes first."""
    choices = [_choices(signs, place) for place in range(len(signs))]
    found: dict[Phonemes, None] = {}
    open_places = [place for place, options in enumerate(choices) if len(options) > 1]
    for changes in range(len(open_places) + 1):
        for places in itertools.combinations(open_places, changes):
            options = [
                choices[place][1:] if place in places else choices[place][:1]
                for place in range(len(signs))
            ]
            for parts in itertools.product(*options):
                found.setdefault(tuple(sign for part in parts for sign in part))
                if len(found) == MOST_PRONUNCIATIONS:
                    return tuple(found)
    return tuple(found)


def _choices(signs: Phonemes, place: int) -> tuple[Phonemes, ...]:
    """Return what may be said in place of a phoneme, itself first."""
    sign = signs[place]
    before = signs[place - 1] if place else None
    after = signs[place + 1] if place + 1 < len(signs) else None
    syllables = sum(one in VOWELS for one in signs)
    if sign == "t" and (before in VOWELS or before == "r") and after in _AFTER_TAP:
        return (("t",), ("d",))
    if sign == "ax":
        if place == 0:  # what is spelled with an a is often said as one
            return (("ax",), ("ae",), ("ah",))
        return (("ax",), ("ah",)) if after is None else (("ax",), ("ih",), ("ah",))
    if sign == "ih" and syllables > 1 and place:
        return (("ih",), ("ax",))
    if sign == "er" and after is None and syllables > 1:
        return (("er",), ("ax",))
    if sign == "r" and before in _BEFORE_R and after not in VOWELS:
        return (("r",), ())
    if sign == "aa" and after != "r":
        return (("aa",), ("ao",))
    if sign == "ao":
        return (("ao",), ("aa",)) if after != "r" else (("ao",), ("ow",))
    if sign == "ng" and after is None and before == "ih" and syllables > 1:
        return (("ng",), ("n",))
    if sign == "uw" and before in ("n", "d", "t", "s"):
        return (("uw",), ("y", "uw"))
    return ((sign,),)
