"""How the words of a grammar are pronounced."""

from __future__ import annotations

from ..errors import KwsError
from ..phonemes.graph import encode
from ..phonemes.pronunciations import pronunciations
from .expression import Grammar, GrammarError


def pronounce(grammar: Grammar) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Return how each word of a grammar is said.

    Parameters
    ----------
    grammar : Grammar
        What may be said. Pronunciations of its own go before all others.

    Returns
    -------
    dict of str to tuple of tuple of int
        Indices among `kws.phonemes.symbols.OUTPUTS`.

    Raises
    ------
    GrammarError
        If a word cannot be pronounced, with its line.
    """
    own = {word.lower(): texts for word, texts in grammar.pronunciations.items()}
    said = {}
    for word, line in grammar.words().items():
        try:
            texts = own.get(word.lower())
            ways = pronunciations(word) if texts is None else [text.split() for text in texts]
            if not all(ways):
                raise KwsError(f"{word!r:.40}: has a pronunciation without phonemes")
            said[word] = tuple(dict.fromkeys(encode(way) for way in ways))
        except KwsError as error:
            where = f"{grammar.source}: line {line}: " if line else f"{grammar.source}: "
            raise GrammarError(f"{where}{error}") from None
    return said
