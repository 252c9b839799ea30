"""From a grammar to the graph of phonemes that is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import KwsError
from ..phonemes.automaton import EPSILON, Arc, Row, deterministic, minimal
from ..phonemes.graph import Graph, build_graph
from . import expression as ex
from .expression import Choice, Expression, Grammar, Repeat, Slot, Word
from .parsing import Parse, Pronunciations, parse

#: Arcs that all parts of a grammar are written out to, at most, repetitions included.
MOST_WRITTEN = 500_000


@dataclass(frozen=True, eq=False)
class CompiledGrammar:
    """A grammar, ready to be decoded.

    Attributes
    ----------
    grammar : Grammar
        What may be said.
    pronunciations : mapping of str to tuple of tuple of int
        Of each word: indices among `kws.phonemes.symbols.OUTPUTS`.
    graph : Graph
        All that may be said, as phonemes.
    """

    grammar: Grammar
    pronunciations: Pronunciations
    graph: Graph

    def parse(self, phonemes: list[int]) -> Parse | None:
        """Find what a string of phonemes means.

        Parameters
        ----------
        phonemes : list of int
            Indices among `kws.phonemes.symbols.OUTPUTS`.

        Returns
        -------
        Parse or None
            None if the grammar does not have it.
        """
        return parse(self.grammar, self.pronunciations, phonemes)


def compile_grammar(grammar: Grammar, pronunciations: Pronunciations) -> CompiledGrammar:
    """Compile a grammar.

    It is made small in three steps, each of few states: words with slots as one sign each, slots
    written out as words, and words as phonemes.

    Parameters
    ----------
    grammar : Grammar
        What may be said.
    pronunciations : mapping of str to sequence of tuple of int
        Of each of its words, at least one.

    Returns
    -------
    CompiledGrammar

    Raises
    ------
    KwsError
        If nothing can be said, if saying nothing would fit, or if it is too large.
    """
    name = grammar.source
    words = {word: number for number, word in enumerate(grammar.words())}
    whole = Choice(tuple(intent.expression for intent in grammar.intents))
    rows, finals = _Compiler(words, name).compile(whole)
    said = [pronunciations[word] for word in words]
    if not rows:
        raise KwsError(f"{name}: nothing can be said: leave a choice that is not <VOID>")
    graph = build_graph(_phonemes(rows, said), len(rows) - 1, _numbers(finals), name)
    return CompiledGrammar(grammar, pronunciations, graph)


class _Compiler:
    """Makes small automata of words from expressions, of each slot once."""

    def __init__(self, words: dict[str, int], name: str) -> None:
        self._words = words
        self._name = name
        self._made: dict[int, tuple[list[Row], list[bool]]] = {}

    def compile(self, part: Expression) -> tuple[list[Row], list[bool]]:
        """Return a part as an automaton of words, with slots written out."""
        known = self._made.get(id(part))
        if known is not None:
            return known
        writer = _Writer(self._words, self._name)
        writer.write(part, 0, 1)
        found = self._small(writer.arcs, 0, [1])
        if writer.slots:
            found = self._written_out(*found, [self.compile(slot) for slot in writer.slots])
        self._made[id(part)] = found
        return found

    def _small(self, arcs: list[Arc], begin: int, ends: list[int]) -> tuple[list[Row], list[bool]]:
        if len(arcs) > MOST_WRITTEN:
            raise _too_large(self._name)
        return minimal(*deterministic(arcs, begin, ends, self._name), self._name)

    def _written_out(
        self,
        rows: list[Row],
        finals: list[bool],
        slots: list[tuple[list[Row], list[bool]]],
    ) -> tuple[list[Row], list[bool]]:
        """Return an automaton with the words of each slot in place of its sign."""
        arcs: list[Arc] = []
        count = len(rows)
        for state, row in enumerate(rows):
            for label, target in row.items():
                if label < len(self._words):
                    arcs.append((state, label, target))
                    continue
                inner, ends = slots[label - len(self._words)]
                for place, after in enumerate(inner):
                    arcs += [(count + place, word, count + to) for word, to in after.items()]
                arcs += [(count + place, EPSILON, target) for place in _numbers(ends)]
                arcs += [(state, EPSILON, count + len(inner) - 1)] if inner else []
                count += len(inner)
                if len(arcs) > MOST_WRITTEN:
                    raise _too_large(self._name)
        return self._small(arcs, len(rows) - 1, _numbers(finals))


class _Writer:
    """Writes an expression out as arcs.

    Labels below the number of words are words; those from there on are slots.
    """

    def __init__(self, words: dict[str, int], name: str) -> None:
        self._words = words
        self._name = name
        self.arcs: list[Arc] = []
        self.slots: list[Expression] = []
        self._label_of: dict[int, int] = {}
        self._count = 2
        self._written = 0  # parts, of which some are no arcs

    def state(self) -> int:
        """Return a new state."""
        self._count += 1
        return self._count - 1

    def write(self, part: Expression, begin: int, end: int) -> None:
        """Write a part out that leads from one state to another."""
        self._written += 1
        if self._written > MOST_WRITTEN:
            raise _too_large(self._name)
        if isinstance(part, Word):
            self.arcs.append((begin, self._words[part.text], end))
        elif isinstance(part, Choice):
            for one in part.parts:
                self.write(one, begin, end)
        elif isinstance(part, ex.Sequence):
            self._write_all(part.parts, begin, end)
        elif isinstance(part, Repeat):
            place = begin
            for number in range(part.most):
                after = self.state()
                if number >= part.least:
                    self.arcs.append((place, EPSILON, end))
                self.write(part.part, place, after)
                place = after
            self.arcs.append((place, EPSILON, end))
        elif isinstance(part, Slot):
            # by what may be said: slots of one kind are one sign, whatever their names
            label = self._label_of.get(id(part.part))
            if label is None:
                label = self._label_of[id(part.part)] = len(self._words) + len(self.slots)
                self.slots.append(part.part)
            self.arcs.append((begin, label, end))
        else:
            self.write(part.part, begin, end)

    def _write_all(self, parts: tuple[Expression, ...], begin: int, end: int) -> None:
        place = begin
        for number, part in enumerate(parts):
            after = end if number == len(parts) - 1 else self.state()
            self.write(part, place, after)
            place = after
        if not parts:
            self.arcs.append((begin, EPSILON, end))


def _phonemes(rows: list[Row], said: list[Sequence[tuple[int, ...]]]) -> list[Arc]:
    """Return the arcs of an automaton with the phonemes of each word in its place."""
    arcs: list[Arc] = []
    count = len(rows)
    for state, row in enumerate(rows):
        for word, target in row.items():
            for phonemes in said[word]:
                place = state
                for phoneme in phonemes[:-1]:
                    arcs.append((place, phoneme, count))
                    place, count = count, count + 1
                arcs.append((place, phonemes[-1], target))
    return arcs


def _numbers(flags: list[bool]) -> list[int]:
    return [number for number, flag in enumerate(flags) if flag]


def _too_large(name: str) -> KwsError:
    return KwsError(
        f"{name}: too large (more than {MOST_WRITTEN} words where all is written out): leave out "
        "alternatives or repetitions, or cut it into several"
    )
