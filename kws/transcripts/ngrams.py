"""How probable a word is after others: a small n-gram model, from sentences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import KwsError
from ..phonemes.text import words_of

#: Words that one word may depend on, itself included, at most.
HIGHEST_ORDER = 4
#: Words of a model, at most: this is for closed domains.
MOST_WORDS = 5_000
#: N-grams of a model, at most.
MOST_NGRAMS = 500_000
#: What begins a sentence, and what ends it.
BEGIN, END = "<s>", "</s>"

#: Words, by their numbers, oldest first.
History = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class NGrams:
    """An n-gram model with back-off.

    Attributes
    ----------
    words : tuple of str
        All words, in lower case; the last two begin and end a sentence.
    order : int
        Words that one word depends on, itself included, at most.
    scores : dict of tuple of int to float
        Natural logarithm of the probability of the last word of each n-gram after the others.
    backoff : dict of tuple of int to float
        Natural logarithm of what the probability after a shorter history is multiplied by, where
        the n-gram of the longer one is not in ``scores``; 0 where a history is missing.
    """

    words: tuple[str, ...]
    order: int
    scores: dict[History, float]
    backoff: dict[History, float]

    @property
    def begin(self) -> int:
        """Number of what begins a sentence."""
        return len(self.words) - 2

    @property
    def end(self) -> int:
        """Number of what ends a sentence."""
        return len(self.words) - 1

    def score(self, history: History, word: int) -> float:
        """Return how probable a word is.

        Parameters
        ----------
        history : tuple of int
            The words before it, as `follow` gives them.
        word : int
            Its number.

        Returns
        -------
        float
            Natural logarithm of the probability; very low for what the model does not have.
        """
        lost = 0.0
        while True:
            found = self.scores.get((*history, word))
            if found is not None:
                return lost + found
            if not history:
                return lost - 20.0
            lost += self.backoff.get(history, 0.0)
            history = history[1:]

    def follow(self, history: History, word: int) -> History:
        """Return what the word after a word depends on.

        Parameters
        ----------
        history : tuple of int
            The words before it.
        word : int
            The word.

        Returns
        -------
        tuple of int
            As few words as tell the same.
        """
        after = (*history, word)[-(self.order - 1) :] if self.order > 1 else ()
        while after and after not in self.backoff:
            after = after[1:]
        return after


def ngrams_of(sentences: Iterable[str], order: int = 3, source: str = "the text") -> NGrams:
    """Count the n-grams of sentences, and smooth them (Witten and Bell, 1991).

    Parameters
    ----------
    sentences : iterable of str
        One text each; what is said, without markup.
    order : int
        Words that one word depends on, itself included: 1 to `HIGHEST_ORDER`.
    source : str
        What messages call the sentences.

    Returns
    -------
    NGrams

    Raises
    ------
    KwsError
        If there are no words, or too many.

    Examples
    --------
    >>> model = ngrams_of(["lights on", "lights off"])
    >>> lights, on = model.words.index("lights"), model.words.index("on")
    >>> round(math.exp(model.score((lights,), on)), 2)
    0.35
    """
    if not 1 <= order <= HIGHEST_ORDER:
        raise KwsError(f"order {order}: must be 1 to {HIGHEST_ORDER}")
    numbers: dict[str, int] = {}
    rows: list[list[int]] = []
    for sentence in sentences:
        row = [numbers.setdefault(word, len(numbers)) for word in words_of(sentence)]
        if len(numbers) > MOST_WORDS:
            raise KwsError(f"{source}: has more than {MOST_WORDS} words: give a closed domain")
        if row:
            rows.append(row)
    if not rows:
        raise KwsError(f"{source}: has no words: write sentences, one per line")
    begin, end = len(numbers), len(numbers) + 1
    counts: Counter[History] = Counter()
    for row in rows:
        marked = [begin, *row, end]
        for place in range(1, len(marked)):
            for length in range(1, order + 1):
                if place - length + 1 >= 0:
                    counts[tuple(marked[place - length + 1 : place + 1])] += 1
        if len(counts) > MOST_NGRAMS:
            raise KwsError(f"{source}: has more than {MOST_NGRAMS} n-grams: give less text")
    scores, backoff = _smoothed(counts, len(numbers) + 1)
    return NGrams((*numbers, BEGIN, END), order, scores, backoff)


def _smoothed(
    counts: Counter[History], choices: int
) -> tuple[dict[History, float], dict[History, float]]:
    """Return logarithms of probabilities and of back-off, shortest n-grams first."""
    totals: Counter[History] = Counter()
    kinds: Counter[History] = Counter()
    for ngram, count in counts.items():
        totals[ngram[:-1]] += count
        kinds[ngram[:-1]] += 1
    shares: dict[History, float] = {}
    for ngram in sorted(counts, key=len):
        history = ngram[:-1]
        shorter = shares[ngram[1:]] if history else 1 / choices
        kept = kinds[history]
        shares[ngram] = (counts[ngram] + kept * shorter) / (totals[history] + kept)
    scores = {ngram: math.log(share) for ngram, share in shares.items()}
    backoff = {
        history: math.log(kinds[history] / (totals[history] + kinds[history]))
        for history in totals
        if history
    }
    return scores, backoff
