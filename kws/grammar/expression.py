"""What a grammar is made of: words, sequences, choices, repetitions and slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import KwsError
from ..phonemes.pronunciations import phrase_words

#: Groups, rules, slots and macros within each other, at most, as a file has them.
DEEPEST = 30
#: Parts of a grammar within parts, at most: deeper ones are refused before they exhaust the stack.
DEEPEST_PARTS = 100
#: Times that a part may be repeated, at most: what ``*`` and ``+`` of JSGF stand for.
MOST_REPEATS = 8
#: Characters of a word, a slot's name or an intent's name, at most.
LONGEST_NAME = 100
#: The name of a slot which, in JSGF, names the intent.
INTENT = "intent"


class GrammarError(KwsError):
    """A grammar that cannot be used; the message names file, line and token."""


@dataclass(frozen=True)
class Word:
    """One word that is said.

    Attributes
    ----------
    text : str
        The word as the grammar writes it: slots give it so.
    line : int
        Where the grammar has it; not part of what is compared.
    """

    text: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Sequence:
    """Parts that are said one after another; none at all is said by silence.

    Attributes
    ----------
    parts : tuple of Expression
        In their order.
    """

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Choice:
    """Parts of which one is said; without any, nothing can be said here (JSGF's ``<VOID>``).

    Attributes
    ----------
    parts : tuple of Expression
        Where more than one fits, the first counts.
    """

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Repeat:
    """A part that is said several times, or not at all.

    Attributes
    ----------
    part : Expression
        What is said.
    least : int
        Times, at least.
    most : int
        Times, at most. Where both fit, it is said rather than left out.
    """

    part: Expression
    least: int
    most: int


@dataclass(frozen=True)
class Slot:
    """A part whose words are what the program wants to know.

    Attributes
    ----------
    name : str
        Under which the words are given.
    part : Expression
        What may be said.
    """

    name: str
    part: Expression


@dataclass(frozen=True)
class Value:
    """A part for which a slot gives a text in place of the words.

    Attributes
    ----------
    text : str
        What the slot gives.
    part : Expression
        What may be said.
    """

    text: str
    part: Expression


#: Any part of a grammar. A macro is a part that is in several places.
Expression = Word | Sequence | Choice | Repeat | Slot | Value

#: Nothing is said, which is always so: JSGF's ``<NULL>``.
NOTHING = Sequence(())
#: What nobody can say: JSGF's ``<VOID>``.
IMPOSSIBLE = Choice(())


@dataclass(frozen=True)
class Intent:
    """Something that a user can want, and how it may be said.

    Attributes
    ----------
    name : str
        What the program knows it by.
    expression : Expression
        All ways of saying it.
    """

    name: str
    expression: Expression


@dataclass(frozen=True)
class Grammar:
    """What may be said.

    Attributes
    ----------
    intents : tuple of Intent
        Where what is said fits more than one, the first counts.
    source : str
        The file, for messages.
    pronunciations : dict of str to tuple of str
        Phonemes that the grammar itself gives for some of its words, each text as
        `kws.phonemes.symbols.PHONEMES` writes them, between blanks.
    notes : tuple of str
        What the reader left out, one line each.
    """

    intents: tuple[Intent, ...]
    source: str
    pronunciations: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = ()

    def words(self) -> dict[str, int]:
        """Return the words that may be said.

        Returns
        -------
        dict of str to int
            The line in which each comes first, in the order of the grammar.
        """
        found: dict[str, int] = {}
        for intent in self.intents:
            for part in parts_of(intent.expression):
                if isinstance(part, Word):
                    found.setdefault(part.text, part.line)
        return found


def optional(part: Expression) -> Expression:
    """Return a part that may be left out.

    Parameters
    ----------
    part : Expression
        What is said or not; said, where both fit.

    Returns
    -------
    Expression
    """
    return Repeat(part, 0, 1)


def sequence(parts: list[Expression]) -> Expression:
    """Return parts that are said one after another, a single one as it is.

    Parameters
    ----------
    parts : list of Expression
        In their order.

    Returns
    -------
    Expression
    """
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def choice(parts: list[Expression]) -> Expression:
    """Return parts of which one is said, a single one as it is.

    Parameters
    ----------
    parts : list of Expression
        In the order of preference.

    Returns
    -------
    Expression
    """
    return parts[0] if len(parts) == 1 else Choice(tuple(parts))


def children(part: Expression) -> tuple[Expression, ...]:
    """Return the parts that a part is made of.

    Parameters
    ----------
    part : Expression
        Any part.

    Returns
    -------
    tuple of Expression
        None of a word.
    """
    if isinstance(part, Word):
        return ()
    if isinstance(part, Sequence | Choice):
        return part.parts
    return (part.part,)


def parts_of(expression: Expression) -> Iterator[Expression]:
    """Yield every part of an expression once, be it in several places.

    Parameters
    ----------
    expression : Expression
        The whole.

    Yields
    ------
    Expression
        Whole parts before what they are made of, in the order of the grammar.
    """
    seen: set[int] = set()
    left = [expression]
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        left.extend(reversed(children(part)))


def checked(grammar: Grammar) -> Grammar:
    """Return a grammar that is not nested too deep.

    Parameters
    ----------
    grammar : Grammar
        Any grammar.

    Returns
    -------
    Grammar
        The same.

    Raises
    ------
    GrammarError
        If it is nested more than `DEEPEST_PARTS` deep.
    """
    depth: dict[int, int] = {}
    left = [intent.expression for intent in grammar.intents]
    while left:
        part = left[-1]
        inner = children(part)
        waiting = [one for one in inner if id(one) not in depth]
        if waiting:
            left += waiting
            continue
        left.pop()
        depth[id(part)] = 1 + max((depth[id(one)] for one in inner), default=0)
        if depth[id(part)] > DEEPEST_PARTS:
            raise GrammarError(
                f"{grammar.source}: is nested more than {DEEPEST_PARTS} deep: flatten it"
            )
    return grammar


def phrases(texts: list[str], source: str = "phrases") -> Grammar:
    """Return the grammar of some phrases: the intent is the phrase itself, as it is written.

    Parameters
    ----------
    texts : list of str
        The phrases, as `kws.phonemes.pronunciations.phrase_words` takes them.
    source : str
        What messages call them.

    Returns
    -------
    Grammar

    Raises
    ------
    GrammarError
        If there are none, or one is empty or there twice.

    Examples
    --------
    >>> [intent.name for intent in phrases(["lights on", "lights off"]).intents]
    ['lights on', 'lights off']
    """
    if not texts:
        raise GrammarError(f"{source}: there are no phrases: give at least one")
    intents: list[Intent] = []
    for text in texts:
        try:
            words: list[Expression] = [Word(word) for word in phrase_words(text)]
        except KwsError as error:
            raise GrammarError(f"{source}: {error}") from None
        if any(intent.name == text for intent in intents):
            raise GrammarError(f"{source}: {text!r:.60} is there twice: leave one out")
        intents.append(Intent(text, sequence(words)))
    return Grammar(tuple(intents), source)
