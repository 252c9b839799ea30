"""What a string of phonemes means by a grammar: its words, its intent and its slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import expression as ex
from .expression import Choice, Expression, Grammar, Repeat, Slot, Value, Word

#: How each word may be pronounced: indices among `kws.phonemes.symbols.OUTPUTS`.
Pronunciations = Mapping[str, Sequence[tuple[int, ...]]]


@dataclass(frozen=True)
class ParsedWord:
    """A word, and which phonemes are its own.

    Attributes
    ----------
    text : str
        As the grammar writes it.
    first, end : int
        Its phonemes are those from ``first`` to ``end - 1`` of the string.
    """

    text: str
    first: int
    end: int


@dataclass(frozen=True)
class Parse:
    """What was said.

    Attributes
    ----------
    intent : str
        Name of the intent.
    slots : dict of str to str
        What was said for each slot, in the words of the grammar; of a slot that is there several
        times, the last; one for which nothing was said is left out.
    words : tuple of ParsedWord
        In their order.
    """

    intent: str
    slots: dict[str, str]
    words: tuple[ParsedWord, ...]


def parse(
    grammar: Grammar, pronunciations: Pronunciations, phonemes: Sequence[int]
) -> Parse | None:
    """Find what a string of phonemes means.

    Parameters
    ----------
    grammar : Grammar
        What may be said.
    pronunciations : mapping of str to sequence of tuple of int
        Of every word of the grammar.
    phonemes : sequence of int
        What was said: indices among `kws.phonemes.symbols.OUTPUTS`.

    Returns
    -------
    Parse or None
        Where several ways fit, that which the grammar names first; None if none does.
    """
    parser = _Parser(pronunciations, tuple(phonemes))
    for intent in grammar.intents:
        if parser.length in parser.ends(intent.expression, 0):
            parser.follow(intent.expression, 0, parser.length)
            slots = dict(parser.slots)
            name = slots.pop(ex.INTENT, intent.name)
            return Parse(name, slots, tuple(parser.words))
    return None


class _Parser:
    """Which parts fit where, each found out once; then the first way through."""

    def __init__(self, pronunciations: Pronunciations, phonemes: tuple[int, ...]) -> None:
        self._pronunciations = pronunciations
        self._phonemes = phonemes
        self.length = len(phonemes)
        self._ends: dict[tuple[int, int], tuple[int, ...]] = {}
        self.words: list[ParsedWord] = []
        self.slots: list[tuple[str, str]] = []
        self._values: list[tuple[int, int, str]] = []  # first word, word behind the last, text

    def ends(self, part: Expression, begin: int) -> tuple[int, ...]:
        """Return where a part may end that begins somewhere, what counts first before the rest."""
        key = (id(part), begin)
        found = self._ends.get(key)
        if found is None:
            found = self._ends[key] = tuple(dict.fromkeys(self._find_ends(part, begin)))
        return found

    def _find_ends(self, part: Expression, begin: int) -> list[int]:
        if isinstance(part, Word):
            return [
                begin + len(said)
                for said in self._pronunciations[part.text]
                if self._phonemes[begin : begin + len(said)] == said
            ]
        if isinstance(part, Choice):
            return [end for one in part.parts for end in self.ends(one, begin)]
        if isinstance(part, ex.Sequence):
            return self._frontiers(part.parts, begin)[-1]
        if isinstance(part, Repeat):
            frontiers = self._frontiers((part.part,) * part.most, begin)
            return [end for ends in reversed(frontiers[part.least :]) for end in ends]
        return list(self.ends(part.part, begin))

    def _frontiers(self, parts: Sequence[Expression], begin: int) -> list[list[int]]:
        """Return where so many parts one after another may end: of none, of one, and so on."""
        frontiers = [[begin]]
        for part in parts:
            ends = (end for start in frontiers[-1] for end in self.ends(part, start))
            frontiers.append(list(dict.fromkeys(ends)))
        return frontiers

    def follow(self, part: Expression, begin: int, end: int) -> None:
        """Take the first way through a part that begins and ends there."""
        if begin == end:
            return  # a slot for which nothing was said is none
        if isinstance(part, Word):
            self.words.append(ParsedWord(part.text, begin, end))
        elif isinstance(part, Choice):
            self.follow(next(one for one in part.parts if end in self.ends(one, begin)), begin, end)
        elif isinstance(part, ex.Sequence):
            self._follow_all(part.parts, begin, end)
        elif isinstance(part, Repeat):
            frontiers = self._frontiers((part.part,) * part.most, begin)
            times = range(part.most, part.least - 1, -1)
            count = next(number for number in times if end in frontiers[number])
            self._follow_all((part.part,) * count, begin, end)
        else:
            first = len(self.words)
            self.follow(part.part, begin, end)
            if isinstance(part, Value):
                self._values.append((first, len(self.words), part.text))
            elif isinstance(part, Slot):
                self.slots.append((part.name, self._text(first)))

    def _follow_all(self, parts: Sequence[Expression], begin: int, end: int) -> None:
        frontiers = self._frontiers(parts, begin)
        # of the places between two parts those from which the end is reached
        reaching = [{end}]
        for part, starts in zip(reversed(parts), reversed(frontiers[:-1]), strict=True):
            after = reaching[0]
            reaching.insert(0, {s for s in starts if not after.isdisjoint(self.ends(part, s))})
        place = begin
        for part, after in zip(parts, reaching[1:], strict=True):
            following = next(one for one in self.ends(part, place) if one in after)
            self.follow(part, place, following)
            place = following

    def _text(self, first: int) -> str:
        """Return what a slot gives for the words from a place on: texts of values, or the words."""
        pieces: list[str] = []
        place = first
        for begun, behind, text in self._outermost(first):
            pieces += [word.text for word in self.words[place:begun]] + [text]
            place = behind
        return " ".join(pieces + [word.text for word in self.words[place:]])

    def _outermost(self, first: int) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        for value in self._values:  # inner ones come before those around them
            if value[0] >= first:
                found = [one for one in found if one[0] < value[0] or one[1] > value[1]]
                found.append(value)
        return found
