"""Reads contexts of Picovoice's Rhino: YAML with expressions, slots and macros."""

from __future__ import annotations

from collections.abc import Callable

from .builtin import BUILTIN_SLOTS, builtin_slot
from .expression import (
    DEEPEST,
    LONGEST_NAME,
    Expression,
    Grammar,
    GrammarError,
    Intent,
    Slot,
    Word,
    checked,
    choice,
    optional,
    sequence,
)
from .words import is_word
from .yaml_text import List, Mapping, Node, Text, read_yaml

#: What a context may hold. ``pronunciations`` is an addition of this project's.
SECTIONS = ("expressions", "slots", "macros", "pronunciations")
#: Signs that stand for themselves in an expression.
SIGNS = "[](),"


def read_context(text: str, source: str) -> Grammar:
    """Read a Rhino context.

    Parameters
    ----------
    text : str
        The file: ``context`` with ``expressions`` (intents, each with a list of expressions),
        ``slots`` and ``macros``; and, of our own, ``pronunciations`` (words, each with its
        phonemes or a list of these).
    source : str
        Its name, for messages.

    Returns
    -------
    Grammar

    Raises
    ------
    GrammarError
        With line and token.

    Examples
    --------
    >>> text = '''
    ... context:
    ...   expressions:
    ...     switchLight:
    ...       - "[turn, switch] the light $state:state (please)"
    ...   slots:
    ...     state:
    ...       - on
    ...       - off
    ... '''
    >>> read_context(text, "lights.yaml").intents[0].name
    'switchLight'
    """
    return _Context(text, source).grammar()


class _Context:
    """One context: its slots and macros are read when an expression names them."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        top = read_yaml(text, source)
        if not isinstance(top, Mapping) or list(top.items) != ["context"]:
            raise GrammarError(f"{source}: line {top.line}: 'context': is not the only key here")
        context = top.items["context"]
        if not isinstance(context, Mapping):
            raise GrammarError(f"{source}: line {context.line}: 'context': holds no expressions")
        for key, line in context.lines.items():
            if key not in SECTIONS:
                raise self.error(line, key, f"is not known here; known are {', '.join(SECTIONS)}")
        if "expressions" not in context.items:
            raise self.error(context.line, "context", "has no expressions: say what may be said")
        self._expressions = self._section(context, "expressions")
        self._slots = self._section(context, "slots")
        self._macros = self._section(context, "macros")
        self._pronunciations = self._section(context, "pronunciations")
        self._made: dict[str, Expression] = {}
        self.depth = 0  # of groups, slots and macros that are being read
        self._open: list[str] = []  # what is being read: a macro within itself has no end

    def error(self, line: int, token: str, what: str) -> GrammarError:
        return GrammarError(f"{self.source}: line {line}: {token[:40]!r}: {what}")

    def grammar(self) -> Grammar:
        intents = []
        for name, node in self._expressions.items():
            if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
                raise self.error(node.line, name, f"is no name of 1 to {LONGEST_NAME} characters")
            parts = [self._parse(text, macros=True) for text in self._texts(name, node)]
            intents.append(Intent(name, choice(parts)))
        if not intents:
            raise GrammarError(f"{self.source}: 'expressions': is empty: say what may be said")
        for name in self._slots:  # what nobody uses yet is checked all the same
            self.slot(name, self._slots[name].line)
        for name in self._macros:
            self.macro(name, self._macros[name].line)
        said = {
            word: tuple(text.text for text in self._texts(word, node))
            for word, node in self._pronunciations.items()
        }
        return checked(Grammar(tuple(intents), self.source, said))

    def slot(self, name: str, line: int) -> Expression:
        if name.startswith("pv."):
            if name not in BUILTIN_SLOTS:
                raise self.error(
                    line, f"${name}", f"is no slot that is known: {', '.join(BUILTIN_SLOTS)}"
                )
            return self._once(f"${name}", line, lambda: builtin_slot(name))
        if name not in self._slots:
            raise self.error(line, f"${name}", "is no slot of this context: add it to slots")
        node = self._slots[name]
        return self._once(
            f"${name}",
            line,
            lambda: choice([self._parse(t, macros=False) for t in self._texts(name, node)]),
        )

    def macro(self, name: str, line: int) -> Expression:
        if name not in self._macros:
            raise self.error(line, f"@{name}", "is no macro of this context: add it to macros")
        node = self._macros[name]
        return self._once(
            f"@{name}",
            line,
            lambda: choice([self._parse(t, macros=True) for t in self._texts(name, node)]),
        )

    def _once(self, key: str, line: int, make: Callable[[], Expression]) -> Expression:
        if key in self._open:
            raise self.error(line, key, "is part of itself: write it without")
        if key not in self._made:
            self.deeper(line, key)
            self._open.append(key)
            self._made[key] = make()
            self._open.pop()
            self.depth -= 1
        return self._made[key]

    def deeper(self, line: int, token: str) -> None:
        if self.depth >= DEEPEST:
            raise self.error(line, token, f"is nested more than {DEEPEST} deep: flatten it")
        self.depth += 1

    def _section(self, context: Mapping, name: str) -> dict[str, Node]:
        node = context.items.get(name)
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            raise self.error(node.line, name, "must hold names, each with a list below it")
        return node.items

    def _texts(self, name: str, node: Node) -> list[Text]:
        items = node.items if isinstance(node, List) else (node,)
        texts = [item for item in items if isinstance(item, Text)]
        if not texts or len(texts) != len(items):
            raise self.error(node.line, name, "must have a list of texts below it")
        return texts

    def _parse(self, text: Text, *, macros: bool) -> Expression:
        return _ExpressionParser(self, text, macros=macros).whole()


class _ExpressionParser:
    """Parses one expression of a context."""

    def __init__(self, context: _Context, text: Text, *, macros: bool) -> None:
        self._context = context
        self._line = text.line
        self._all = text.text
        self._macros = macros
        spaced = "".join(f" {c} " if c in SIGNS else c for c in text.text)
        self._tokens = spaced.split()
        self._next = 0

    def _error(self, token: str, what: str) -> GrammarError:
        return self._context.error(self._line, token, what)

    def whole(self) -> Expression:
        if not self._tokens:
            raise self._error(self._all, "is empty: write what is said")
        found = self._sequence()
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            hint = "choices are in [ ]" if token == "," else "nothing is open that it closes"
            raise self._error(token, hint)
        return found

    def _sequence(self) -> Expression:
        parts: list[Expression] = []
        while self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token in ("]", ")", ","):
                break
            self._next += 1
            if token in ("[", "("):
                self._context.deeper(self._line, token)
                parts.append(self._group(token))
                self._context.depth -= 1
            elif token[0] == "$":
                parts.append(self._slot(token))
            elif token[0] == "@":
                if not self._macros:
                    raise self._error(
                        token, "slots hold words alone: a macro belongs in an expression"
                    )
                parts.append(self._context.macro(token[1:], self._line))
            else:
                parts.append(Word(self._word(token), self._line))
        return sequence(parts)

    def _group(self, opening: str) -> Expression:
        closing = "]" if opening == "[" else ")"
        parts = []
        while True:
            begun = self._next
            parts.append(self._sequence())
            if self._next >= len(self._tokens):
                raise self._error(opening, f"is not closed by {closing}")
            token = self._tokens[self._next]
            if begun == self._next:
                raise self._error(
                    token, "nothing is before it: write what is said, or leave it out"
                )
            self._next += 1
            if token == closing:
                break
            if token != ",":
                raise self._error(token, f"closes what {opening} opened, which wants {closing}")
        found = choice(parts)
        return found if opening == "[" else optional(found)

    def _slot(self, token: str) -> Expression:
        kind, colon, name = token[1:].partition(":")
        if not colon or not name or not kind:
            raise self._error(token, "a slot is written as in $size:size, its kind and its name")
        if not self._macros:
            raise self._error(token, "slots hold words alone: a slot belongs in an expression")
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise self._error(token, f"the name is longer than {LONGEST_NAME} characters")
        return Slot(name, self._context.slot(kind, self._line))

    def _word(self, token: str) -> str:
        if not is_word(token):
            raise self._error(
                token, "is no word: words are letters and apostrophes, numbers spelled out"
            )
        return token
