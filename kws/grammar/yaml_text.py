"""Reads the part of YAML in which grammars are written: mappings, lists, texts, comments.

The device has no YAML library. What this reader takes, any YAML library reads the same way, but
that every plain scalar is a text: ``on``, ``no`` and ``12`` stay as they are written. A list of
texts may stand in the line of its key: ``size: [small, large]``. All else of YAML (anchors, tags,
texts of several lines, other flow collections with something in them) is refused with its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .expression import GrammarError

#: Lines of a file, at most.
MOST_LINES = 20_000
#: Characters of a line, at most.
LONGEST_LINE = 20_000
#: Collections within collections, at most.
DEEPEST = 12
#: What begins something that YAML knows and this reader does not, and what to do.
REFUSED = {
    "&": "anchors are not read: write the text out",
    "*": "aliases are not read: write the text out",
    "!": "tags are not read: leave it out",
    "|": "texts of several lines are not read: write it in one",
    ">": "texts of several lines are not read: write it in one",
    "[": "YAML reads [ as a list, which is read behind a key alone: put the text in quotes",
    "{": "YAML reads { as a mapping: put the text in quotes",
    "@": "YAML keeps @ for itself: put the text in quotes",
    "`": "YAML keeps ` for itself: put the text in quotes",
    "%": "YAML keeps % for itself: put the text in quotes",
    ",": "a text cannot begin with a comma: put it in quotes",
    "]": "a text cannot begin with ]: put it in quotes",
    "}": "a text cannot begin with }: put it in quotes",
}
#: What a backslash and a letter mean between double quotes.
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t", " ": " "}


@dataclass(frozen=True)
class Text:
    """A text, and the line that it is in.

    Attributes
    ----------
    text : str
        Without quotes.
    line : int
        Counted from 1.
    """

    text: str
    line: int


@dataclass(frozen=True)
class List:
    """A list, and the line that it begins in.

    Attributes
    ----------
    items : tuple of Node
        In their order.
    line : int
        Counted from 1.
    """

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True)
class Mapping:
    """A mapping, and the line that it begins in.

    Attributes
    ----------
    items : dict of str to Node
        In their order.
    lines : dict of str to int
        The line of each key.
    line : int
        Counted from 1.
    """

    items: dict[str, Node]
    lines: dict[str, int]
    line: int


Node = Text | List | Mapping


@dataclass(frozen=True)
class _Line:
    """A line that holds something."""

    number: int
    indent: int
    text: str  # without indentation, comment and trailing blanks


def read_yaml(text: str, source: str) -> Node:
    r"""Read a file of mappings, lists and texts.

    Parameters
    ----------
    text : str
        The whole file.
    source : str
        Its name, for messages.

    Returns
    -------
    Text, List or Mapping
        What it holds.

    Raises
    ------
    GrammarError
        If it is empty, too large or holds what is not read; the message names the line.

    Examples
    --------
    >>> read_yaml("slots:\n  colour: [] # none\n", "x.yaml").items["slots"].items["colour"].items
    ()
    """
    return _Reader(text, source).whole()


class _Reader:
    """Reads the lines of one file, each once."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._lines = self._split(text)
        self._next = 0

    def whole(self) -> Node:
        if not self._lines:
            raise GrammarError(f"{self._source}: is empty: write a grammar into it")
        node = self._node(self._lines[0].indent, 0)
        if self._next < len(self._lines):
            line = self._lines[self._next]
            raise self._error(line, line.text, "is indented otherwise than the lines above")
        return node

    def _error(self, line: _Line | int, token: str, what: str) -> GrammarError:
        number = line if isinstance(line, int) else line.number
        return GrammarError(f"{self._source}: line {number}: {token[:40]!r}: {what}")

    def _split(self, text: str) -> list[_Line]:
        rows = text.removeprefix("\ufeff").splitlines()
        if len(rows) > MOST_LINES:
            raise GrammarError(
                f"{self._source}: has {len(rows)} lines, of which {MOST_LINES} are read: "
                "make the grammar smaller"
            )
        lines: list[_Line] = []
        for number, row in enumerate(rows, 1):
            if len(row) > LONGEST_LINE:
                raise self._error(
                    number, row, f"is longer than {LONGEST_LINE} characters: break it up"
                )
            body = row.lstrip(" ")
            if body.startswith("\t"):
                raise self._error(number, row.strip(), "is indented by a tab: use blanks")
            bare = self._without_comment(body, number)
            if not bare or (bare == "---" and not lines):
                continue
            if bare in ("---", "..."):
                raise self._error(number, bare, "begins a second document: one is read")
            lines.append(_Line(number, len(row) - len(body), bare))
        return lines

    def _without_comment(self, text: str, number: int) -> str:
        quote, place = "", 0
        while place < len(text):
            sign = text[place]
            if quote:
                if sign == "\\" and quote == '"':
                    place += 1
                elif sign == quote:
                    quote = ""
            elif sign in "\"'" and (place == 0 or text[place - 1] == " "):
                quote = sign
            elif sign == "#" and (place == 0 or text[place - 1] in " \t"):
                return text[:place].rstrip()
            place += 1
        if quote == '"' or (quote and text.lstrip("- ").startswith("'")):
            raise self._error(number, text, f"the quote {quote} is not closed in its line")
        return text.rstrip()

    def _node(self, indent: int, depth: int) -> Node:
        line = self._lines[self._next]
        if depth > DEEPEST:
            raise self._error(line, line.text, f"is nested more than {DEEPEST} deep: flatten it")
        if line.text == "-" or line.text.startswith("- "):
            return self._list(indent, depth)
        key, _ = self._key(line)
        if key is None:
            self._next += 1
            return self._scalar(line.text, line.number)
        return self._mapping(indent, depth)

    def _list(self, indent: int, depth: int) -> List:
        first = self._lines[self._next].number
        items: list[Node] = []
        while self._next < len(self._lines):
            line = self._lines[self._next]
            if line.indent != indent or not (line.text == "-" or line.text.startswith("- ")):
                break
            rest = line.text[1:].lstrip()
            if not rest:
                raise self._error(line, line.text, "an item is empty: write a text behind the dash")
            if self._looks_like_collection(rest, line):
                # a collection that begins behind the dash: it is indented as deep as it stands
                inner = indent + len(line.text) - len(rest)
                self._lines[self._next] = _Line(line.number, inner, rest)
                items.append(self._node(inner, depth + 1))
            else:
                self._next += 1
                items.append(self._scalar(rest, line.number))
        self._check_end(indent)
        return List(tuple(items), first)

    def _looks_like_collection(self, text: str, line: _Line) -> bool:
        if text == "-" or text.startswith("- "):
            return True
        return self._key(_Line(line.number, 0, text))[0] is not None

    def _mapping(self, indent: int, depth: int) -> Mapping:
        first = self._lines[self._next].number
        items: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while self._next < len(self._lines):
            line = self._lines[self._next]
            if line.indent != indent:
                break
            key, rest = self._key(line)
            if key is None:
                raise self._error(line, line.text, "is no key: write it as in  name: text")
            if key in items:
                raise self._error(
                    line, key, f"is there already, in line {lines[key]}: join the two"
                )
            self._next += 1
            lines[key] = line.number
            if rest.startswith("["):
                items[key] = self._texts(rest, line.number)
            else:
                items[key] = self._scalar(rest, line.number) if rest else self._below(line, depth)
        self._check_end(indent)
        return Mapping(items, lines, first)

    def _below(self, line: _Line, depth: int) -> Node:
        """Read what belongs to a key that has nothing in its own line."""
        if self._next < len(self._lines):
            below = self._lines[self._next]
            is_item = below.text == "-" or below.text.startswith("- ")
            if below.indent > line.indent or (below.indent == line.indent and is_item):
                return self._node(below.indent, depth + 1)
        raise self._error(
            line, line.text, "has nothing below it: write what belongs to it, or [] or {}"
        )

    def _check_end(self, indent: int) -> None:
        if self._next < len(self._lines):
            line = self._lines[self._next]
            if line.indent > indent:
                raise self._error(line, line.text, "is indented otherwise than the lines above")

    def _key(self, line: _Line) -> tuple[str | None, str]:
        """Return the key of a line and what follows it; None where there is no key."""
        text = line.text
        if text[:1] in ("'", '"'):
            end = self._quote_end(text, line.number)
            rest = text[end:].lstrip()
            if not rest.startswith(":") or rest[1:2] not in ("", " "):
                return None, ""
            return self._unquoted(text[:end], line.number), rest[1:].strip()
        place = text.find(": ")
        if place < 0:
            if not text.endswith(":"):
                return None, ""
            place = len(text) - 1
        key = text[:place].rstrip()
        if not key or key[0] in REFUSED:
            raise self._error(line, text, REFUSED.get(key[:1], "a key is empty: name it"))
        return key, text[place + 1 :].strip()

    def _texts(self, text: str, number: int) -> List:
        """Read a list of texts in one line, from its bracket on."""
        items: list[Node] = []
        place = 1
        while True:
            place += len(text[place:]) - len(text[place:].lstrip(" "))
            if text[place : place + 1] == "]":
                break
            end = self._text_end(text, place, number)
            items.append(self._scalar(text[place:end].strip() or ",", number))
            place = end + (text[end] == ",")
        if text[place + 1 :]:
            raise self._error(
                number, text, "goes on behind its list, as YAML reads it: put it all in quotes"
            )
        return List(tuple(items), number)

    def _text_end(self, text: str, place: int, number: int) -> int:
        """Return the place of the comma or bracket behind a text of a list in one line."""
        end = place
        if text[place : place + 1] in ("'", '"'):
            end = place + self._quote_end(text[place:], number)
        for sign in text[end:]:
            if sign in ",]":
                return end
            if sign in "[{}?:" or (sign in "-#" and not text[place:end].strip()):
                raise self._error(
                    number, text[place:], f"a text with {sign} in a list: put it in quotes"
                )
            end += 1
        raise self._error(number, text, "the list is not closed in its line: write one item a line")

    def _scalar(self, text: str, number: int) -> Node:
        if text == "[]":
            return List((), number)
        if text == "{}":
            return Mapping({}, {}, number)
        if text[0] in "\"'":
            end = self._quote_end(text, number)
            if text[end:].strip():
                raise self._error(
                    number, text[end:].strip(), "follows the closing quote: leave it out"
                )
            return Text(self._unquoted(text[:end], number), number)
        if text[0] in REFUSED:
            raise self._error(number, text, REFUSED[text[0]])
        if ": " in text or text.endswith(":"):
            raise self._error(number, text, "YAML reads the colon as a key: put the text in quotes")
        return Text(text, number)

    def _quote_end(self, text: str, number: int) -> int:
        """Return the place behind the quote that closes the one with which a text begins."""
        quote, place = text[0], 1
        while place < len(text):
            if text[place] == "\\" and quote == '"':
                place += 2
                continue
            if text[place] == quote:
                if quote == "'" and text[place + 1 : place + 2] == "'":
                    place += 2
                    continue
                return place + 1
            place += 1
        raise self._error(number, text, f"the quote {quote} is not closed in its line")

    def _unquoted(self, text: str, number: int) -> str:
        body = text[1:-1]
        if text[0] == "'":
            return body.replace("''", "'")
        signs: Sequence[str] = body
        made, place = [], 0
        while place < len(signs):
            sign = signs[place]
            if sign == "\\":
                place += 1
                if signs[place] not in ESCAPES:
                    raise self._error(number, f"\\{signs[place]}", "is an escape that is not read")
                sign = ESCAPES[signs[place]]
            made.append(sign)
            place += 1
        return "".join(made)
