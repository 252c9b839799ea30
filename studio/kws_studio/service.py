"""Runs the studio until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.console import note
from kws.errors import KwsError
from kws.serving.addresses import Address
from kws.serving.hosting import quiet_runner, stop_signals
from kws.serving.origins import OriginRules

from .access import Access, new_token
from .jobs import TICK
from .server import StudioServer
from .workspace import Workspaces

#: Threads for slow work: more would only wait for each other.
THREADS = 4


@dataclass(frozen=True)
class StudioConfig:
    """What is served, and where.

    Attributes
    ----------
    data : Path
        The project's folder; that of the visitors where there are many.
    address : Address
        Where it listens.
    certificate, key : Path or None
        For HTTPS: browsers give the microphone to pages of other machines by HTTPS alone.
    visitors : bool
        Whether each visitor has a project of its own and no token is asked for: a public Space.
    origins : tuple of str
        Addresses of proxies under which this is reached too.
    """

    data: Path
    address: Address
    certificate: Path | None = None
    key: Path | None = None
    visitors: bool = False
    origins: tuple[str, ...] = ()


async def serve(config: StudioConfig) -> None:
    """Serve until SIGINT or SIGTERM comes.

    A line on stderr says when it listens, and at which address.

    Parameters
    ----------
    config : StudioConfig
        What is served, and where.

    Raises
    ------
    KwsError
        If the folder or the address cannot be used.
    """
    tls = _tls(config)
    stopped = asyncio.Event()
    with contextlib.ExitStack() as stack:
        workspaces = Workspaces(config.data, config.visitors)
        stack.callback(workspaces.close)
        threads = stack.enter_context(ThreadPoolExecutor(THREADS, "kws studio"))
        listening = _listen(config.address)
        stack.callback(listening.close)
        port = listening.getsockname()[1]
        asks = not config.address.is_local and not config.visitors
        token = new_token() if asks else None
        access = Access(token, f"kws_studio_{port}", _rules(config))
        scheme = "https" if tls else "http"
        found = [] if config.address.is_local else _addresses(config.address.host, scheme, port)
        server = StudioServer(workspaces, access, threads, found if asks else [])
        stack.enter_context(stop_signals(stopped))
        async with _running(server, listening, tls), _ticking(workspaces, threads):
            shown = (
                f"[{config.address.host}]" if ":" in config.address.host else config.address.host
            )
            home = f"{scheme}://{shown}:{port}/" if not found else f"{found[0]}/"
            note(f"studio: {home}{f'?token={token}' if token else ''}  (Ctrl-C stops)")
            if asks and tls is None:
                note(
                    "kws: browsers give the microphone to other machines by HTTPS alone: give "
                    "--certificate and --key, or let phones record with their own recorder"
                )
            await stopped.wait()


def _rules(config: StudioConfig) -> OriginRules:
    return _AllHosts() if config.visitors else OriginRules(config.origins)


class _AllHosts(OriginRules):
    """A public Space is asked by whatever name its proxy has; there is nothing to steal from it."""

    def allows_host(self, host: str) -> bool:
        """Tell that any name will do."""
        return True

    def allows_origin(self, origin: str | None, host: str) -> bool:
        """Tell that any page will do: a visitor's cookie is the only thing that counts."""
        return True


def _listen(address: Address) -> socket.socket:
    """Open the socket, so that its port is known before the server is made."""
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        return socket.create_server((address.host, address.port), family=family, backlog=128)
    except OSError as error:
        raise KwsError(
            f"{address}: cannot be listened on ({error.strerror}): give another --port or --host"
        ) from None


def _tls(config: StudioConfig) -> ssl.SSLContext | None:
    if config.certificate is None:
        if config.key is not None:
            raise KwsError("--key goes with --certificate")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(config.certificate, config.key)
    except (OSError, ssl.SSLError) as error:
        raise KwsError(f"{config.certificate}: no certificate with its key ({error})") from None
    return context


def _addresses(host: str, scheme: str, port: int) -> list[str]:
    """Return where other machines reach this one."""
    if host not in ("0.0.0.0", "::"):
        return [f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it tells which interface would be taken
        return [f"{scheme}://{probe.getsockname()[0]}:{port}"]
    return [f"{scheme}://127.0.0.1:{port}"]


@contextlib.asynccontextmanager
async def _running(
    server: StudioServer, listening: socket.socket, tls: ssl.SSLContext | None
) -> AsyncIterator[None]:
    from aiohttp import web

    runner = quiet_runner(server.application())
    await runner.setup()
    try:
        site = web.SockSite(runner, listening, ssl_context=tls)
        await site.start()
        yield
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _ticking(workspaces: Workspaces, threads: Any) -> AsyncIterator[None]:
    """Start the commands that wait when those that run have ended."""

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(threads, workspaces.tick)
            except OSError as error:  # a full disk: the next look may find room
                note(f"kws: {error.filename or 'jobs'}: {error.strerror}")
            await asyncio.sleep(TICK)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
