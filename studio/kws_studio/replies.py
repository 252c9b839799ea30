"""What handlers answer, and what they read of a request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.errors import KwsError

if TYPE_CHECKING:
    from aiohttp import web

#: Bytes of a recording that a page sends, at most: four hours of 16-bit mono at 16 kHz.
MOST_BODY = 500_000_000
#: Bytes of a recording of the phrase, at most.
MOST_TAKE = 20_000_000
#: Bytes of a question in JSON, at most.
MOST_JSON = 100_000
#: Seconds in which some of a body must come.
PATIENCE = 60.0


class RequestError(KwsError):
    """A request that makes no sense."""


class TooLargeError(RequestError):
    """A body that is larger than it may be."""


async def read_json(request: web.Request) -> dict[str, Any]:
    """Read the JSON object that a page sends.

    Parameters
    ----------
    request : aiohttp.web.Request
        The request.

    Raises
    ------
    RequestError
        If it is none.
    """
    if request.content_type != "application/json":
        raise RequestError("the question must be JSON")
    if (request.content_length or 0) > MOST_JSON:
        raise TooLargeError(f"more than {MOST_JSON} bytes")
    body = bytearray()
    async for block in request.content.iter_any():
        body += block
        if len(body) > MOST_JSON:
            raise TooLargeError(f"more than {MOST_JSON} bytes")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError("the question is no JSON") from None
    if not isinstance(values, dict):
        raise RequestError("the question must be an object")
    return values


async def read_body(request: web.Request, path: Path, most: int) -> None:
    """Write the body of a request to a file: memory does not grow with it.

    Parameters
    ----------
    request : aiohttp.web.Request
        The request.
    path : Path
        The file.
    most : int
        Bytes, at most.

    Raises
    ------
    TooLargeError
        If there are more.
    """
    too_large = f"more than {most // 1_000_000} MB: cut it, or convert it to WAV at 16 kHz, mono"
    if (request.content_length or 0) > most:
        raise TooLargeError(too_large)
    taken = 0
    with path.open("wb") as stream:
        while True:
            async with asyncio.timeout(PATIENCE):
                block = await request.content.readany()
            if not block:
                return
            taken += len(block)
            if taken > most:
                raise TooLargeError(too_large)
            stream.write(block)


@contextlib.contextmanager
def incoming(root: Path, name: str) -> Iterator[Path]:
    """Give a file for what comes, under the name that people know it by; it is deleted in the end.

    Parameters
    ----------
    root : Path
        The project's folder: a recording may be too large for memory that is a folder.
    name : str
        What it is called; only the suffix is of use to readers.

    Yields
    ------
    Path
    """
    with tempfile.TemporaryDirectory(dir=root, prefix=".coming-") as folder:
        clean = "".join(one if one.isalnum() or one in "-_. " else "_" for one in name)[-80:]
        yield Path(folder) / (clean.lstrip(". ") or "recording")


def answer(values: Any, status: int = 200) -> web.Response:
    """Return JSON.

    Parameters
    ----------
    values : Any
        What is answered.
    status : int
        Of HTTP.
    """
    from aiohttp import web

    return web.json_response(values, status=status, headers={"Cache-Control": "no-store"})


def text_of(values: dict[str, Any], name: str, usual: str | None = None) -> str:
    """Return a text of a question.

    Parameters
    ----------
    values : dict
        The question.
    name : str
        Of the value.
    usual : str, optional
        Where it is missing.

    Raises
    ------
    RequestError
        If it is none.
    """
    value = values.get(name, usual)
    if not isinstance(value, str) or len(value) > 1000:
        raise RequestError(f"{name} must be a text")
    return value


def number_of(values: dict[str, Any], name: str) -> float:
    """Return a number of a question.

    Parameters
    ----------
    values : dict
        The question.
    name : str
        Of the value.

    Raises
    ------
    RequestError
        If it is none.
    """
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise RequestError(f"{name} must be a number")
    return float(value)
