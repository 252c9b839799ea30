"""What every group of handlers has: the project of whoever asks, and threads for slow work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from .workspace import Workspace

if TYPE_CHECKING:
    from aiohttp import web

T = TypeVar("T")
#: In which the guard leaves the project of a request: each is answered in a context of its own.
WORKSPACE: ContextVar[Workspace] = ContextVar("kws_workspace")


class Handlers:
    """A group of handlers.

    Parameters
    ----------
    threads : Executor
        For what would keep the pages of others waiting.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    def routes(self) -> list[web.RouteDef]:
        """Return what is answered, and by whom."""
        raise NotImplementedError

    def workspace(self, request: web.Request) -> Workspace:
        """Return the project of a request.

        Parameters
        ----------
        request : aiohttp.web.Request
            The request.
        """
        return WORKSPACE.get()

    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do slow work beside the event loop.

        Parameters
        ----------
        work : callable
            What is done.
        *arguments : object
            What it takes.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
