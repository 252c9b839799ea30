"""How espeak-ng pronounces words that the packaged dictionary does not have."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence

from ..programs import run

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

#: Words that espeak-ng is given at once.
AT_ONCE = 50


def has_espeak() -> bool:
    """Tell whether espeak-ng is installed, which knows how any word is pronounced.

    Returns
    -------
    bool
        True if it is on the path.
    """
    return shutil.which("espeak-ng") is not None


def espeak_phonemes(words: Sequence[str], language: str = "en") -> list[tuple[str, ...]]:
    """Return the phonemes of words, as espeak-ng pronounces them.

    Parameters
    ----------
    words : sequence of str
        Without spaces.
    language : str
        As espeak-ng names it; "en" is American.

    Returns
    -------
    list of tuple of str
        Of each word, in the International Phonetic Alphabet.

    Raises
    ------
    KwsError
        If espeak-ng cannot be run, fails or takes too long.
    """
    voice = "en-us" if language == "en" else language
    command = ["espeak-ng", "-q", "--ipa", "--sep=_", "-v", voice]
    said: list[tuple[str, ...]] = []
    for start in range(0, len(words), AT_ONCE):
        group = words[start : start + AT_ONCE]
        lines = run("espeak-ng", command, "\n".join(group)).decode("utf-8", "replace").splitlines()
        if len(lines) != len(group):  # a word that is said in pieces: one by one, then
            lines = [run("espeak-ng", command, word).decode("utf-8", "replace") for word in group]
        said += [parse_ipa(line) for line in lines]
    return said


def parse_ipa(text: str) -> tuple[str, ...]:
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
