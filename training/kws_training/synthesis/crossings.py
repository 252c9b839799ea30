"""Short sentences in which a phrase nearly comes about across words: "dogs are s…" for "jarvis".

Such stretches are no words, so that lists of words that sound alike have none of them. They are
searched over all pairs of frequent words, and over triples whose middle word is inside the stretch:
the end of the first word stands for the beginning of the phrase, the beginning of the last word for
its end. The cost of each word for each part of the phrase is computed once, for all words together;
a stretch costs no more than the sum of its words' costs.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from kws.arrays import Float64, Int64
from kws.phonemes.vocabulary import frequent_words

from .phonemes import GAP, Phonemes, dictionary, distance, gap, pronounce, within

#: Bounds of the distances of the stretches: from a phoneme that is replaced or left out on, since
#: nearer ones teach a network to be strict with people (docs/experiments/wake_words.md), and up to
#: a little more than that of "dogs are s" from "jarvis", 2.2, which woke it up in 100 of 360
#: sentences. Those between the same two bounds come in turn with the others.
BANDS = (1.0, 1.4, 1.8, 2.4)
#: Distance per phoneme of the phrase up to which a stretch still sounds like a short one.
FAR_PER_PHONEME = 0.4
#: Words that are tried at each end of a stretch, and in the middle of one, for each part of the
#: phrase.
ENDS = 60
MIDDLES = 12
#: Words that are tried at each end of a stretch of three.
OUTER = 25
#: Phonemes of the phrase that each word of a pair stands for, at least.
LEAST = 2
#: Stretches that a word is in, at most, of a hundred: they are to be of many words.
USES = 4


def find_crossings(words: Sequence[str], count: int, seed: int) -> list[str]:
    """Make short sentences that nearly have an English phrase in them, across words.

    Parameters
    ----------
    words : sequence of str
        The words of the phrase, in lower case.
    count : int
        How many sentences are made at most.
    seed : int
        Shuffles stretches that are about equally near, and draws the words around them.

    Returns
    -------
    list of str
        Each has a word, the stretch of two or three words, and another word. None has the phrase in
        it, or anything nearer than the lowest of `BANDS`.
    """
    (phrase,) = pronounce([" ".join(words)])
    if len(phrase) < 2 * LEAST:
        return []
    rng = np.random.default_rng((seed, 1))
    around = rng.permutation(np.array(frequent_words()))
    sentences: list[str] = []
    used: Counter[str] = Counter()
    most = max(1, USES * count // 100)
    for number, stretch in enumerate(_stretches(phrase, set(words), rng)):
        if len(sentences) == count:
            break
        if any(used[word] >= most for word in (stretch[0], stretch[-1])):
            continue
        before, after = (str(around[(2 * number + one) % len(around)]) for one in (0, 1))
        sentence = " ".join([before, *stretch, after])
        if within(phrase, pronounce([sentence])[0]) < BANDS[0]:
            continue
        used.update((stretch[0], stretch[-1]))
        sentences.append(sentence)
    return sentences


def _stretches(
    phrase: Phonemes, own: set[str], rng: np.random.Generator
) -> Iterator[tuple[str, ...]]:
    """Give stretches of two and three words, those of all `BANDS` in turn."""
    words = [word for word in frequent_words() if word not in own]
    said = [dictionary()[word] for word in words]
    far = min(BANDS[-1], FAR_PER_PHONEME * len(phrase))
    # of the end of each word for the beginning of the phrase, and the other way round
    ends = _costs(phrase, said, free=True)
    begins = _costs(phrase[::-1], [one[::-1] for one in said], free=True)[:, ::-1]
    found: list[tuple[float, tuple[int, ...]]] = []
    for cut in range(LEAST, len(phrase) - LEAST + 1):
        first, last = _best(ends[:, cut], ENDS, rng), _best(begins[:, cut], ENDS, rng)
        costs = ends[first, cut][:, None] + begins[last, cut]
        found += _near(costs, far, first, last)
    for begin in range(1, len(phrase) - 1):
        middles = _costs(phrase[begin:-1], said, free=False)
        for end in range(begin + 1, len(phrase)):
            first, last = _best(ends[:, begin], OUTER, rng), _best(begins[:, end], OUTER, rng)
            inside = middles[:, end - begin]
            middle = _best(inside, MIDDLES, rng)
            costs = ends[first, begin][:, None, None] + inside[middle][:, None] + begins[last, end]
            found += _near(costs, far, first, middle, last)
    bands: list[list[tuple[int, ...]]] = [[] for _ in BANDS[1:]]
    for number in rng.permutation(len(found)).tolist():
        cost, which = found[number]
        bands[bisect.bisect(BANDS[1:-1], cost)].append(which)
    there: set[tuple[int, ...]] = set()
    for which in itertools.chain.from_iterable(itertools.zip_longest(*bands)):
        if which is not None and which not in there and len(set(which)) == len(which):
            there.add(which)
            yield tuple(words[one] for one in which)


def _best(costs: Float64, count: int, rng: np.random.Generator) -> Int64:
    """Return the words with the lowest costs; of equals, any."""
    shuffled = rng.permutation(len(costs))
    order: Int64 = shuffled[np.argsort(costs[shuffled], kind="stable")[:count]]
    return order


def _near(costs: Float64, far: float, *words: Int64) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Give the combinations of words whose cost is in the `BANDS`, and not above ``far``."""
    places = np.nonzero((costs >= BANDS[0]) & (costs <= far))
    which = (one[place].tolist() for one, place in zip(words, places, strict=True))
    return zip(costs[places].tolist(), zip(*which, strict=True), strict=True)


def _costs(phrase: Phonemes, words: Sequence[Phonemes], *, free: bool) -> Float64:
    """Return what each word costs in place of each beginning of a phrase.

    The table of costs of `phonemes.within`, whose last column is that of a word's last phoneme, for
    all words at once.

    Parameters
    ----------
    phrase : Phonemes
        The phonemes of the phrase, n of them.
    words : sequence of Phonemes
        The words.
    free : bool
        Whether what a word has before the part that stands for the phrase costs nothing.

    Returns
    -------
    float64 (words, n + 1)
        The costs of no phoneme of the phrase, of the first, of the first two, and so on.
    """
    signs = sorted({sign for word in words for sign in word})
    number = {sign: place for place, sign in enumerate(signs)}
    lengths = np.array([len(word) for word in words])
    table = np.zeros((len(words), int(lengths.max())), np.int64)
    for numbers, word in zip(table, words, strict=True):
        numbers[: len(word)] = [number[sign] for sign in word]
    gaps = np.array([gap(sign) for sign in signs])[table]
    row = np.zeros((len(words), table.shape[1] + 1))
    if not free:
        np.cumsum(gaps, axis=1, out=row[:, 1:])
    every = np.arange(len(words))
    costs = [row[every, lengths]]
    for sign in phrase:
        apart = np.array([distance(sign, other) for other in signs])[table]
        new = np.empty_like(row)
        new[:, 0] = row[:, 0] + GAP
        for place in range(table.shape[1]):
            new[:, place + 1] = np.minimum(
                np.minimum(row[:, place] + apart[:, place], row[:, place + 1] + GAP),
                new[:, place] + gaps[:, place],
            )
        row = new
        costs.append(row[every, lengths])
    return np.stack(costs, axis=1)
