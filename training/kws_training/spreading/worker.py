"""What runs in a worker: a task that is loaded once, and done to one item after another."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any


def begin(lifeline: Connection) -> None:
    """Prepare a process, which has no life of its own.

    Ctrl-C reaches the whole group of processes; the one that everything belongs to decides.

    Parameters
    ----------
    lifeline : Connection
        Reading end of a pipe. The worker ends at once when the other end is closed, be it by the
        process that started it or by its death.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def use_one_thread() -> None:
    """Use one thread for linear algebra: as many workers as cores would use each core twice.

    It counts for libraries that are loaded, as they are once a task is.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def do(path: str, items: Sequence[Any]) -> list[Any]:
    """Do a task to items.

    Parameters
    ----------
    path : str
        File that holds the task, pickled.
    items : sequence of object
        What it is done to, one after another.

    Returns
    -------
    list of object
        What the task returns for each.
    """
    return list(map(_from_file(path), items))


def _end_with(lifeline: Connection) -> None:
    """Wait for the end of the pipe; nobody writes to it."""
    try:
        lifeline.recv_bytes()
    finally:
        os._exit(0)


@lru_cache(maxsize=1)
def _from_file(path: str) -> Callable[[Any], Any]:
    """Load a task; it stays loaded until there is another."""
    with open(path, "rb") as stream:  # noqa: PTH123 (it is no path of a user)
        task: Callable[[Any], Any] = pickle.load(stream)
    use_one_thread()
    return task
