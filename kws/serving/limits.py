"""What a server allows its clients, so that none of them takes the share of the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import KwsError


@dataclass(frozen=True)
class Limits:
    """What clients may do.

    Attributes
    ----------
    clients : int
        How many are served at once, by all servers of a process together.
    idle_seconds : float
        A connection on which nothing comes for so long is closed.
    message_bytes : int
        Largest piece of audio in one message.
    write_seconds : float
        A client that does not take what it is sent for so long is let go.
    """

    clients: int = 32
    idle_seconds: float = 300.0
    message_bytes: int = 1 << 20
    write_seconds: float = 10.0


class NoPlaceError(KwsError):
    """As many clients are served as may be."""


class ClientPlaces:
    """Counts the clients that are served at once.

    Parameters
    ----------
    most : int
        How many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for as long as a client is served.

        Raises
        ------
        NoPlaceError
            If all places are taken.
        """
        if self._taken >= self._most:
            raise NoPlaceError(
                f"all {self._most} places are taken: try again later, or start the server "
                "with more --clients"
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
