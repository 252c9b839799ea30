"""How the words of a grammar are pronounced."""

from __future__ import annotations

from ..errors import KwsError
from ..phonemes.espeak import has_espeak
from ..phonemes.graph import encode
from ..phonemes.pronunciations import known_pronunciations, pronunciations
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
            said[word] = _ways(word, own.get(word.lower()))
        except KwsError as error:
            where = f"{grammar.source}: line {line}: " if line else f"{grammar.source}: "
            raise GrammarError(f"{where}{error}") from None
    return said


def _ways(word: str, own: tuple[str, ...] | None) -> tuple[tuple[int, ...], ...]:
    """Return how a word is said, by the grammar's own pronunciations where it has some."""
    if own is not None:
        if not all(text.split() for text in own):
            raise KwsError(f"{word!r:.40}: has a pronunciation without phonemes")
        return tuple(encode(text.split()) for text in own)
    plain = word.lower().replace("’", "'")
    ways = known_pronunciations(plain)
    if not ways and not has_espeak():
        raise KwsError(
            f"{word!r:.40}: how it is said is not known: install espeak-ng, or give its phonemes "
            "under pronunciations (docs/spoken_commands.md)"
        )
    return tuple(dict.fromkeys(encode(way) for way in ways or pronunciations(plain)))
