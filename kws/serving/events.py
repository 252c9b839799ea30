"""Messages of the Wyoming protocol, read with a bound on everything that a client may name.

A message is a line of JSON, then so many bytes of JSON and so many of payload as the line says. The
`wyoming` package reads as many as it is told; here nothing is read that is longer than its bound.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ..errors import KwsError
from ..fields import strict_json

if TYPE_CHECKING:
    from wyoming.event import Event

#: Bytes of the line, at most, and of the data after it.
HEADER_BYTES = 1 << 16


class ProtocolError(KwsError):
    """A message that cannot be read: nothing after it can be either."""


async def read_event(reader: asyncio.StreamReader, most_payload: int) -> Event | None:
    """Read a message.

    Parameters
    ----------
    reader : asyncio.StreamReader
        The connection, whose limit is `HEADER_BYTES`.
    most_payload : int
        Bytes of the payload, at most.

    Returns
    -------
    Event or None
        None at the end of the stream.

    Raises
    ------
    ProtocolError
        If the message is cut off, longer than its bounds, or none.
    """
    from wyoming.event import Event

    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ProtocolError("the connection ended within a message") from None
        return None
    except asyncio.LimitOverrunError:
        raise ProtocolError(f"the first line of a message is above {HEADER_BYTES} bytes") from None
    header = _object(line, "the first line of a message")
    kind = header.get("type")
    if not isinstance(kind, str):
        raise ProtocolError("a message has no type")
    data = header.get("data")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ProtocolError("the data of a message is no JSON object")
    size = _length(header, "data_length", HEADER_BYTES)
    payload_size = _length(header, "payload_length", most_payload)
    try:
        if size:
            data = {**data, **_object(await reader.readexactly(size), "the data of a message")}
        payload = await reader.readexactly(payload_size) if payload_size else None
    except asyncio.IncompleteReadError:
        raise ProtocolError("the connection ended within a message") from None
    return Event(type=kind, data=data, payload=payload)


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = strict_json(text)
        if b"\\u" in text:  # half a character, which no answer could repeat
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ProtocolError(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is no JSON object")
    return value


def _length(header: dict[str, Any], name: str, most: int) -> int:
    value = header.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ProtocolError(f"{name} must be a whole number from 0 to {most}")
    return value
