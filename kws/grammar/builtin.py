"""Slots that need no list: numbers, under the names that Rhino has for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..phonemes.numbers import number_words
from .expression import Expression, Value, Word, choice, sequence

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def _said(value: str, *words: str) -> Expression:
    return Value(value, sequence([Word(word) for word in words]))


def _integers(last: int) -> list[Expression]:
    return [_said(str(number), *number_words(str(number))) for number in range(last + 1)]


def _percent() -> Expression:
    hundred = [_said("100%", "one", "hundred"), _said("100%", "a", "hundred")]
    numbers = [
        Value(f"{part.text}%", part.part) for part in _integers(99) if isinstance(part, Value)
    ]
    return sequence([choice([*numbers, *hundred]), Word("percent")])


#: The slots by their names.
_MAKERS: dict[str, Callable[[], Expression]] = {
    "pv.SingleDigitInteger": lambda: choice(_integers(9)),
    "pv.TwoDigitInteger": lambda: choice(_integers(99)),
    "pv.SingleDigitOrdinal": lambda: choice(
        [_said(str(number), word) for number, word in enumerate(ORDINALS, 1)]
    ),
    "pv.Percent": _percent,
}
#: The names of the slots that need no list.
BUILTIN_SLOTS: Sequence[str] = tuple(_MAKERS)


def builtin_slot(name: str) -> Expression:
    """Return what may be said for a slot that needs no list.

    Parameters
    ----------
    name : str
        One of `BUILTIN_SLOTS`.

    Returns
    -------
    Expression
        Its values are digits, as a text: "42" for "forty two".
    """
    return _MAKERS[name]()
