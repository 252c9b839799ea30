"""The process of a text-to-speech package, as its engine sees it: started, asked, ended."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import weakref
from typing import IO, Any

import numpy as np

from kws.arrays import Float32
from kws.errors import KwsError

from .engine import Style
from .worker import REPLY

#: Seconds that a package may take for one text, its model's loading included.
TIMEOUT = 120
#: Most bytes of a reply: 20 minutes of audio at 48 kHz.
MOST_BYTES = 1200 * 48000 * 4


class Worker:
    """A process that speaks with one package.

    Parameters
    ----------
    name : str
        As in `worker_packages.PACKAGES`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Start another process elsewhere: a process cannot be sent."""
        return Worker, (self.name,)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text in the process; one text at a time.

        Parameters
        ----------
        text : str
            What is said.
        voice : str
            As the package names it.
        style : Style
            How it is said.

        Returns
        -------
        samples : float32 (n,)
            The audio.
        rate : int
            Samples per second.

        Raises
        ------
        KwsError
            If the package fails, crashes or takes too long.
        """
        request = {
            "text": text,
            "voice": voice,
            "speed": style.speed,
            "pitch": style.pitch,
            "take": style.take,
        }
        with self._lock:
            process = self._running()
            late = threading.Timer(TIMEOUT, process.kill)
            late.start()
            try:
                rate, content = self._ask(process, json.dumps(request).encode() + b"\n")
            except (OSError, EOFError):
                slow = not late.is_alive()
                process.kill()
                reason = f"it took more than {TIMEOUT} s" if slow else "it crashed"
                raise KwsError(f"{self.name} cannot say {text!r:.60}: {reason}") from None
            finally:
                late.cancel()
        if not rate:
            reason = " ".join(content.decode("utf-8", "replace").split())
            raise KwsError(f"{self.name} cannot say {text!r:.60}: {reason:.200}")
        return np.frombuffer(content, "<f4").astype(np.float32), rate

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, started if need be."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", f"{__package__}.worker", self.name]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            weakref.finalize(self, _end, self._process)
        return self._process

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], request: bytes) -> tuple[int, bytes]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        process.stdin.flush()
        rate, size = REPLY.unpack(_exactly(process.stdout, REPLY.size))
        if size > MOST_BYTES or (size % 4 and rate):
            raise EOFError
        return rate, _exactly(process.stdout, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that nobody asks any more."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()
    process.wait()
