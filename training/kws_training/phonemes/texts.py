"""What text to speech says for a phoneme network: sentences, and the orders of a grammar."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from kws.grammar.expression import Grammar
from kws.grammar.saying import pronounce
from kws.phonemes.dictionary import dictionary
from kws.phonemes.symbols import PHONEMES
from kws.phonemes.text import words_of

from ..data.digest import digest_of
from ..synthesis.orders import orders_of
from ..synthesis.sentences import sentence_texts

Indices = npt.NDArray[np.int16]


class Texts(Protocol):
    """Makes texts, and knows how they are said."""

    @property
    def name(self) -> str:
        """What the texts are, in the plural."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What the texts depend on besides their seed: part of the cache's key."""

    def draw(self, count: int, seed: int) -> list[str]:
        """Draw texts.

        Parameters
        ----------
        count : int
            Texts, at most.
        seed : int
            Of the draws.

        Returns
        -------
        list of str
        """

    def spell(self, text: str) -> Indices | None:
        """Return the phonemes of a text.

        Parameters
        ----------
        text : str
            One that was drawn.

        Returns
        -------
        int16 (n,) or None
            Indices in `kws.phonemes.symbols.PHONEMES`; None if a word is not known.
        """


class CommonWords:
    """Sentences of the words of the packaged dictionary. They mean nothing."""

    name = "sentences"
    identity: tuple[str, ...] = ()

    def draw(self, count: int, seed: int) -> list[str]:
        """Draw sentences, as `Texts.draw` does."""
        return sentence_texts((), count, seed)

    def spell(self, text: str) -> Indices | None:
        """Return the phonemes of a text by the packaged dictionary, as `Texts.spell` does."""
        known = dictionary()
        words = words_of(text)
        if not words or any(word not in known for word in words):
            return None
        place = {sign: number for number, sign in enumerate(PHONEMES)}
        return np.array([place[sign] for word in words for sign in known[word]], np.int16)


class Orders:
    """Orders that a grammar has, each said by the first pronunciation of its words.

    Parameters
    ----------
    grammar : Grammar
        What may be said.

    Attributes
    ----------
    digest : str
        SHA-256 of the grammar and its pronunciations.

    Raises
    ------
    GrammarError
        If a word cannot be pronounced, with its line.
    """

    name = "orders"

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        # an output of a network is one more than the place of its phoneme
        self._said = {word: np.array(ways[0]) - 1 for word, ways in pronounce(grammar).items()}
        said = [(word, places.tolist()) for word, places in self._said.items()]
        self.digest = digest_of(grammar.intents, said)
        self.identity = (self.digest,)

    def draw(self, count: int, seed: int) -> list[str]:
        """Draw orders, as `Texts.draw` does; there are fewer where the grammar has fewer."""
        return [order.text for order in orders_of(self._grammar, count, seed)]

    def spell(self, text: str) -> Indices | None:
        """Return the phonemes of an order, as `Texts.spell` does."""
        return np.concatenate([self._said[word] for word in text.split(" ")]).astype(np.int16)
