"""Which web pages may use the HTTP server: its own, and those that the operator names.

A page from elsewhere can open a WebSocket to 127.0.0.1 in the browser of whoever looks at it. Its
browser says in ``Origin`` where the page is from. A page may also have the name of its own server
lead to this machine (DNS rebinding), so that its origin is the address asked for: then ``Host`` is
a name that is none of ours.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Iterable

from ..errors import KwsError


class OriginRules:
    """Tells requests of strangers' pages from others.

    Parameters
    ----------
    allowed : iterable of str
        Origins of further pages, such as ``https://panel.example:8443``.

    Raises
    ------
    KwsError
        If one of them is no origin.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = {_origin(text) for text in allowed}
        own = socket.gethostname().lower()
        # an address of the operator's may lead here through a proxy
        hosts = {urllib.parse.urlsplit(origin).hostname for origin in self._allowed}
        self._hosts = {"localhost", own, f"{own.partition('.')[0]}.local", *hosts}

    def allows_host(self, host: str) -> bool:
        """Tell whether the server may be asked under a name.

        Parameters
        ----------
        host : str
            The header ``Host``: a name or a number, with a port or without.

        Returns
        -------
        bool
            Numbers are always right: no page can have its name lead to them.
        """
        try:
            parts = urllib.parse.urlsplit(f"//{host}")
            name, _ = parts.hostname, parts.port  # a port that is none is an error
        except ValueError:
            return False
        if name is None:
            return False
        # all of it: the parser overlooks what is before and behind brackets
        bare = re.escape(f"[{name}]" if ":" in name else name)
        if not re.fullmatch(rf"{bare}(:[0-9]*)?", host, re.IGNORECASE):
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._hosts
        return True

    def allows_origin(self, origin: str | None, host: str) -> bool:
        """Tell whether a page may use the server.

        Parameters
        ----------
        origin : str or None
            The header ``Origin``; None where it is missing, as of programs that are no browsers.
        host : str
            The header ``Host``.

        Returns
        -------
        bool
        """
        if origin is None:
            return True
        return origin.lower() in {
            *self._allowed,
            f"http://{host.lower()}",
            f"https://{host.lower()}",
        }

    def is_named(self, origin: str | None) -> bool:
        """Tell whether the operator has named an origin.

        Parameters
        ----------
        origin : str or None
            The header ``Origin``.

        Returns
        -------
        bool
        """
        return origin is not None and origin.lower() in self._allowed


def _origin(text: str) -> str:
    try:
        parts = urllib.parse.urlsplit(text.lower())
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or f"{parts.scheme}://{parts.netloc}" != text.lower():
        raise KwsError(f"--allow-origin {text!r:.100}: give such as https://panel.example:8443")
    return text.lower()
