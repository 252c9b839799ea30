"""Addresses that a server listens on, as they are written on the command line."""

from __future__ import annotations

import ipaddress
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from ..errors import KwsError


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes
    ----------
    scheme : str
        ``tcp``, ``unix`` or ``http``.
    host : str
        Name or number of an interface; empty for a Unix socket.
    port : int
        0 for any that is free.
    path : Path or None
        Of a Unix socket.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        """Return the address as a URI."""
        if self.path is not None:
            return f"{self.scheme}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether other machines cannot reach it."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_uri(text: str) -> Address:
    """Read the address of a Wyoming server.

    Parameters
    ----------
    text : str
        ``tcp://HOST:PORT`` or ``unix:///PATH``.

    Returns
    -------
    Address

    Raises
    ------
    KwsError
        If it is neither.
    """
    if text.startswith("unix://") and len(text) > len("unix://"):
        return Address("unix", path=Path(text.removeprefix("unix://")))
    if text.startswith("tcp://"):
        return _host_and_port(text, "tcp", text.removeprefix("tcp://"), "tcp://127.0.0.1:10400")
    raise KwsError(f"{text!r:.100}: give tcp://HOST:PORT or unix:///PATH")


def parse_http(text: str) -> Address:
    """Read the address of an HTTP server.

    Parameters
    ----------
    text : str
        ``HOST:PORT``, also with ``http://`` before it.

    Returns
    -------
    Address

    Raises
    ------
    KwsError
        If it is none.
    """
    return _host_and_port(text, "http", text.removeprefix("http://").rstrip("/"), "127.0.0.1:8765")


def _host_and_port(text: str, scheme: str, rest: str, example: str) -> Address:
    try:
        parts = urllib.parse.urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or rest != parts.netloc or "@" in rest:
        raise KwsError(f"{text!r:.100}: give a host and a port up to 65535, such as {example}")
    return Address(scheme, host, port)
