"""Workers that are processes of a Ray cluster, on one machine or on many.

Ray starts them, sends them what they need, and does again what a worker or a machine had under way
when it died. kws has to be installed on every machine, and paths have to lead to the same files.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO, cast

from kws.errors import KwsError
from kws.installing import install_extra

#: Seconds within which a cluster answers.
CONNECTED_WITHIN = 10.0


class RayCluster:
    """The workers of a Ray cluster.

    Parameters
    ----------
    address : str
        ``host:port``, ``ray://host:port``, or ``auto`` for the cluster that runs here.

    Attributes
    ----------
    width : int
        Items that are under way at once: the cores of the cluster.
    died : type
        What `result` raises for work that was lost for good.

    Raises
    ------
    KwsError
        If Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ModuleNotFoundError:
            raise KwsError(f"--ray {address}: {install_extra('cluster')}") from None
        try:
            _check_there(address)
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (OSError, ValueError, RuntimeError) as error:
            raise KwsError(
                f"--ray {address}: no cluster there ({error}): start one with ray start --head"
            ) from None
        self._ray = ray
        self.died = ray.exceptions.RaySystemError
        self._do: Any = ray.remote(num_cpus=1, max_retries=-1)(do)
        self.width = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._stdout = sys.stdout
        if self._stdout is not None:
            sys.stdout = cast(TextIO, _WithoutRay(self._stdout))

    def send(self, task: Callable[[Any], Any]) -> list[Any]:
        """Give a task to the workers: each loads it when it first needs it.

        Parameters
        ----------
        task : callable
            Can be pickled.

        Returns
        -------
        list of (ray.ObjectRef, str)
            What `submit` takes: the task, and the folder from which its paths begin. Within a list
            Ray passes on where the task is, not the task.
        """
        return [self._ray.put(pickle.dumps(task, pickle.HIGHEST_PROTOCOL)), str(Path.cwd())]

    def submit(self, task: list[Any], items: Sequence[Any]) -> Any:
        """Begin to do a task to items.

        Parameters
        ----------
        task : list of (ray.ObjectRef, str)
            As `send` returned it.
        items : sequence of object
            Can be pickled.

        Returns
        -------
        ray.ObjectRef
        """
        return self._do.remote(task, items)

    def is_lost(self, future: Any) -> bool:
        """Tell whether what was begun has died with a worker: Ray does it again by itself.

        Parameters
        ----------
        future : ray.ObjectRef
            As `submit` returned it.
        """
        return False

    def result(self, future: Any) -> list[Any]:
        """Wait for results.

        Parameters
        ----------
        future : ray.ObjectRef
            As `submit` returned it.

        Returns
        -------
        list of object
            What the task returned for each item; what it raised is raised, as in this process.
        """
        try:
            results: list[Any] = self._ray.get(future)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        return results

    def replace(self) -> None:
        """Do nothing: Ray starts other workers by itself."""

    def close(self) -> None:
        """Leave the cluster, which ends what is under way there."""
        try:
            with contextlib.redirect_stdout(sys.stderr):  # it tells what it has not told yet
                self._ray.shutdown()
        finally:
            sys.stdout = self._stdout


class _WithoutRay:
    """The standard output, for results: what threads of Ray print goes to the standard error.

    Of a node that died Ray tells on the standard output, whatever its settings.

    Parameters
    ----------
    stream : text stream
        The standard output.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text for whoever it is."""
        if not threading.current_thread().name.startswith("ray_"):
            return self._stream.write(text)
        return len(text) if sys.stderr is None else sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _check_there(address: str) -> None:
    """Raise an error of the system if nobody answers: Ray itself would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        with socket.create_connection((host, int(port)), CONNECTED_WITHIN):
            pass


def do(task: list[Any], items: Sequence[Any]) -> list[Any]:
    """Do a task to items, in a worker.

    Parameters
    ----------
    task : list of (ray.ObjectRef, str)
        Where the task is, and the folder from which its paths begin.
    items : sequence of object
        What it is done to, one after another.

    Returns
    -------
    list of object
        What the task returns for each.

    Raises
    ------
    KwsError
        If this machine has no such folder.
    """
    where, folder = task
    try:
        os.chdir(folder)  # workers begin where the node was started
    except OSError:
        raise KwsError(
            f"{folder}: is not on {socket.gethostname()}: with --ray, paths have to lead to the "
            "same files on every machine"
        ) from None
    return list(map(_fetched(where), items))


@lru_cache(maxsize=1)
def _fetched(where: Any) -> Callable[[Any], Any]:
    """Fetch a task; it stays loaded until there is another."""
    import ray

    from .worker import use_one_thread

    task: Callable[[Any], Any] = pickle.loads(ray.get(where))
    use_one_thread()
    return task
