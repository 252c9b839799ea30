"""One at a time: a stream is refused to a second thread, and to a process that cannot run it."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from .errors import KwsError


class Exclusive:
    """A context that one thread at a time may be in, of the processes that can.

    A stream is in order only if one thread pushes it at a time: a second one is refused at once,
    not made to wait, since nobody could tell in which order the two are heard. From one call to the
    next a stream may go from thread to thread.

    A process that was forked has a copy of the memory, but only the thread that forked. So a stream
    of one thread goes on there as it was, and that of an interpreter with further threads is
    refused.

    Parameters
    ----------
    name : str
        What is used, for messages: such as ``KeywordSpotter``.
    threads : int
        Threads of the interpreter, the caller's included.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._threads = threads
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def __enter__(self) -> None:
        """Enter the context.

        Raises
        ------
        KwsError
            If another thread is in it, or this process was forked and cannot use the stream.
        """
        if os.getpid() != self._pid:
            self._take_over()
        if not self._lock.acquire(blocking=False):
            raise KwsError(
                f"a {self._name} is used by two threads at once: give each thread one of its own, "
                "or put a lock of your own around it"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def _take_over(self) -> None:
        """Take the stream over into a process that was forked since it was made."""
        if self._threads > 1:
            raise KwsError(
                f"a {self._name} of {self._threads} threads was made before this process was "
                "forked, which has but one of them: make it after the fork, or with threads=1"
            )
        if self._lock.locked():
            raise KwsError(
                f"a {self._name} was at work in another thread when this process was forked: "
                "make another one here"
            )
        self._pid = os.getpid()
