"""Waits for what clients send, so long and no longer, also where the process stood still."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

#: Seconds by which a time limit is noticed too late in a process that stood still.
LATE = 0.1

T = TypeVar("T")


async def patiently(reading: Coroutine[Any, Any, T], seconds: float) -> T:
    """Wait for what a client sends.

    A process that was stopped, or that had no processor, may find the time over before it has
    looked at what came meanwhile. Then the client has its time once more.

    Parameters
    ----------
    reading : coroutine
        Reads from the client.
    seconds : float
        How long it may take.

    Returns
    -------
    object
        What was read.

    Raises
    ------
    TimeoutError
        If the time was over; the reading is cancelled.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(reading)
    try:
        due = loop.time() + seconds
        await asyncio.wait({task}, timeout=seconds)
        if not task.done() and stood_still(due):
            await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


def stood_still(due: float) -> bool:
    """Tell whether a time limit is noticed too late.

    Parameters
    ----------
    due : float
        When it was over, on the clock of the running loop.

    Returns
    -------
    bool
    """
    return asyncio.get_running_loop().time() > due + LATE
