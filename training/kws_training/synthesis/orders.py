"""Commands that a grammar has, drawn at random: to be said by text to speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.errors import KwsError
from kws.grammar.expression import INTENT, Choice, Expression, Grammar, Repeat, Slot, Value, Word
from kws.grammar.expression import Sequence as PartSequence

#: Draws for each command that is wanted, at most: some grammars have few.
TRIES = 20


@dataclass(frozen=True)
class Order:
    """A command, and what it means.

    Attributes
    ----------
    text : str
        What is said.
    intent : str
        Name of the intent.
    slots : dict of str to str
        What is said for each slot.
    """

    text: str
    intent: str
    slots: dict[str, str]


def orders_of(grammar: Grammar, count: int, seed: int) -> list[Order]:
    """Draw commands; each is there once, so that there may be fewer than were asked for.

    Parameters
    ----------
    grammar : Grammar
        What may be said.
    count : int
        Commands.
    seed : int
        Of the draws.

    Returns
    -------
    list of Order
        In the order in which they were drawn.

    Raises
    ------
    KwsError
        If the grammar has nothing that can be said.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, Order] = {}
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        intent = grammar.intents[int(rng.integers(len(grammar.intents)))]
        slots: list[tuple[str, str]] = []
        words = _draw(intent.expression, rng, slots)
        if words:
            named = dict(slots)
            name = named.pop(INTENT, intent.name)
            text = " ".join(words)
            found.setdefault(text, Order(text, name, named))
    if not found:
        raise KwsError(f"{grammar.source}: nothing can be said by it")
    return list(found.values())


def _draw(
    part: Expression, rng: np.random.Generator, slots: list[tuple[str, str]]
) -> list[str] | None:
    """Draw words, and note their slots; None where nothing can be said."""
    if isinstance(part, Word):
        return [part.text]
    if isinstance(part, Choice):
        return (
            _draw(part.parts[int(rng.integers(len(part.parts)))], rng, slots)
            if part.parts
            else None
        )
    if isinstance(part, PartSequence):
        return _draw_all(part.parts, rng, slots)
    if isinstance(part, Repeat):
        times = min(int(rng.integers(part.least, part.most + 1)), part.least + 1)
        return _draw_all((part.part,) * times, rng, slots)
    words = _draw(part.part, rng, slots)
    if isinstance(part, Slot) and words:
        slots.append((part.name, _value(part.part, words)))
    return words


def _draw_all(
    parts: Sequence[Expression], rng: np.random.Generator, slots: list[tuple[str, str]]
) -> list[str] | None:
    drawn = [_draw(part, rng, slots) for part in parts]
    if any(words is None for words in drawn):
        return None
    return [word for words in drawn if words for word in words]


def _value(part: Expression, words: list[str]) -> str:
    """Return what a slot gives for words; values in place of words stand at its top."""
    if isinstance(part, Value):
        return part.text
    if isinstance(part, Choice):
        for one in part.parts:
            if isinstance(one, Value) and _says(one.part) == words:
                return one.text
    return " ".join(words)


def _says(part: Expression) -> list[str]:
    if isinstance(part, Word):
        return [part.text]
    parts = part.parts if isinstance(part, PartSequence) else ()
    return [word for one in parts for word in _says(one)]
