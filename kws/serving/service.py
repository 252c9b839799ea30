"""What the servers of one process have in common."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from .catalog import Catalog, Offer
from .limits import ClientPlaces, Limits
from .session import SpotterPool


class Service:
    """The models, the spotters, and what clients of all servers together may do.

    Parameters
    ----------
    catalog : Catalog
        The models.
    limits : Limits
        What a client may do.
    loader : Executor
        Of one thread: reads models beside the event loop.

    Attributes
    ----------
    limits : Limits
        As given.
    pool : SpotterPool
        Spotters of the models.
    places : ClientPlaces
        Those of the clients.
    """

    def __init__(self, catalog: Catalog, limits: Limits, loader: Executor) -> None:
        self._catalog, self._loader = catalog, loader
        self.limits = limits
        self.pool = SpotterPool(loader)
        self.places = ClientPlaces(limits.clients)

    async def offer(self) -> Offer:
        """Return the models that are there now."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._loader, self._catalog.offer)
