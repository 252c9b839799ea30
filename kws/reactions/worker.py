"""A thread that does the work of detections, so that the audio never waits for it."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

from ..detections import Detection


class Worker:
    """Does work for detections, one after the other, in a thread of its own.

    Parameters
    ----------
    name : str
        Of the thread.
    work : callable
        Takes a detection and the recording in which it was; an OSError that it raises is dropped.
    most_waiting : int
        Detections that wait at most.
    """

    def __init__(
        self, name: str, work: Callable[[Detection, str], None], most_waiting: int
    ) -> None:
        self._work = work
        # None is the end
        self._waiting: queue.Queue[tuple[Detection, str] | None] = queue.Queue(most_waiting)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> bool:
        """Whether what waits is no longer to be done."""
        return self._stopped.is_set()

    def put(self, detection: Detection, file: str, *, wait: bool) -> bool:
        """Have work done for a detection.

        Parameters
        ----------
        detection : Detection
            What was detected.
        file : str
            The recording, as it was named.
        wait : bool
            Whether to wait where too many detections are waiting: for recordings, not for a live
            stream.

        Returns
        -------
        bool
            False if too many are waiting: nothing will be done for this one.
        """
        try:
            self._waiting.put((detection, file), block=wait)
        except queue.Full:
            return False
        return True

    def finish(self) -> None:
        """Wait until all is done, and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def stop(self) -> None:
        """Forget what waits; the thread ends after the present work."""
        self._stopped.set()
        while True:  # room for the end, which a thread that waits is woken by
            try:
                self._waiting.put_nowait(None)
                break
            except queue.Full:
                with contextlib.suppress(queue.Empty):  # the thread took it
                    self._waiting.get_nowait()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None and not self.stopped:
            with contextlib.suppress(OSError):  # nobody reads what was to be said on stderr
                self._work(*item)
