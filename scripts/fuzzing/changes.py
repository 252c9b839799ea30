"""Changes of inputs: bytes, text, JSON values, ZIP archives."""

from __future__ import annotations

import bz2
import functools
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

#: Bytes of a changed input, at most.
LARGEST = 1 << 21
#: Numbers that readers trip over.
NUMBERS = (
    *(0, 1, 2, 3, 7, 8, 16, 255, 256, 4095, 65535, 65536, 10**9),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1),
)
#: Values that JSON may hold where something else is wanted.
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        0.5,
        -0.0,
        1e-320,
        1e308,
        -1e308,
        10**9,
        2**31,
        2**63,
        10**30,
    ),
    *("", "a", "0", "-1", "\0", "\ud800", "a\nb", "é" * 100, "../x", "/etc/passwd", "x" * 100_000),
    *([], {}, [None], [[]], [0] * 2000, {"": 0}, [[[[[[[[]]]]]]]]),
)


def change_bytes(content: bytes, draw: random.Random) -> bytes:
    """Change an input of which nothing is known.

    Parameters
    ----------
    content : bytes
        The input.
    draw : random.Random
        Says what is changed.

    Returns
    -------
    bytes
        With one to eight changes; at most `LARGEST` bytes.
    """
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 5, 8))):
        _change_once(changed, draw)
    return bytes(changed[:LARGEST])


def _change_once(content: bytearray, draw: random.Random) -> None:
    size = len(content)
    # headers are at the front: half of the changes are there
    at = draw.randrange(min(size, 128) if draw.random() < 0.5 else size) if size else 0
    span = min(draw.choice((1, 2, 4, 8, 16, 64, 1024)), size - at)
    what = draw.randrange(9)
    if what == 0 and size:
        content[at] ^= 1 << draw.randrange(8)
    elif what == 1 and size:
        content[at] = draw.randrange(256)
    elif what in (2, 3):
        width = draw.choice((1, 2, 4, 8))
        number = draw.choice((*NUMBERS, size, size - at, draw.randrange(2**32)))
        word = (number % 2 ** (8 * width)).to_bytes(width, draw.choice(("little", "big")))
        content[at : at + width] = word
    elif what == 4:
        del content[at:]
    elif what == 5:
        del content[at : at + span]
    elif what == 6:
        content[at:at] = bytes(content[at : at + span]) * draw.choice((1, 1, 2, 10, 100))
    elif what == 7:
        content[at:at] = draw.randbytes(draw.choice((1, 2, 4, 16, 256)))
    else:
        content[at : at + span] = draw.choice((b"\0", b"\xff")) * span


def change_text(
    tokens: Sequence[str], separators: str = ",\n"
) -> Callable[[bytes, random.Random], bytes]:
    """Return what changes a text of fields.

    Parameters
    ----------
    tokens : sequence of str
        What fields may hold.
    separators : str
        What is between them, a character each.

    Returns
    -------
    callable
        Takes an input and the source of what is random; a fifth of the changes know nothing of
        fields.
    """
    odd = (
        *(
            "",
            " ",
            "\0",
            '"',
            '""',
            '"a',
            "\\",
            "'",
            "..",
            "../x",
            "/etc/passwd",
            "~",
            "C:\\x",
            "-",
        ),
        *(
            "nan",
            "inf",
            "-1",
            "1e999",
            "9" * 5000,
            "é",
            "\u202e",
            "\ufeff",
            "\x1b[2J",
            "x" * 20_000,
        ),
    )

    def change(content: bytes, draw: random.Random) -> bytes:
        if draw.random() < 0.2:
            return change_bytes(content, draw)
        text = content.decode("utf-8", "surrogateescape")
        for _ in range(draw.choice((1, 1, 2, 4))):
            text = _change_field(text, draw, (*tokens, *odd), separators)[:LARGEST]
        encoded = text.encode("utf-8", "surrogateescape")
        if draw.random() < 0.03:
            encoded = text.encode("utf-16", "replace")
        return encoded[:LARGEST]

    return change


def _change_field(text: str, draw: random.Random, tokens: Sequence[str], separators: str) -> str:
    places = [0, *(n + 1 for n, one in enumerate(text) if one in separators), len(text) + 1]
    which = draw.randrange(len(places) - 1)
    start, end = places[which], places[which + 1] - 1
    what = draw.randrange(6)
    if what in (0, 1, 2):
        return text[:start] + draw.choice(tokens) + text[end:]
    if what == 3:
        return text[:start] + text[end + 1 :]
    if what == 4:
        piece = text[start : end + 1] or draw.choice(tokens)
        times = min(draw.choice((2, 2, 30, 1000)), 1 + 100_000 // (1 + len(piece)))
        return text[:start] + piece * times + text[start:]
    at = draw.randrange(len(text) + 1)
    return text[:at] + draw.choice((*tokens, *separators)) + text[at:]


def change_values(values: Any, draw: random.Random, times: int | None = None) -> Any:
    """Change some of what a JSON value holds, at any depth.

    Parameters
    ----------
    values : object
        Lists, dicts, texts, numbers; it is not changed itself.
    draw : random.Random
        Says what is changed.
    times : int, optional
        Number of changes; drawn unless given.

    Returns
    -------
    object
        Another value.
    """
    values = _copied(values)
    for _ in range(times or draw.choice((1, 1, 1, 2, 4))):
        places = list(_places(values))
        if not places:
            return _copied(draw.choice(VALUES))
        holder, key = draw.choice(places)
        old = holder[key]
        what = draw.randrange(8)
        if what == 0:
            del holder[key]
        elif what == 1 and isinstance(holder, dict):
            holder[draw.choice((f"{key}x", "", "é", key.upper()))] = old
        elif what == 2 and isinstance(holder, list):
            many = draw.choice((1, 2, 1000)) if _small(old) and _small(values, 20_000) else 1
            holder[key:key] = [_copied(old) for _ in range(many)]
        elif what == 3:  # what is right elsewhere
            other, name = draw.choice(places)
            if _small(other[name]):
                holder[key] = _copied(other[name])
        elif what in (4, 5) and isinstance(old, int | float) and not isinstance(old, bool):
            near = (old + 1, old - 1, -old, old * 2, old / 3, old * 1e6, float(old), old + 1e-9)
            holder[key] = draw.choice(near)
        else:
            holder[key] = _copied(draw.choice(VALUES))
    return values


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _small(value: Any, most: int = 1000) -> bool:
    return len(json.dumps(value)) < most


def _places(values: Any) -> Any:
    """Yield where in a JSON value something is: what holds it, and the key or number."""
    waiting = [values]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            inside = one.items() if isinstance(one, dict) else enumerate(one)
            for key, value in inside:
                yield one, key
                waiting.append(value)


def to_json(values: Any, draw: random.Random) -> bytes:
    """Return a JSON value as text, now and then with what JSON does not allow.

    Parameters
    ----------
    values : object
        What is written.
    draw : random.Random
        Says whether it is damaged.

    Returns
    -------
    bytes
    """
    text = json.dumps(values).encode()
    damage = draw.random()
    if damage < 0.05:
        return change_bytes(text, draw)
    if damage < 0.08:
        odd = (b"NaN", b"Infinity", b"1e999", b"9" * 5000, b"[" * 100_000, b'{"a":' * 50_000)
        at = draw.randrange(len(text) + 1)
        return text[:at] + draw.choice(odd) + text[at:]
    return text


def entries_of(content: bytes) -> dict[str, bytes]:
    """Return what a ZIP archive holds, by name.

    Parameters
    ----------
    content : bytes
        The archive, whole.

    Returns
    -------
    dict of str to bytes
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(
    entries: Sequence[tuple[str, bytes]], before: bytes = b"", method: int = zipfile.ZIP_STORED
) -> bytes:
    """Return a ZIP archive, whose names may come twice or lead outside.

    Parameters
    ----------
    entries : sequence of (str, bytes)
        Names and contents.
    before : bytes
        What comes before the archive.
    method : int
        How entries are compressed.

    Returns
    -------
    bytes
    """
    stream = io.BytesIO(before)
    stream.seek(len(before))
    with zipfile.ZipFile(stream, "a") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = method
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return stream.getvalue()


def lie_about_sizes(content: bytes, draw: random.Random) -> bytes:
    """Change a size, a place or a flag in the directory of a ZIP archive.

    Parameters
    ----------
    content : bytes
        With an archive in it.
    draw : random.Random
        Says what is changed.

    Returns
    -------
    bytes
    """
    signature = draw.choice((b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"))
    places = []
    at = content.find(signature)
    while at >= 0:
        places.append(at)
        at = content.find(signature, at + 4)
    if not places:
        return change_bytes(content, draw)
    # flags, method, CRC, sizes, lengths of names, places
    offset, kind = draw.choice(
        (
            *((4, "<H"), (6, "<H"), (8, "<H"), (10, "<H"), (12, "<I"), (14, "<I"), (16, "<I")),
            *((18, "<I"), (20, "<I"), (22, "<I"), (24, "<I"), (26, "<H"), (28, "<H"), (42, "<I")),
        )
    )
    start = draw.choice(places) + offset
    changed = bytearray(content)
    number = draw.choice(NUMBERS) % 2 ** (8 * struct.calcsize(kind))
    changed[start : start + struct.calcsize(kind)] = struct.pack(kind, number)
    return bytes(changed[: len(content)])


def with_bomb(content: bytes, name: str, draw: random.Random) -> bytes:
    """Add an entry of many bytes in few to a ZIP archive.

    Parameters
    ----------
    content : bytes
        The archive.
    name : str
        Of the entry.
    draw : random.Random
        Says what it is full of.

    Returns
    -------
    bytes
    """
    fill, size = draw.choice((b"\0", b" ", b"[")), draw.choice((5, 5, 5, 30, 150)) << 20
    method = draw.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    packed, checksum = _packed(fill, size, method)
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        info = zipfile.ZipInfo(name)
        archive.writestr(info, packed)
        # what the directory says counts, and it is written at the end
        info.compress_type, info.file_size, info.CRC = method, size, checksum
    return stream.getvalue()


@functools.cache
def _packed(fill: bytes, size: int, method: int) -> tuple[bytes, int]:
    """Return so many bytes, compressed, and their checksum."""
    piece, checksum = fill * (1 << 20), 0
    compressor: Any = zlib.compressobj(9, zlib.DEFLATED, -15)
    if method == zipfile.ZIP_BZIP2:
        compressor = bz2.BZ2Compressor()
    packed = []
    for _ in range(size >> 20):
        packed.append(compressor.compress(piece))
        checksum = zlib.crc32(piece, checksum)
    return b"".join((*packed, compressor.flush())), checksum
