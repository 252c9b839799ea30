"""Reads grammars in JSGF, the Java Speech Grammar Format.

A public rule is an intent. A tag names a slot: ``(small | large) {size}`` gives the words that were
said as the slot ``size``, ``(tiny | small) {size=small}`` the text ``small``. ``{intent=order}``
names the intent in place of the rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .expression import (
    DEEPEST,
    IMPOSSIBLE,
    LONGEST_NAME,
    MOST_REPEATS,
    NOTHING,
    Expression,
    Grammar,
    GrammarError,
    Intent,
    Repeat,
    Slot,
    Value,
    Word,
    checked,
    choice,
    optional,
    sequence,
)
from .words import is_word

#: Characters of a file, at most.
LONGEST = 1_000_000
#: Rules of a grammar, at most.
MOST_RULES = 5_000
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<blank>\s+)
    |(?P<rule><[^<>;\n]*>)
    |(?P<tag>\{(?:[^{}\\]|\\.)*\})
    |(?P<quoted>"(?:[^"\\\n]|\\.)*")
    |(?P<weight>/\s*\d+(?:\.\d*)?(?:[eE][-+]?\d+)?\s*/)
    |(?P<sign>[=|*+();\[\]])
    |(?P<word>[^\s=|*+<>(){};\[\]"/\\]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def read_jsgf(text: str, source: str) -> Grammar:
    """Read a grammar in JSGF.

    Parameters
    ----------
    text : str
        The file. Rules, alternatives, groups, optional parts, ``*`` and ``+``, tags, quoted words,
        ``<NULL>`` and ``<VOID>`` are read. ``*`` and ``+`` stand for `MOST_REPEATS` times at most.
        Weights are left out, with a note. Imports, and rules
        that are part of themselves, are refused.
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
    >>> text = '''#JSGF V1.0;
    ... grammar lights;
    ... public <switch> = (turn | switch) the light (on | off) {state};
    ... '''
    >>> read_jsgf(text, "lights.jsgf").intents[0].name
    'switch'
    """
    return _Reader(text, source).grammar()


class _Reader:
    """Reads one file: first which rules there are, then each as it is named."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        if len(text) > LONGEST:
            raise GrammarError(
                f"{source}: has {len(text)} characters, of which {LONGEST} are read: "
                "make the grammar smaller"
            )
        header = re.match(r"\ufeff?#JSGF\b[^;\n]*;?", text)
        if header is None:
            raise GrammarError(f"{source}: line 1: does not begin with #JSGF V1.0;")
        self._tokens = self._split(text, header.end())
        self._name = ""
        self._bodies: dict[str, tuple[int, list[_Token]]] = {}
        self._public: list[str] = []
        self._weights = 0
        self._made: dict[str, Expression] = {}
        self._open: list[str] = []
        self._depth = 0  # of groups and rules that are being read
        self._statements()

    def _error(self, token: _Token, what: str) -> GrammarError:
        return GrammarError(f"{self._source}: line {token.line}: {token.text[:40]!r}: {what}")

    def _split(self, text: str, place: int) -> list[_Token]:
        tokens, line = [], 1
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                rest = text[place:].split(None, 1)[0]
                raise self._error(_Token("", rest, line), "cannot be read here")
            kind = str(found.lastgroup)
            if kind not in ("comment", "blank"):
                tokens.append(_Token(kind, found.group(), line))
            line += found.group().count("\n")
            place = found.end()
        return tokens

    def _statements(self) -> None:
        statement: list[_Token] = []
        for token in self._tokens:
            if token.text != ";" or token.kind != "sign":
                statement.append(token)
                continue
            if statement:
                self._statement(statement)
            statement = []
        if statement:
            raise self._error(statement[0], "the statement that begins here has no ; at its end")
        if not self._public:
            raise GrammarError(f"{self._source}: has no public rule: write public before one")

    def _statement(self, tokens: list[_Token]) -> None:
        first = tokens[0]
        if first.text == "grammar" and not self._bodies:
            self._name = tokens[-1].text if len(tokens) == 2 else ""
            return
        if first.text == "import":
            raise self._error(first, "other grammars are not read: copy their rules here")
        public = first.text == "public"
        rest = tokens[1:] if public else tokens
        if len(rest) < 3 or rest[0].kind != "rule" or rest[1].text != "=":
            raise self._error(first, "is no rule: write it as in  public <name> = words;")
        name = self._rule_name(rest[0])
        if name in self._bodies:
            raise self._error(rest[0], f"is there already, in line {self._bodies[name][0]}")
        if name in ("NULL", "VOID"):
            raise self._error(rest[0], "is a name of JSGF's own: take another")
        if len(self._bodies) >= MOST_RULES:
            raise self._error(rest[0], f"is one rule too many: {MOST_RULES} are read")
        self._bodies[name] = (rest[0].line, rest[2:])
        if public:
            self._public.append(name)

    def _rule_name(self, token: _Token) -> str:
        name = token.text[1:-1].strip().removeprefix(f"{self._name}.")
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise self._error(token, f"is no name of 1 to {LONGEST_NAME} characters")
        return name

    def grammar(self) -> Grammar:
        intents = []
        for name in self._public:
            line, _ = self._bodies[name]
            intents.append(Intent(name, self.rule(_Token("rule", f"<{name}>", line))))
        for name, (line, _) in self._bodies.items():  # what nobody uses is checked all the same
            self.rule(_Token("rule", f"<{name}>", line))
        notes: tuple[str, ...] = ()
        if self._weights:
            notes = (
                f"{self._source}: {self._weights} weights are left out: all choices count alike",
            )
        return checked(Grammar(tuple(intents), self._source, notes=notes))

    def rule(self, token: _Token) -> Expression:
        name = self._rule_name(token)
        if name == "NULL":
            return NOTHING
        if name == "VOID":
            return IMPOSSIBLE
        if name not in self._bodies:
            raise self._error(token, "is no rule of this grammar: write it, or correct the name")
        if name in self._open:
            raise self._error(token, "is part of itself: write it with * or +")
        if name not in self._made:
            self._deeper(token)
            self._open.append(name)
            tokens = self._bodies[name][1]
            found, place = self._choice(tokens, 0)
            if place < len(tokens):
                raise self._error(tokens[place], "closes what is not open")
            self._made[name] = found
            self._open.pop()
            self._depth -= 1
        return self._made[name]

    def _deeper(self, token: _Token) -> None:
        if self._depth >= DEEPEST:
            raise self._error(token, f"is nested more than {DEEPEST} deep: flatten it")
        self._depth += 1

    def _choice(self, tokens: list[_Token], place: int) -> tuple[Expression, int]:
        """Read alternatives up to what closes them; return them and the place of that."""
        parts = []
        while True:
            part, place = self._sequence(tokens, place)
            parts.append(part)
            if place >= len(tokens) or tokens[place].text != "|":
                return choice(parts), place
            place += 1

    def _sequence(self, tokens: list[_Token], place: int) -> tuple[Expression, int]:
        parts: list[Expression] = []
        begun = place
        while place < len(tokens):
            token = tokens[place]
            if token.kind == "sign" and token.text in "|)]":
                break
            if token.kind == "weight":
                if place != begun:
                    raise self._error(token, "a weight stands before an alternative")
                self._weights += 1
                place += 1
                continue
            part, place = self._item(tokens, place)
            while place < len(tokens) and (
                tokens[place].text in "*+" or tokens[place].kind == "tag"
            ):
                part = self._modified(part, tokens[place])
                place += 1
            parts.append(part)
        if not parts:
            at = tokens[place] if place < len(tokens) else tokens[-1]
            raise self._error(at, "nothing is said here: write words, or <NULL>")
        return sequence(parts), place

    def _item(self, tokens: list[_Token], place: int) -> tuple[Expression, int]:
        token = tokens[place]
        if token.kind == "rule":
            return self.rule(token), place + 1
        if token.text in ("(", "["):
            self._deeper(token)
            part, place = self._choice(tokens, place + 1)
            self._depth -= 1
            closing = ")" if token.text == "(" else "]"
            if place >= len(tokens) or tokens[place].text != closing:
                raise self._error(token, f"is not closed by {closing}")
            return (part if closing == ")" else optional(part)), place + 1
        if token.kind == "quoted":
            words = re.sub(r"\\(.)", r"\1", token.text[1:-1]).split()
            return sequence([self._word(word, token) for word in words]), place + 1
        if token.kind != "word":
            raise self._error(token, "cannot stand here")
        return self._word(token.text, token), place + 1

    def _word(self, text: str, token: _Token) -> Expression:
        if not is_word(text):
            raise self._error(
                token, "is no word: words are letters and apostrophes, numbers spelled out"
            )
        return Word(text, token.line)

    def _modified(self, part: Expression, token: _Token) -> Expression:
        if token.kind != "tag":
            return Repeat(part, 0 if token.text == "*" else 1, MOST_REPEATS)
        text = re.sub(r"\\(.)", r"\1", token.text[1:-1]).strip()
        name, equals, value = (piece.strip() for piece in text.partition("="))
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or (equals and not value):
            raise self._error(token, "is no slot: write {name} or {name=value}")
        return Slot(name, Value(value, part) if equals else part)
