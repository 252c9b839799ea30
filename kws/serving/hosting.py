"""What serves until it is told to stop has in common: signals, aiohttp, the end of a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import KwsError

if TYPE_CHECKING:
    from aiohttp import web

#: Seconds that requests have to end when a server stops.
STOP_SECONDS = 1.0
#: Bytes of the reason with which a WebSocket is closed: 123 are allowed.
LONGEST_REASON = 120


@contextlib.contextmanager
def stop_signals(stopped: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM end what is served in place of the process.

    Parameters
    ----------
    stopped : asyncio.Event
        Set by either.
    """
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def quiet_runner(application: web.Application, **settings: Any) -> web.AppRunner:
    """Return what runs an application of aiohttp, and logs nothing.

    Parameters
    ----------
    application : aiohttp.web.Application
        What is served.
    **settings : Any
        Of aiohttp's server, beside those that are set here.

    Returns
    -------
    aiohttp.web.AppRunner
        Not set up yet.
    """
    from aiohttp import web

    silent = logging.Logger("kws")  # what a client does wrong is said to the client
    silent.addHandler(logging.NullHandler())
    return web.AppRunner(
        application,
        handle_signals=False,
        access_log=None,
        logger=silent,
        shutdown_timeout=STOP_SECONDS,
        auto_decompress=False,  # a recording is no longer than it came: a bomb can be in it
        **settings,
    )


def close_reason(error: KwsError) -> bytes:
    """Return an error as the reason with which a WebSocket is closed.

    Parameters
    ----------
    error : KwsError
        What went wrong.

    Returns
    -------
    bytes
        ASCII, at most `LONGEST_REASON`, so that no character is cut.
    """
    return str(error).encode("ascii", "backslashreplace")[:LONGEST_REASON]
