"""How words are said that the dictionary lacks and a rule gives: it's, don't, TV, lights', 42."""

from __future__ import annotations

import functools
import re

from .contract import Phonemes
from .dictionary import dictionary
from .numbers import MOST_DIGITS, number_words
from .vocabulary import LINKING

#: Words that nothing else says.
_WORDS = {
    "thirteen": ("th er t iy n",),
    "seventeen": ("s eh v ax n t iy n",),
    "nineteen": ("n ay n t iy n",),
    "seventy": ("s eh v ax n t iy", "s eh v ax n d iy"),
    "eighty": ("ey t iy", "ey d iy"),
    "ninety": ("n ay n t iy", "n ay n d iy"),
    "ninth": ("n ay n th",),
    "ain't": ("ey n t", "ey n"),
    "can't": ("k ae n t", "k ae n"),
    "don't": ("d ow n t", "d ow n"),
    "shan't": ("sh ae n t",),
    "won't": ("w ow n t", "w ow n"),
    "let's": ("l eh t s",),
    "i'm": ("ay m", "aa m"),
    "you're": ("y uh r", "y er", "y ao r"),
    "they're": ("dh eh r", "dh er"),
    "we're": ("w ih r", "w er"),
}
#: Names of the letters.
_LETTERS = {
    **{"a": "ey", "b": "b iy", "c": "s iy", "d": "d iy", "e": "iy", "f": "eh f", "g": "jh iy"},
    **{"h": "ey ch", "i": "ay", "j": "jh ey", "k": "k ey", "l": "eh l", "m": "eh m", "n": "eh n"},
    **{"o": "ow", "p": "p iy", "q": "k y uw", "r": "aa r", "s": "eh s", "t": "t iy", "u": "y uw"},
    **{"v": "v iy", "w": "d ah b ax l y uw", "x": "eh k s", "y": "w ay", "z": "z iy"},
}
#: Letters of which every English word has one: what has none is an abbreviation.
_VOWEL_LETTERS = frozenset("aeiouy")
#: Letters of an abbreviation, at most.
_MOST_LETTERS = 5
#: Letters of any word that rules are asked about, at most.
_LONGEST = 40
#: What follows an apostrophe, and what it adds.
_ENDINGS = {
    "m": ("m",),
    "re": ("er",),
    "ve": ("v", "ax v"),
    "ll": ("l", "ax l"),
    "d": ("d", "ax d"),
}
#: Sounds after which an s is a syllable of its own, and those after which it has no voice.
_HISSING = frozenset(["s", "z", "sh", "zh", "ch", "jh"])
_VOICELESS = frozenset(["p", "t", "k", "f", "th"])


@functools.lru_cache(1024)
def said_by_rule(word: str) -> tuple[Phonemes, ...]:
    """Return how a word is said by a rule.

    Parameters
    ----------
    word : str
        In lower case; it is not in the dictionary.

    Returns
    -------
    tuple of tuple of str
        Its pronunciations; none where no rule knows it.

    Examples
    --------
    >>> said_by_rule("tv")
    (('t', 'iy', 'v', 'iy'),)
    >>> said_by_rule("computer's")
    (('k', 'ax', 'm', 'p', 'y', 'uw', 't', 'er', 'z'),)
    """
    word = word.replace("’", "'")
    if not 0 < len(word) <= _LONGEST:
        return ()
    if word in _WORDS:
        return _split(*_WORDS[word])
    if re.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}", word):
        return (sum((_base(name)[0] for name in number_words(word)), ()),)
    base, apostrophe, ending = word.rpartition("'")
    if apostrophe and ending == "t" and base.endswith("n"):
        said = _base(base[:-1])
        return tuple((*one, *end) for one in said for end in _split("ax n t", "ax n"))
    if apostrophe and ending in _ENDINGS:
        return tuple((*one, *end) for one in _base(base) for end in _split(*_ENDINGS[ending]))
    if word.endswith("s") and not word.endswith("ss"):
        return tuple((*one, *_plural(one[-1])) for one in _base(word[:-1].removesuffix("'")))
    if word.endswith("'"):
        return _base(word[:-1])
    letters = len(word) <= _MOST_LETTERS and all(one in _LETTERS for one in word)
    if letters and (len(word) == 1 or not _VOWEL_LETTERS & set(word)):
        return _split(" ".join(_LETTERS[one] for one in word))
    return ()


def _base(word: str) -> tuple[Phonemes, ...]:
    """Return how the word is said that something is added to; nothing where nobody knows."""
    known = dictionary().get(word)
    if known:
        return (known,)
    return _split(*LINKING[word]) if word in LINKING else said_by_rule(word)


def _plural(last: str) -> Phonemes:
    if last in _HISSING:
        return ("ih", "z")
    return ("s",) if last in _VOICELESS else ("z",)


def _split(*texts: str) -> tuple[Phonemes, ...]:
    return tuple(tuple(text.split()) for text in texts)
