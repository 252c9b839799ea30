"""Who says a phrase, and how: all voices in turn, the natural ones as often as the others."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .engine import Engine, Style
from .utterances import PITCH, SPEED, Utterance

#: What is written after a text, which changes its melody. A text with punctuation of its own stays
#: as it is.
ENDINGS = ("", "", ".", "!", "?")
#: Share of texts of several words that have a comma after the first.
COMMAS = 0.15
#: Largest change of a voice's formants either way, as a natural logarithm: as much as people differ
#: from each other (Lee and Rose, 1996, warp by 0.88 to 1.12).
FORMANTS = 0.12
#: Share of texts whose voice keeps its own formants.
PLAIN = 1 / 3


def cast(texts: Sequence[str], count: int, engines: Sequence[Engine], seed: int) -> list[Utterance]:
    """Decide who says which text, and how.

    The texts come in turn. Natural and formant voices get half each; among the natural engines,
    one counts by the root of the number of its voices; in an engine, all voices come before one
    comes again. What is cast first does not depend on ``count``.

    Parameters
    ----------
    texts : sequence of str
        The texts; they come in turn.
    count : int
        Utterances.
    engines : sequence of Engine
        With at least one voice each.
    seed : int
        Of the order of the voices, and of how each speaks.

    Returns
    -------
    list of Utterance
        ``count`` of them; none if there are no texts.
    """
    shares = np.array([_share(engine, engines) for engine in engines])
    used = np.zeros(len(engines))
    voices = [_Turns(engine.voices, (seed, number)) for number, engine in enumerate(engines)]
    utterances = []
    for number in range(count if texts else 0):
        # whoever lags most behind its share
        which = int(np.argmax(shares * (number + 1) - used))
        used[which] += 1
        rng = np.random.default_rng((seed, number))
        text = _written(texts[number % len(texts)], rng)
        engine = engines[which]
        utterances.append(Utterance(text, engine, voices[which].next(), _style(rng)))
    return utterances


def _share(engine: Engine, engines: Sequence[Engine]) -> float:
    """Return the share of the utterances that an engine has."""
    kinds = len({one.natural for one in engines})
    same = sum(len(one.voices) ** 0.5 for one in engines if one.natural == engine.natural)
    return float(len(engine.voices) ** 0.5 / same / kinds)


def _style(rng: np.random.Generator) -> Style:
    speed, pitch, formants = (
        float(np.exp(rng.uniform(-width, width))) for width in (SPEED, PITCH, FORMANTS)
    )
    plain = rng.random() < PLAIN
    return Style(speed, pitch, 1.0 if plain else formants, int(rng.integers(1 << 31)))


def _written(text: str, rng: np.random.Generator) -> str:
    """Return a text with other punctuation."""
    ending, comma = ENDINGS[rng.integers(len(ENDINGS))], rng.random() < COMMAS
    if re.search(r"[^\w\s'’-]", text):  # it has its own
        return text
    return (text.replace(" ", ", ", 1) if comma else text) + ending


class _Turns:
    """Gives the voices of an engine in turn, in an order that is shuffled each time."""

    def __init__(self, voices: Sequence[str], seed: tuple[int, int]) -> None:
        self._voices = voices
        self._rng = np.random.default_rng(seed)
        self._left: list[str] = []

    def next(self) -> str:
        """Return the next voice."""
        if not self._left:
            self._left = [str(one) for one in self._rng.permutation(np.array(self._voices))]
        return self._left.pop()
