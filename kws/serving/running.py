"""Runs the servers of one process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from ..console import note, quiet
from ..errors import KwsError
from ..installing import install_extra
from ..packaged import COMMANDS
from ..spotter import KeywordSpotter
from .addresses import Address
from .announcing import announced
from .catalog import Catalog
from .events import HEADER_BYTES
from .hosting import quiet_runner, stop_signals
from .http_server import HttpServer
from .limits import Limits
from .origins import OriginRules
from .service import Service
from .tuning import Tuning
from .wyoming_server import WyomingServer


@dataclass(frozen=True)
class ServerConfig:
    """What is served, and where.

    Attributes
    ----------
    uri : Address or None
        Of the Wyoming server; None for none.
    http : Address or None
        Of the HTTP server; None for none.
    models : sequence of str
        Names of models in the package, model files, and folders of model files.
    tuning : Tuning
        Thresholds and refractory periods in place of those of the files.
    limits : Limits
        What clients may do.
    zeroconf : bool
        Whether the Wyoming server is announced to the local network.
    origins : sequence of str
        Web pages from elsewhere that may use the HTTP server.
    """

    uri: Address | None = None
    http: Address | None = None
    models: Sequence[str] = (COMMANDS,)
    tuning: Tuning = field(default_factory=Tuning)
    limits: Limits = field(default_factory=Limits)
    zeroconf: bool = False
    origins: Sequence[str] = ()


async def serve(config: ServerConfig) -> None:
    """Serve until SIGINT or SIGTERM comes, or the task is cancelled; then let all clients go.

    A line on stderr says of each server when it listens, and at which address.

    Parameters
    ----------
    config : ServerConfig
        What is served, and where.

    Raises
    ------
    KwsError
        If a model cannot be used, or an address cannot be listened on.
    """
    rules = OriginRules(config.origins)
    _check_installed(config)
    with quiet():  # of the interpreter, which says once what it is; not of what is left out
        KeywordSpotter.default()
    catalog = Catalog(config.models, config.tuning)
    words = [word.name for word in catalog.offer().words]
    shown = ", ".join(words[:20]) + (f" and {len(words) - 20} more" if len(words) > 20 else "")
    stopped = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        # one thread: models are read one after the other, and memory does not grow with threads
        loader = stack.enter_context(ThreadPoolExecutor(1, "kws models"))
        service = Service(catalog, config.limits, loader)
        with stop_signals(stopped):
            if config.uri is not None:
                wyoming = WyomingServer(service)
                address = await stack.enter_async_context(_listening(config.uri, wyoming))
                if config.zeroconf:
                    await stack.enter_async_context(announced(address))
                _say(address, shown)
            if config.http is not None:
                http = HttpServer(service, rules)
                serving = _serving(config.http, http, config.limits)
                _say(await stack.enter_async_context(serving), shown)
            await stopped.wait()


def _check_installed(config: ServerConfig) -> None:
    """Say at the start, not to the first client, which package is missing."""
    needed = {"wyoming": config.uri, "zeroconf": config.zeroconf, "aiohttp": config.http}
    for name, is_needed in needed.items():
        if is_needed and find_spec(name) is None:
            raise KwsError(f"{name} is missing: {install_extra('serve')}")


def _say(address: Address, words: str) -> None:
    """Say where a server listens: programs that start it wait for this line."""
    if not address.is_local:
        note(f"kws: {address} can be reached from other machines, and asks for no password")
    note(f"listening on {address} for {words or 'no model yet'}; Ctrl-C stops")


@contextlib.asynccontextmanager
async def _listening(address: Address, wyoming: WyomingServer) -> AsyncIterator[Address]:
    """Listen with a Wyoming server; gives the address with the port that it has."""
    if address.path is not None:
        _check_free(address.path)
    with _cannot_listen(address):
        if address.path is not None:
            server = await asyncio.start_unix_server(
                wyoming.serve, address.path, limit=HEADER_BYTES
            )
        else:
            server = await asyncio.start_server(
                wyoming.serve, address.host, address.port, limit=HEADER_BYTES
            )
            address = replace(address, port=server.sockets[0].getsockname()[1])
    try:
        yield address
    finally:
        server.close()
        await wyoming.stop()
        if address.path is not None:
            address.path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _serving(address: Address, http: HttpServer, limits: Limits) -> AsyncIterator[Address]:
    """Listen with an HTTP server; gives the address with the port that it has."""
    runner = quiet_runner(http.application(), keepalive_timeout=limits.idle_seconds)
    await runner.setup()
    protocols = runner.server
    assert protocols is not None, "it has been set up"
    try:
        with _cannot_listen(address):
            server = await asyncio.get_running_loop().create_server(
                http.connection_factory(protocols), address.host, address.port
            )
        try:
            yield replace(address, port=server.sockets[0].getsockname()[1])
        finally:
            server.close()
            await http.stop()
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def _cannot_listen(address: Address) -> Iterator[None]:
    """Say in one line why an address cannot be listened on."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = "port" if address.path is None else "path"
            raise KwsError(
                f"{address}: is in use: stop what uses it, or name another {what}"
            ) from None
        # of asyncio's errors the first argument alone tells
        raise _cannot_be_listened_on(address, error.strerror or str(error)) from None
    except ValueError as error:  # a name that no machine has, a null byte in a path
        raise _cannot_be_listened_on(address, str(error)) from None


def _cannot_be_listened_on(address: Address, reason: str) -> KwsError:
    if address.path is None:
        hint = "give an address of this machine (0.0.0.0: all of them) and a port from 1024"
    else:
        hint = "name a folder that is there and that you may write to"
    return KwsError(f"{address}: cannot be listened on ({reason}): {hint}")


def _check_free(path: Path) -> None:
    """Refuse a Unix socket on which another server listens: asyncio would take its place."""
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        raise KwsError(f"unix://{path}: is in use: stop what uses it, or name another path")
