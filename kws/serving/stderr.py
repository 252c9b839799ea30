"""stderr of a server, which goes on when nobody reads what it says.

A pipe takes 64 kB on Linux; after that a write waits for whoever reads. A server that waits there
serves no client any more. So its lines are written by a thread, and are left out and counted where
too many wait.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

#: Lines that wait to be read, at most; what comes then is left out.
MOST_WAITING = 500
#: Seconds that the end of a server waits for what is left to be read.
LAST_SECONDS = 1.0


class WaitlessWriter(io.TextIOBase):
    """A text stream whose `write` never waits: a thread writes whole lines to another stream.

    Parameters
    ----------
    stream : text stream
        Where lines go; nobody else writes to it meanwhile.
    most_waiting : int
        Lines that wait at most.
    """

    def __init__(self, stream: TextIO, most_waiting: int = MOST_WAITING) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._begun = ""
        self._left_out = 0
        # None is the end
        self._waiting: queue.Queue[str | None] = queue.Queue(most_waiting)
        stream.flush()
        try:
            # A copy: the descriptor itself, since a thread in the middle of a write would keep the
            # lock of the stream, and the interpreter could not end.
            self._descriptor: int | None = os.dup(stream.fileno())
        except (OSError, ValueError):  # a stream in memory
            self._descriptor = None
        self._thread = threading.Thread(target=self._run, name="kws stderr", daemon=True)
        self._thread.start()

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the other stream is a terminal."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Take text; what is behind the last end of a line waits for the next one.

        Parameters
        ----------
        text : str
            Any part of lines.

        Returns
        -------
        int
            Its characters: all of it is taken, or left out.
        """
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                try:
                    if self._left_out:  # told where they are missing
                        self._waiting.put_nowait(self._missing())
                        self._left_out = 0
                    self._waiting.put_nowait(line + "\n")
                except queue.Full:
                    self._left_out += 1
        return len(text)

    def finish(self, seconds: float) -> None:
        """Let the thread write what waits, as long as somebody reads it.

        Parameters
        ----------
        seconds : float
            If nothing is read for so long, what is left is given up.
        """
        if self._begun:
            self.write("\n")
        with contextlib.suppress(queue.Full):  # nobody reads
            if self._left_out:
                self._waiting.put(self._missing(), timeout=seconds)
            self._waiting.put(None, timeout=seconds)
            self._thread.join(seconds)

    def _missing(self) -> str:
        return f"kws: left out, since nobody read stderr: {self._left_out} lines\n"

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            # nobody is there any more, or the disk is full: the next line may fare better
            with contextlib.suppress(OSError, ValueError):
                self._put(line)
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _put(self, line: str) -> None:
        if self._descriptor is None:
            self._stream.write(line)
            self._stream.flush()
            return
        content = line.encode(self._stream.encoding or "utf-8", "backslashreplace")
        while content:
            content = content[os.write(self._descriptor, content) :]


@contextlib.contextmanager
def waitless_stderr() -> Iterator[None]:
    """Let nothing wait that is written to `sys.stderr`; at the end it is as before.

    Where stderr is closed it stays closed.
    """
    if sys.stderr is None:
        yield
        return
    writer = WaitlessWriter(sys.stderr)
    try:
        with contextlib.redirect_stderr(writer):
            yield
    finally:
        writer.finish(LAST_SECONDS)
