"""How texts sound: phonemes, and how near two of them are.

Phonemes are written in the International Phonetic Alphabet, without stress and length. They come
from the packaged dictionary (English) and espeak-ng; without espeak-ng, letters stand in for the
phonemes of words that are not in the dictionary.
"""

from __future__ import annotations

import functools
import re
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from importlib import resources

from .programs import run

#: The phonemes of a word or a text.
Phonemes = tuple[str, ...]

#: Signs of the dictionary (those of CMUdict) in the International Phonetic Alphabet.
ARPABET = {
    "aa": "ɑ",
    "ae": "æ",
    "ah": "ʌ",
    "ao": "ɔ",
    "aw": "aʊ",
    "ax": "ə",
    "ay": "aɪ",
    "b": "b",
    "ch": "tʃ",
    "d": "d",
    "dh": "ð",
    "eh": "ɛ",
    "er": "ɝ",
    "ey": "eɪ",
    "f": "f",
    "g": "ɡ",
    "hh": "h",
    "ih": "ɪ",
    "iy": "i",
    "jh": "dʒ",
    "k": "k",
    "l": "l",
    "m": "m",
    "n": "n",
    "ng": "ŋ",
    "ow": "oʊ",
    "oy": "ɔɪ",
    "p": "p",
    "r": "ɹ",
    "s": "s",
    "sh": "ʃ",
    "t": "t",
    "th": "θ",
    "uh": "ʊ",
    "uw": "u",
    "v": "v",
    "w": "w",
    "y": "j",
    "z": "z",
    "zh": "ʒ",
}
#: What espeak-ng writes in another way than the dictionary, or as one sign.
ESPEAK = {
    "ɐ": "ə",
    "ᵻ": "ɪ",
    "ɚ": "ɝ",
    "ɜ": "ɝ",
    "ɾ": "t",
    "əl": "ə l",
    "oɹ": "ɔ ɹ",
    "ɔɹ": "ɔ ɹ",
    "ɑɹ": "ɑ ɹ",
    "ɛɹ": "ɛ ɹ",
    "ɪɹ": "ɪ ɹ",
    "ʊɹ": "ʊ ɹ",
    "aɪɚ": "aɪ ɝ",
    "aʊɚ": "aʊ ɝ",
    "iə": "i ə",
    "aɪə": "aɪ ə",
    "o": "oʊ",
    "e": "eɪ",
    "a": "æ",
    "g": "ɡ",
    "n̩": "ə n",
    "l̩": "ə l",
    "r": "ɹ",
}

#: Consonants: place from lips (0) to glottis (9), manner, voice.
CONSONANTS = {
    "p": (0, "stop", 0),
    "b": (0, "stop", 1),
    "t": (3, "stop", 0),
    "d": (3, "stop", 1),
    "k": (6, "stop", 0),
    "ɡ": (6, "stop", 1),
    "q": (7, "stop", 0),
    "ʔ": (9, "stop", 0),
    "f": (1, "fricative", 0),
    "v": (1, "fricative", 1),
    "θ": (2, "fricative", 0),
    "ð": (2, "fricative", 1),
    "s": (3, "fricative", 0),
    "z": (3, "fricative", 1),
    "ʃ": (4, "fricative", 0),
    "ʒ": (4, "fricative", 1),
    "ç": (5, "fricative", 0),
    "x": (6, "fricative", 0),
    "ɣ": (6, "fricative", 1),
    "χ": (7, "fricative", 0),
    "ʁ": (7, "fricative", 1),
    "ħ": (8, "fricative", 0),
    "ʕ": (8, "fricative", 1),
    "h": (9, "fricative", 0),
    "ts": (3, "affricate", 0),
    "dz": (3, "affricate", 1),
    "tʃ": (4, "affricate", 0),
    "dʒ": (4, "affricate", 1),
    "m": (0, "nasal", 1),
    "n": (3, "nasal", 1),
    "ɲ": (5, "nasal", 1),
    "ŋ": (6, "nasal", 1),
    "l": (3, "glide", 1),
    "ɹ": (4, "glide", 1),
    "ɾ": (3, "tap", 1),
    "j": (5, "glide", 1),
    "w": (0, "glide", 1),
}
#: Manners of consonants that listeners confuse more easily than others.
NEAR_MANNERS = (
    {"stop", "affricate"},
    {"fricative", "affricate"},
    {"stop", "tap"},
    {"glide", "tap"},
)
#: Vowels: height from close (0) to open (6), front (0) to back (2), rounded.
VOWELS = {
    "i": (0, 0, 0),
    "y": (0, 0, 1),
    "ɪ": (1, 0.3, 0),
    "ʏ": (1, 0.3, 1),
    "e": (2, 0, 0),
    "ø": (2, 0, 1),
    "ɛ": (4, 0, 0),
    "œ": (4, 0, 1),
    "æ": (5, 0, 0),
    "a": (6, 0.5, 0),
    "ə": (3, 1, 0),
    "ɝ": (3, 1, 1),
    "ʌ": (4, 1.3, 0),
    "ɑ": (6, 2, 0),
    "ɒ": (6, 2, 1),
    "ɔ": (4, 2, 1),
    "o": (2, 2, 1),
    "ʊ": (1, 1.7, 1),
    "u": (0, 2, 1),
    "ɨ": (0, 1, 0),
}
#: Distances of vowels from consonants that are near them.
GLIDES = {("i", "j"): 0.4, ("ɪ", "j"): 0.4, ("u", "w"): 0.4, ("ʊ", "w"): 0.4, ("ɝ", "ɹ"): 0.4}
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

#: Words that espeak-ng is given at once.
AT_ONCE = 50

#: Spellings of one sound, where letters stand in for phonemes: so that hay is hey, and phone fone.
SPELLINGS = (
    ("ph", "f"),
    ("ck", "k"),
    ("qu", "kw"),
    ("tch", "ch"),
    ("igh", "y"),
    ("eigh", "A"),
    ("ai", "A"),
    ("ay", "A"),
    ("ei", "A"),
    ("ey", "A"),
    ("ee", "E"),
    ("ea", "E"),
    ("ie", "E"),
    ("oo", "U"),
    ("ou", "U"),
    ("oa", "O"),
    ("ow", "O"),
    ("au", "o"),
    ("aw", "o"),
    ("wh", "w"),
    ("kn", "n"),
    ("wr", "r"),
    ("ce", "s"),
    ("ci", "si"),
    ("cy", "si"),
    ("c", "k"),
    ("q", "k"),
    ("x", "ks"),
    ("y", "i"),
    ("z", "s"),
)


@functools.cache
def dictionary() -> dict[str, Phonemes]:
    """Read the packaged dictionary: 17,000 common English words and names.

    The words are those of SCOWL up to size 20, and its names up to size 50, that CMUdict has.

    Returns
    -------
    dict of str to tuple of str
        The phonemes of each word.
    """
    text = resources.files(__package__).joinpath("dictionary.txt").read_text("utf-8")
    lines = (line.split(" ") for line in text.splitlines())
    return {word: tuple(ARPABET[sign] for sign in signs) for word, *signs in lines}


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    list of str
        Letters, marks, digits and apostrophes only.
    """
    letters = "".join(
        c if unicodedata.category(c)[0] in "LMN" or c in "'’" else " " for c in text.lower()
    )
    return [word for word in (word.strip("'’") for word in letters.split()) if word]


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


def has_espeak() -> bool:
    """Tell whether espeak-ng is installed, which knows how any word is pronounced.

    Returns
    -------
    bool
        True if it is on the path.
    """
    return shutil.which("espeak-ng") is not None


def _unknown(words: Sequence[str], language: str) -> list[Phonemes]:
    """Return the phonemes of words that are in no dictionary."""
    if not words:
        return []
    if not has_espeak():
        return [_letters(word) for word in words]
    voice = "en-us" if language == "en" else language
    command = ["espeak-ng", "-q", "--ipa", "--sep=_", "-v", voice]
    said: list[Phonemes] = []
    for start in range(0, len(words), AT_ONCE):
        group = words[start : start + AT_ONCE]
        lines = run("espeak-ng", command, "\n".join(group)).decode("utf-8", "replace").splitlines()
        if len(lines) != len(group):  # a word that is said in pieces: one by one, then
            lines = [run("espeak-ng", command, word).decode("utf-8", "replace") for word in group]
        said += [parse_ipa(line) for line in lines]
    return said


def parse_ipa(text: str) -> Phonemes:
    """Read what espeak-ng writes with ``--ipa --sep=_``.

    Parameters
    ----------
    text : str
        A line of its output.

    Returns
    -------
    tuple of str
        The phonemes, without stress, length and changes of language.
    """
    text = re.sub(r"\([a-z-]*\)", "", text)
    signs: list[str] = []
    for sign in re.split(r"[_\s]+", text):
        sign = re.sub(r"[ˈˌːˑ'’\-?\u0361\u200d]", "", sign)
        if sign:
            signs += ESPEAK.get(sign, sign).split()
    return tuple(signs)


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
