"""Reads a flatbuffer that is trusted in nothing: every offset is checked before it is followed.

The interpreter follows the offsets of a file without looking, so that a crafted one crashes it.
Here are the rules of the flatbuffers verifier (google/flatbuffers, `verifier.h`): what a table, a
vector or a text names lies inside the buffer, aligned, and not too deep.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModelError

#: Tables inside tables, at most: those of a TFLite network are four deep.
MOST_DEEP = 8
#: Tables of a file, at most: a network of this project has some hundred tensors and operators.
MOST_TABLES = 100_000

_U16, _U32, _I32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")


@dataclass(frozen=True)
class Scalar:
    """A number in a table.

    Attributes
    ----------
    format : str
        As `struct` names it: "B", "i", "Q", ….
    """

    format: str


@dataclass(frozen=True)
class Numbers:
    """A vector of numbers, read as a `memoryview` of their bytes.

    Attributes
    ----------
    size : int
        Bytes of each.
    most : int
        Numbers that it has, at most.
    """

    size: int
    most: int


@dataclass(frozen=True)
class Text:
    """A text, read as bytes.

    Attributes
    ----------
    most : int
        Bytes that it has, at most.
    """

    most: int


@dataclass(frozen=True)
class Table:
    """A table inside a table.

    Attributes
    ----------
    fields : mapping of int to (str, kind)
        Name and kind of each field that may be there, by its number in the schema. Any other is
        refused: nobody knows where it leads.
    """

    fields: Mapping[int, tuple[str, Any]]


@dataclass(frozen=True)
class Tables:
    """A vector of tables of one kind.

    Attributes
    ----------
    table : Table
        What each is.
    most : int
        Tables that it has, at most.
    """

    table: Table
    most: int


@dataclass(frozen=True)
class Union:
    """A table whose kind another field, before it, tells.

    Attributes
    ----------
    kind : str
        Name of that field.
    tables : mapping of int to Table
        By the number of the kind; any other is refused.
    """

    kind: str
    tables: Mapping[int, Table]


class UnknownError(ModelError):
    """A network that may be whole, but has what is not known here: only a trial tells."""


@dataclass
class FlatbufferReader:
    """Reads tables of one buffer.

    Attributes
    ----------
    content : bytes
        The whole buffer.
    read : int
        Tables that were read.
    """

    content: bytes
    read: int = field(default=0, init=False)

    def root(self, table: Table) -> dict[str, Any]:
        """Read the table with which everything begins.

        Parameters
        ----------
        table : Table
            What it is.

        Returns
        -------
        dict
            What is there by name: int or float, bytes, memoryview, dict, or a list of dict. What
            is not there is not in it.

        Raises
        ------
        ModelError
            If anything lies outside of the buffer, is not aligned, or is more than may be there;
            `UnknownError` of a field or kind that is not known. The message is one line and does
            not name the file.
        """
        return self._table(self._follow(0), table, "the network", 0)

    def _table(self, at: int, table: Table, what: str, depth: int) -> dict[str, Any]:
        self.read += 1
        if depth > MOST_DEEP or self.read > MOST_TABLES:
            raise ModelError(f"{what} is one table too many: the network is damaged")
        vtable = at - self._number(_I32, at, what)
        if vtable % 2:
            raise ModelError(f"{what} is not aligned: the network is damaged")
        size = self._number(_U16, vtable, what)
        length = self._number(_U16, vtable + 2, what)
        if size < 4 or size % 2 or length < 4:
            raise ModelError(f"{what} has a table of {size} and {length} bytes: it is damaged")
        self._check(vtable, size, 2, what)
        self._check(at, length, 4, what)
        values: dict[str, Any] = {}
        for number in range((size - 4) // 2):
            offset = _U16.unpack_from(self.content, vtable + 4 + 2 * number)[0]
            if offset == 0:
                continue
            if number not in table.fields:
                raise UnknownError(f"{what} has a field {number} that is not known")
            name, kind = table.fields[number]
            width = struct.calcsize(kind.format) if isinstance(kind, Scalar) else 4
            if offset < 4 or offset + width > length or (at + offset) % width:
                raise ModelError(f"{what}: {name} lies outside of it: the network is damaged")
            values[name] = self._value(at + offset, kind, f"{what}: {name}", values, depth)
        return values

    def _value(self, at: int, kind: Any, what: str, before: dict[str, Any], depth: int) -> Any:
        if isinstance(kind, Scalar):
            return struct.unpack_from("<" + kind.format, self.content, at)[0]
        to = self._follow(at, what)
        if isinstance(kind, Table):
            return self._table(to, kind, what, depth + 1)
        if isinstance(kind, Union):
            chosen = before.get(kind.kind, 0)
            if chosen not in kind.tables:
                raise UnknownError(f"{what} are of a kind {chosen} that is not known")
            return self._table(to, kind.tables[chosen], what, depth + 1)
        count = self._number(_U32, to, what)
        if count > kind.most:
            raise ModelError(f"{what}: {count}, and at most {kind.most} are read: it is damaged")
        if isinstance(kind, Tables):
            self._check(to + 4, 4 * count, 4, what)
            return [
                self._table(
                    self._follow(to + 4 + 4 * number, what),
                    kind.table,
                    f"{what} {number}",
                    depth + 1,
                )
                for number in range(count)
            ]
        if isinstance(kind, Text):
            self._check(to + 4, count + 1, 1, what)  # a zero ends it
            if self.content[to + 4 + count]:
                raise ModelError(f"{what} does not end: the network is damaged")
            text = self.content[to + 4 : to + 4 + count]
            try:
                text.decode()  # as the interpreter does when it is asked for names
            except UnicodeDecodeError:
                raise ModelError(f"{what} is no text: the network is damaged") from None
            return text
        self._check(to + 4, kind.size * count, min(kind.size, 4), what)
        return memoryview(self.content)[to + 4 : to + 4 + kind.size * count]

    def _follow(self, at: int, what: str = "the network") -> int:
        """Return where an offset leads; only onwards, so that nothing holds itself."""
        offset = self._number(_U32, at, what)
        if offset == 0 or (at + offset) % 4:
            raise ModelError(f"{what} is not aligned: the network is damaged")
        return at + offset

    def _number(self, kind: struct.Struct, at: int, what: str) -> int:
        self._check(at, kind.size, kind.size, what)
        return int(kind.unpack_from(self.content, at)[0])

    def _check(self, at: int, size: int, alignment: int, what: str) -> None:
        if not 0 <= at <= at + size <= len(self.content) or at % alignment:
            raise ModelError(f"{what} lies outside of the file: the network is damaged")
