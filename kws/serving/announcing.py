"""Tells the local network by multicast DNS that there is a Wyoming server (zeroconf)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator

from ..errors import KwsError
from .addresses import Address

#: The type of service that Home Assistant looks for.
SERVICE = "_wyoming._tcp.local."
#: The group of multicast DNS: the way to it is the interface that others see.
_GROUP = ("224.0.0.251", 5353)


@contextlib.asynccontextmanager
async def announced(address: Address) -> AsyncIterator[None]:
    """Announce a server for as long as it runs.

    Parameters
    ----------
    address : Address
        Of the server, with the port that it has.

    Raises
    ------
    KwsError
        If this machine has no network, or the host is no address of its own.
    """
    from zeroconf import Error
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    own = _own_number(address)
    machine = socket.gethostname().partition(".")[0] or "kws"
    info = AsyncServiceInfo(
        SERVICE,
        f"kws on {machine}.{SERVICE}",
        parsed_addresses=[own],
        port=address.port,
        server=f"{machine}-kws.local.",
        properties={"name": "kws"},
    )
    try:
        zeroconf = AsyncZeroconf(interfaces=[own])
    except OSError as error:
        raise KwsError(f"--zeroconf: {own}: no multicast ({error.strerror or error})") from None
    try:
        try:
            await zeroconf.async_register_service(info, allow_name_change=True)
        except (Error, OSError) as error:
            raise KwsError(f"--zeroconf: cannot be announced ({type(error).__name__})") from None
        yield
    finally:
        await zeroconf.async_close()


def _own_number(address: Address) -> str:
    """Return the IP address under which other machines reach the server."""
    try:
        number = ipaddress.ip_address(socket.gethostbyname(address.host))
        if not number.is_unspecified:
            return str(number)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_GROUP)  # sends nothing: the system only chooses the interface
            return str(probe.getsockname()[0])
    except OSError as error:
        raise KwsError(
            f"--zeroconf: {address.host}: no address for others ({error.strerror or error}): give "
            "--uri tcp://ADDRESS:PORT with one of this machine"
        ) from None
