"""Phrases that sound like a phrase and are not it: what a wake word must not be taken for."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kws.phonemes.text import words_of

from .crossings import find_crossings
from .phonemes import Phonemes, between, dictionary, pronounce, spelled, within

#: Distance below which a text counts as the phrase, or as having it in it. So near are a final
#: consonant with or without voice, or another unstressed vowel: people say the phrase so, too.
SAME = 0.5
#: Distance above which other words and respelled words sound like something else: about two
#: phonemes replaced by near ones, or dropped.
FAR = 1.8
#: Distance above which a part of the phrase, said alone, sounds unlike that part in the phrase:
#: "ce" of "device".
CUT = 0.5
#: Nearest words that are tried in place of each word of a phrase.
NEAREST = 150
#: Nearest words that are tried in place of each half of a word.
HALVES = 5
#: Phonemes of the longest word that is replaced by two words.
LONG = 12
#: Sentences that nearly have the phrase in them across words.
CROSSINGS = 60
#: Changes of letters that are tried, whatever the count: what comes first is the same for all.
RESPELLED = 800
#: Letters that may replace others, in any language written with Latin letters.
LETTERS = "abdefgiklmnoprstuvwz"
#: The kinds of texts in the order in which they come, again and again.
SHARES = (
    "near",
    "part",
    "crossing",
    "near",
    "respelled",
    "near",
    "reordered",
    "near",
    "part",
    "crossing",
    "near",
    "respelled",
)


@dataclass(frozen=True)
class Confusable:
    """A text that is not the phrase, and how it was made from it.

    Attributes
    ----------
    text : str
        The text, in lower case.
    kind : str
        near (with real words), respelled, part, reordered, or crossing: a short sentence that
        nearly has the phrase in it across words (`crossings`).
    """

    text: str
    kind: str


def find_confusables(
    text: str, count: int, seed: int, language: str = "en", *, crossings: bool = True
) -> list[Confusable]:
    """Make texts that sound like a phrase: the nearest first, the kinds mixed.

    None has the phrase in it, or anything that sounds the same. Fewer are the first of more.

    Parameters
    ----------
    text : str
        The phrase.
    count : int
        As many at most; short phrases have fewer.
    seed : int
        Shuffles texts that are about equally near.
    language : str
        As espeak-ng names it. Other words are known in English ("en") only.
    crossings : bool
        Whether sentences with the phrase nearly across words are searched too, which takes longer
        than all else.

    Returns
    -------
    list of Confusable
        Each sounds different from all others.

    Raises
    ------
    KwsError
        If espeak-ng is there and fails.
    """
    words = words_of(text)
    if not words:
        return []
    rng = np.random.default_rng(seed)
    (whole,) = pronounce([" ".join(words)], language)
    letters = spelled(text)
    english = language == "en"
    made = {
        "near": _near(words, language),
        "respelled": _respelled(words, rng),
        "part": _parts(words),
        "reordered": _reordered(words),
        "crossing": find_crossings(words, CROSSINGS, seed) if crossings and english else (),
    }
    taken: set[str] = set()
    sounds: set[Phonemes] = set()
    lists: dict[str, list[str]] = {}
    for kind, texts in made.items():
        new = [one for one in dict.fromkeys(texts) if one not in taken]
        taken.update(new)
        ranked = []
        for one, phonemes in zip(new, pronounce(new, language), strict=True):
            # which spelling of one pronunciation does not matter
            if not phonemes or phonemes in sounds or _same(whole, phonemes):
                continue
            # another engine may read letters otherwise: "devvice" is a device for most
            if _same(letters, spelled(one)):
                continue
            apart = between(whole, phonemes)
            if kind in ("near", "respelled") and apart > FAR:
                continue
            if kind == "part" and within(phonemes, whole) > CUT:
                continue
            sounds.add(phonemes)
            # one word for one is more like what is said by chance than two for one
            longer = 0.3 * (len(words_of(one)) - len(words))
            order = apart + longer if kind in ("near", "respelled") else 0.0
            ranked.append((order + float(rng.uniform(0, 0.3)), one))
        lists[kind] = [one for _, one in sorted(ranked)]
    return list(itertools.islice(_mixed(lists), count))


def _same(phrase: Phonemes, text: Phonemes) -> bool:
    """Tell whether a text sounds like a phrase, or has it in it."""
    return min(between(phrase, text), within(phrase, text)) < SAME


def _mixed(lists: dict[str, list[str]]) -> Iterator[Confusable]:
    """Give texts of all kinds in turn, until there are no more."""
    left = {kind: iter(texts) for kind, texts in lists.items()}
    while left:
        for kind in SHARES:
            if kind in left:
                text = next(left[kind], None)
                if text is None:
                    del left[kind]
                else:
                    yield Confusable(text, kind)


def _near(words: Sequence[str], language: str) -> Iterator[str]:
    """Replace a word by real ones that sound like it, or by two that do together."""
    if language != "en":
        return
    for place, (word, phonemes) in enumerate(zip(words, pronounce(words, language), strict=True)):
        before, after = list(words[:place]), list(words[place + 1 :])
        for other, _ in _nearest(phonemes, NEAREST):
            if other != word:
                yield " ".join([*before, other, *after])
        for cut in range(2, len(phonemes) - 1 if len(phonemes) <= LONG else 0):
            halves = (_nearest(half, HALVES) for half in (phonemes[:cut], phonemes[cut:]))
            for (one, first), (two, second) in itertools.product(*halves):
                if first + second <= FAR:
                    yield " ".join([*before, one, two, *after])


@functools.lru_cache(1000)
def _nearest(phonemes: Phonemes, count: int) -> list[tuple[str, float]]:
    """Return the words that sound most like some phonemes, and how far they are."""
    found = [
        (between(phonemes, other), word)
        for word, other in dictionary().items()
        if abs(len(other) - len(phonemes)) <= 2 and _shares(phonemes, other)
    ]
    return [(word, apart) for apart, word in sorted(found)[:count]]


def _shares(a: Phonemes, b: Phonemes) -> bool:
    """Tell whether two words have enough phonemes in common to be worth comparing."""
    return 2 * len(set(a) & set(b)) >= min(len(a), len(b)) - 1


def _respelled(words: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Change, drop, add or swap one letter of a word, or two."""
    text = " ".join(words)
    latin = all(c < "\u0250" for c in text)
    letters = LETTERS if latin else "".join(sorted(set(text) - set(" '’")))
    if not letters:
        return
    for _ in range(RESPELLED):
        changed = text
        for _ in range(1 + (rng.random() < 0.4)):
            place = int(rng.integers(len(changed)))
            letter = letters[rng.integers(len(letters))]
            if changed[place] == " ":
                continue
            action = int(rng.integers(4))
            if action < 2:
                changed = changed[:place] + letter + changed[place + 1 :]
            elif action == 2:
                changed = changed[:place] + changed[place + 1 :]
            else:
                changed = changed[:place] + letter + changed[place:]
            if not changed:
                break
        pieces = changed.split()
        if len(pieces) == len(words) and all(_sayable(piece, latin) for piece in pieces):
            yield " ".join(pieces)


def _sayable(word: str, latin: bool) -> bool:
    """Tell whether a word is no row of consonants, which engines spell out."""
    return not latin or (len(word) > 1 and any(c in "aeiouyàáâäåæèéêëìíîïòóôöøùúûü" for c in word))


def _parts(words: Sequence[str]) -> Iterator[str]:
    """Leave words out, or cut the first or the last one."""
    for first, last in itertools.combinations(range(len(words) + 1), 2):
        if last - first < len(words):
            yield " ".join(words[first:last])
    head, tail = words[0], words[-1]
    latin = all(c < "\u0250" for word in words for c in word)
    for length in range(2, len(tail)):
        if _sayable(tail[:length], latin):
            yield " ".join([*words[:-1], tail[:length]])
        if _sayable(tail[-length:], latin):
            yield tail[-length:]
    for length in range(2, len(head)):
        if _sayable(head[:length], latin):
            yield head[:length]
        if _sayable(head[-length:], latin):
            yield " ".join([head[-length:], *words[1:]])


def _reordered(words: Sequence[str]) -> Iterable[str]:
    """Say the words in other orders, or some of them twice."""
    orders = itertools.islice(itertools.permutations(words), 1, 24)
    twice = (" ".join([word, word]) for word in words)
    first = (" ".join([words[0], *words[:-1]]), " ".join([*words[1:], words[-1]]))
    return (*(" ".join(order) for order in orders), *twice, *first) if len(words) > 1 else twice
