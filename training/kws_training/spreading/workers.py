"""Spreads work that falls apart by itself over workers, in order, and whatever becomes of them.

The results are those of one process, byte for byte: a task depends on its item alone, results come
in the order of the items, and an item whose worker dies is done again by another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, TypeVar

from kws.console import note
from kws.errors import KwsError

from ..progress import bar

T = TypeVar("T")
R = TypeVar("R")

#: Items for each worker that are begun before their turn: one that takes long stops no other.
AHEAD = 4
#: Deaths without any result between them after which the work is given up: it kills who does it.
MOST_DEATHS = 5


class Engine(Protocol):
    """What starts workers, and brings work to them: `Processes` or `RayCluster`."""

    width: int
    died: type[BaseException]

    def send(self, task: Callable[[Any], Any]) -> Any:
        """Give a task to the workers; returns what `submit` takes."""

    def submit(self, task: Any, items: Sequence[Any]) -> Any:
        """Begin to do a task to items; returns what `result` takes."""

    def is_lost(self, future: Any) -> bool:
        """Tell whether what was begun has died with a worker."""

    def result(self, future: Any) -> list[Any]:
        """Wait for the results of a task; raises `died` if they died with a worker."""

    def replace(self) -> None:
        """Start workers in place of those that died."""

    def close(self) -> None:
        """End all workers."""


class Workers:
    """Those who do the work: this process, several of this machine, or a cluster's.

    They are started when there is work, and end with the ``with`` statement, Ctrl-C included.

    Parameters
    ----------
    jobs : int
        Number of processes; 1 is this process alone.
    ray : str or None
        Address of a Ray cluster in place of processes, or ``auto`` for the one that runs here.

    Examples
    --------
    >>> with Workers() as workers:
    ...     list(workers.spread(abs, [-1, 2, -3]))
    [1, 2, 3]
    """

    def __init__(self, jobs: int = 1, ray: str | None = None) -> None:
        self._jobs = jobs
        self._ray = ray
        self._engine: Engine | None = None

    @property
    def alone(self) -> bool:
        """Whether this process does the work itself."""
        return self._jobs == 1 and self._ray is None

    def spread(
        self,
        task: Callable[[T], R],
        items: Iterable[T],
        total: int | None = None,
        what: str = "",
        at_once: int = 1,
    ) -> Iterator[R]:
        """Do a task to every item.

        Parameters
        ----------
        task : callable
            Can be pickled, and is sent to each worker once. What it keeps of an item must change
            no later result.
        items : iterable
            Can be pickled. They are taken a few at a time.
        total : int, optional
            How many there are; without it there is no progress bar.
        what : str
            What is done, for the bar.
        at_once : int
            Items that go to a worker together: more where each takes a few milliseconds only.

        Yields
        ------
        object
            The results in the order of the items.

        Raises
        ------
        KwsError
            If workers die again and again. What a task raises is raised in the item's turn.
        """
        done = map(task, items) if self.alone else self._spread(task, items, at_once)
        if total is None:
            yield from done
            return
        for _ in bar(iter(range(total)), total, what):
            yield next(done)

    def _spread(self, task: Callable[[T], R], items: Iterable[T], at_once: int) -> Iterator[R]:
        engine = self._started()
        sent = engine.send(task)
        source = iter(items)
        groups = iter(lambda: list(islice(source, at_once)), [])
        under_way: deque[tuple[list[T], Any]] = deque()
        deaths = 0
        while True:
            room = AHEAD * engine.width - len(under_way)
            under_way.extend((group, engine.submit(sent, group)) for group in islice(groups, room))
            if not under_way:
                return
            try:
                results: list[R] = engine.result(under_way[0][1])
            except engine.died:
                deaths += 1
                if deaths == MOST_DEATHS:
                    raise KwsError(
                        f"workers died {deaths} times one after the other: give fewer --jobs if "
                        "memory is short; --jobs 1 shows what else is wrong"
                    ) from None
                note("a worker died: another does its work")
                engine.replace()
                under_way = deque(
                    (group, engine.submit(sent, group) if engine.is_lost(future) else future)
                    for group, future in under_way
                )
                continue
            deaths = 0
            under_way.popleft()
            yield from results

    def _started(self) -> Engine:
        if self._engine is None:
            if self._ray is not None:
                from .ray_cluster import RayCluster

                self._engine = RayCluster(self._ray)
            else:
                from .processes import Processes

                self._engine = Processes(self._jobs)
        return self._engine

    def close(self) -> None:
        """End all workers; the next work starts others."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


#: This process alone.
ALONE = Workers()
