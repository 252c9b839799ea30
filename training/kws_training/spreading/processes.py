"""Workers that are processes on this machine.

They are started anew (``spawn``): a process that has used TensorFlow or an interpreter must not be
forked. Measured beside ``loky``: both notice a worker's death within a tenth of a second, neither
ends its workers when the process that started them is killed, and ``spawn`` starts a third sooner.
"""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from pathlib import Path
from typing import Any

from .worker import begin, do


class Processes:
    """Processes on this machine.

    Parameters
    ----------
    jobs : int
        Number of processes.

    Attributes
    ----------
    width : int
        Items that are under way at once.
    died : type
        What `result` raises where a worker died.
    """

    died: type[BaseException] = BrokenProcessPool

    def __init__(self, jobs: int) -> None:
        self.width = jobs
        self._folder = tempfile.TemporaryDirectory(prefix="kws-spreading-")
        self._numbers = count()
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        end, self._lifeline = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self.width, mp_context=context, initializer=begin, initargs=(end,)
        )

    def send(self, task: Callable[[Any], Any]) -> str:
        """Give a task to the workers: each loads it when it first needs it.

        Parameters
        ----------
        task : callable
            Can be pickled.

        Returns
        -------
        str
            What `submit` takes.
        """
        path = Path(self._folder.name, str(next(self._numbers)))
        with path.open("wb") as stream:
            pickle.dump(task, stream, pickle.HIGHEST_PROTOCOL)
        return str(path)

    def submit(self, task: str, items: Sequence[Any]) -> Future[Any]:
        """Begin to do a task to items.

        Parameters
        ----------
        task : str
            As `send` returned it.
        items : sequence of object
            Can be pickled.

        Returns
        -------
        Future
            Fails at once if a worker has just died.
        """
        try:
            return self._pool.submit(do, task, items)
        except BrokenProcessPool as error:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    def is_lost(self, future: Future[Any]) -> bool:
        """Tell whether what was begun has died with a worker.

        Parameters
        ----------
        future : Future
            As `submit` returned it.
        """
        return future.done() and isinstance(future.exception(), BrokenProcessPool)

    def result(self, future: Future[Any]) -> list[Any]:
        """Wait for results.

        Parameters
        ----------
        future : Future
            As `submit` returned it.

        Returns
        -------
        list of object
            What the task returned for each item; what it raised is raised.

        Raises
        ------
        BrokenProcessPool
            If a worker died.
        """
        results: list[Any] = future.result()
        return results

    def replace(self) -> None:
        """Start new workers in place of those that are left after a death."""
        self._stop()
        self._start()

    def close(self) -> None:
        """End all workers at once, whatever they are doing."""
        self._stop()
        self._folder.cleanup()

    def _stop(self) -> None:
        self._lifeline.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
