"""What a model file says of phrases that were typed: how they are pronounced and scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import KwsError, ModelError
from ..fields import FieldReader
from .graph import encode
from .symbols import OUTPUTS, PHONEME_TASK

#: Phrases of one file, at most.
MOST_PHRASES = 200
#: Words of a phrase, at most.
MOST_WORDS = 30
#: Pronunciations of a word, at most.
MOST_PRONUNCIATIONS = 64
#: Phonemes of a word, at most.
LONGEST_WORD = 40

#: The phonemes of a word.
Phonemes = tuple[str, ...]
#: The pronunciations of each word of a phrase.
Phrase = tuple[tuple[Phonemes, ...], ...]


@dataclass(frozen=True)
class PhraseContract:
    """How logits of phonemes become logits of phrases: see `kws.typed.matching`.

    Attributes
    ----------
    words : tuple of tuple of tuple of tuple of str
        For each label its words, for each word its pronunciations, for each its phonemes, as
        `kws.phonemes.symbols.PHONEMES` writes them.
    slope : float
        Logit per unit of a phrase's score.
    centres : tuple of float
        Score at which each label's logit is 0.
    """

    words: tuple[Phrase, ...]
    slope: float
    centres: tuple[float, ...]

    def values(self) -> dict[str, Any]:
        """Return what ``kws.json`` holds, as `read_phrases` reads it.

        Returns
        -------
        dict
            The phonemes of a pronunciation are one text.
        """
        return {
            "task": PHONEME_TASK,
            "outputs": list(OUTPUTS),
            "words": [
                [[" ".join(signs) for signs in word] for word in phrase] for phrase in self.words
            ],
            "slope": self.slope,
            "centres": list(self.centres),
        }


def read_phrases(reader: FieldReader, labels: int) -> PhraseContract:
    """Check how the phrases of a file are pronounced and scored.

    Parameters
    ----------
    reader : FieldReader
        Reads the object that `PhraseContract.values` returned.
    labels : int
        Of the file: each is a phrase.

    Returns
    -------
    PhraseContract

    Raises
    ------
    ModelError
        If a value is missing, of another type or out of range, or something is no phoneme.
    """
    if reader.items("outputs", len(OUTPUTS)) != list(OUTPUTS):
        raise ModelError(f"{reader.where}: outputs are not those that this version knows")
    if labels > MOST_PHRASES:
        raise ModelError(f"{reader.where}: at most {MOST_PHRASES} phrases, not {labels}")
    phrases = reader.items("words", labels)
    centres = reader.numbers("centres", labels, -1e4, 1e4)
    for key, count in (("words", len(phrases)), ("centres", len(centres))):
        if count != labels:
            raise ModelError(f"{reader.where}: {key!r} must have one entry per label")
    return PhraseContract(
        words=tuple(_phrase(phrase, reader.where) for phrase in phrases),
        slope=reader.number("slope", 0, 1e4),
        centres=centres,
    )


def _phrase(value: Any, where: str) -> Phrase:
    """Check the words of one phrase."""
    words = _listed(value, MOST_WORDS, where)
    return tuple(
        tuple(_signs(text, where) for text in _listed(word, MOST_PRONUNCIATIONS, where))
        for word in words
    )


def _listed(value: Any, most: int, where: str) -> list[Any]:
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise ModelError(f"{where}: 'words' must be lists of 1 to {most}")
    return value


def _signs(value: Any, where: str) -> Phonemes:
    """Check the phonemes of one pronunciation."""
    signs = tuple(value[: 4 * LONGEST_WORD + 1].split()) if isinstance(value, str) else ()
    if not 0 < len(signs) <= LONGEST_WORD:
        raise ModelError(f"{where}: a pronunciation must have 1 to {LONGEST_WORD} phonemes")
    try:
        encode(signs)
    except KwsError as error:
        raise ModelError(f"{where}: {error}") from None
    return signs
