"""Reads n-gram models in the ARPA format, as other tools write them."""

from __future__ import annotations

import math
import re
from pathlib import Path

from ..errors import KwsError
from ..texts import read_text
from .ngrams import BEGIN, END, HIGHEST_ORDER, MOST_NGRAMS, MOST_WORDS, History, NGrams, ngrams_of

#: Bytes of a file, at most.
LARGEST = 40_000_000


def read_language(path: str | Path, order: int = 3) -> NGrams:
    r"""Read what is likely to be said: an ARPA file, or sentences.

    Parameters
    ----------
    path : str or Path
        A text file. If it has a line ``\data\`` it is ARPA; else each line is a sentence.
    order : int
        For sentences: words that one word depends on, itself included.

    Returns
    -------
    NGrams

    Raises
    ------
    KwsError
        If it cannot be read, is too large, or has no words.
    """
    lines = read_text(path, LARGEST, "give a closed domain").splitlines()
    if "\\data\\" in (line.strip() for line in lines[:1000]):
        return _Reader(lines, str(path)).model()
    return ngrams_of(lines, order, str(path))


class _Reader:
    """Reads the lines of one ARPA file."""

    def __init__(self, lines: list[str], source: str) -> None:
        self._lines = lines
        self._source = source
        self._numbers: dict[str, int] = {}
        self._ngrams: list[tuple[tuple[str, ...], float, float]] = []
        self._order = 0

    def _error(self, number: int, what: str) -> KwsError:
        token = self._lines[number].strip()[:40]
        return KwsError(f"{self._source}: line {number + 1}: {token!r}: {what}")

    def model(self) -> NGrams:
        length = 0
        for number, raw in enumerate(self._lines):
            line = raw.strip()
            section = re.fullmatch(r"\\(\d+)-grams:", line)
            if line == "\\end\\":
                break
            if section is not None:
                length = int(section[1])
                if length != self._order + 1 or length > HIGHEST_ORDER:
                    raise self._error(number, f"orders must be 1 to {HIGHEST_ORDER}, in order")
                self._order = length
            elif line and length:
                self._ngram(number, line, length)
        if not self._order:
            raise KwsError(f"{self._source}: has no \\1-grams: section: this is no ARPA file")
        return self._numbered()

    def _ngram(self, number: int, line: str, length: int) -> None:
        parts = line.split()
        if len(parts) not in (length + 1, length + 2):
            raise self._error(number, f"is no {length}-gram: a logarithm, {length} words, back-off")
        if len(self._ngrams) >= MOST_NGRAMS:
            raise self._error(number, f"is one n-gram too many: {MOST_NGRAMS} are read")
        try:
            score = float(parts[0])
            backoff = float(parts[-1]) if len(parts) == length + 2 else 0.0
        except ValueError:
            raise self._error(number, "has no logarithm where one has to be") from None
        if not (math.isfinite(score) and math.isfinite(backoff)):
            raise self._error(number, "has a logarithm that is not finite")
        words = tuple(
            word if word in (BEGIN, END) else word.lower() for word in parts[1 : length + 1]
        )
        if any(word in ("<unk>", "<UNK>") for word in words):
            return  # what is not in the model is not written down
        if length == 1 and words[0] not in (BEGIN, END):
            self._numbers.setdefault(words[0], len(self._numbers))
            if len(self._numbers) > MOST_WORDS:
                raise self._error(number, f"is one word too many: {MOST_WORDS} are read")
        self._ngrams.append((words, score, backoff))

    def _numbered(self) -> NGrams:
        if not self._numbers:
            raise KwsError(f"{self._source}: has no words")
        numbers = self._numbers | {
            BEGIN: len(self._numbers),
            END: len(self._numbers) + 1,
        }
        scores: dict[History, float] = {}
        backoff: dict[History, float] = {}
        for words, score, weight in self._ngrams:
            if not all(word in numbers for word in words):
                continue
            key = tuple(numbers[word] for word in words)
            # a word that differs in case alone is one word: what is likelier counts
            scores[key] = max(score * math.log(10), scores.get(key, -math.inf))
            if len(key) < self._order:
                backoff.setdefault(key, weight * math.log(10))
        return NGrams((*self._numbers, BEGIN, END), self._order, scores, backoff)
