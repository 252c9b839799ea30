"""How texts sound: phonemes, and how near two of them are.

Phonemes are written in the International Phonetic Alphabet, without stress and length. They come
from the packaged dictionary (English) and espeak-ng; without espeak-ng, letters stand in for the
phonemes of words that are not in the dictionary.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

from kws.phonemes.dictionary import dictionary as packaged_dictionary
from kws.phonemes.espeak import ARPABET, espeak_phonemes, has_espeak
from kws.phonemes.text import words_of

from .phoneme_tables import CONSONANTS, GLIDES, NEAR_MANNERS, SPELLINGS, VOWELS

#: The phonemes of a word or a text.
Phonemes = tuple[str, ...]


#: What a phoneme too many or too few costs.
GAP = 0.8
#: What a phoneme of `SMALL` too many or too few costs.
SMALL_GAP = 0.4
#: Phonemes that are easily missed.
SMALL = ("h", "ə", "ʔ", "j")
#: Vowels of syllables without stress: people say many others in their place.
REDUCED = ("ə", "ɪ", "ɨ")
#: The distance of another vowel from one of `REDUCED` is multiplied by this.
REDUCED_SHARE = 0.6


@functools.cache
def dictionary() -> dict[str, Phonemes]:
    """Read the packaged dictionary (`kws.phonemes.dictionary`) in the phonetic alphabet.

    Returns
    -------
    dict of str to tuple of str
        The phonemes of each word.
    """
    return {
        word: tuple(ARPABET[sign] for sign in signs)
        for word, signs in packaged_dictionary().items()
    }


def pronounce(texts: Sequence[str], language: str = "en") -> list[Phonemes]:
    """Return the phonemes of texts, without borders between the words.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    language : str
        As espeak-ng names it.

    Returns
    -------
    list of tuple of str
        The phonemes of each text.

    Raises
    ------
    KwsError
        If espeak-ng is there and fails.
    """
    known = dictionary() if language == "en" else {}
    spelled = {word for text in texts for word in words_of(text) if word not in known}
    new = sorted(spelled)
    said = dict(zip(new, _unknown(new, language), strict=True))
    return [
        tuple(sign for word in words_of(text) for sign in known.get(word) or said[word])
        for text in texts
    ]


def _unknown(words: Sequence[str], language: str) -> list[Phonemes]:
    """Return the phonemes of words that are in no dictionary."""
    if not words:
        return []
    if not has_espeak():
        return [_letters(word) for word in words]
    return espeak_phonemes(words, language)


def spelled(text: str) -> Phonemes:
    """Return the letters of a text in place of phonemes, different spellings of one sound as one.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    tuple of str
        One sign for each sound, as far as letters tell.
    """
    return tuple(sign for word in words_of(text) for sign in _letters(word))


def _letters(word: str) -> Phonemes:
    """Return letters in place of phonemes, spelled in one way."""
    for spelling, sign in SPELLINGS:
        word = word.replace(spelling, sign)
    word = re.sub(r"(?<=..)e$", "", word)
    word = re.sub(r"(.)\1+", r"\1", word)
    return tuple({"A": "eɪ", "E": "i", "O": "oʊ", "U": "u", "g": "ɡ"}.get(c, c) for c in word)


@functools.cache
def distance(a: str, b: str) -> float:
    """Return how unlike two phonemes are, by how they are made.

    Listeners confuse consonants that differ in place first, then in voice, then in manner (Miller
    and Nicely, 1955); vowels by height and by front and back. The weights are our own.

    Parameters
    ----------
    a : str
        A phoneme.
    b : str
        Another phoneme.

    Returns
    -------
    float
        0 (the same) to 1.
    """
    if a == b:
        return 0.0
    glide = GLIDES.get((a, b)) or GLIDES.get((b, a))
    if glide:
        return glide
    if a in CONSONANTS and b in CONSONANTS:
        (place, manner, voice), (other_place, other_manner, other_voice) = (
            CONSONANTS[a],
            CONSONANTS[b],
        )
        apart = 0.25 + 0.1 * min(abs(place - other_place), 4) if place != other_place else 0.0
        near = {manner, other_manner} in NEAR_MANNERS
        manners = 0.0 if manner == other_manner else 0.35 if near else 0.5
        return min(1.0, apart + manners + 0.3 * (voice != other_voice))
    begin, end = _ends(a), _ends(b)
    if not begin or not end:
        return 1.0
    share = REDUCED_SHARE if a in REDUCED or b in REDUCED else 1.0
    pairs = zip(begin, end, strict=True)
    return share * min(1.0, sum(_between(VOWELS[one], VOWELS[two]) for one, two in pairs) / 2)


def _ends(vowel: str) -> tuple[str, str] | None:
    """Return where a vowel or diphthong begins and ends; None if it is no vowel."""
    if vowel and all(sign in VOWELS for sign in vowel):
        return vowel[0], vowel[-1]
    return None


def _between(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    return 0.14 * abs(a[0] - b[0]) + 0.22 * abs(a[1] - b[1]) + 0.1 * (a[2] != b[2])


def gap(sign: str) -> float:
    """Return what it costs that a phoneme is missing, or added.

    Parameters
    ----------
    sign : str
        The phoneme.

    Returns
    -------
    float
        `SMALL_GAP` or `GAP`.
    """
    return SMALL_GAP if sign in SMALL else GAP


def between(a: Phonemes, b: Phonemes) -> float:
    """Return the distance of two texts: the least cost of changing one into the other.

    Levenshtein's distance with `distance` for a phoneme that is replaced and `gap` for one that is
    dropped or added.

    Parameters
    ----------
    a : Phonemes
        The phonemes of a text.
    b : Phonemes
        The phonemes of the other one.

    Returns
    -------
    float
        0 for the same phonemes; 1 is about one phoneme replaced by an unlike one.
    """
    row = [0.0]
    for sign in b:
        row.append(row[-1] + gap(sign))
    for sign in a:
        row = _next(row, sign, b, gap(sign))
    return row[-1]


def within(phrase: Phonemes, text: Phonemes) -> float:
    """Return the distance of a phrase from the part of a text that is nearest to it.

    As `between`, but what the text has before and after that part costs nothing (Sellers, 1980),
    and no phoneme of the phrase is easily missed: "say" is not "hey" after an s, without its h.

    Parameters
    ----------
    phrase : Phonemes
        The phonemes of the phrase.
    text : Phonemes
        The phonemes of the text.

    Returns
    -------
    float
        0 if the text has the phrase in it.
    """
    row = [0.0] * (len(text) + 1)
    for sign in phrase:
        row = _next(row, sign, text, GAP)
    return min(row)


def _next(row: list[float], sign: str, text: Iterable[str], missing: float) -> list[float]:
    """Return the next row of the table of costs, after a phoneme that would cost so if missing."""
    new = [row[0] + missing]
    for place, other in enumerate(text):
        new.append(
            min(
                row[place] + distance(sign, other),
                row[place + 1] + missing,
                new[place] + gap(other),
            )
        )
    return new
