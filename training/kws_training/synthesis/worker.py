"""The process in which a text-to-speech package speaks: if it crashes or leaks, nothing else does.

Run as ``python -m kws_training.synthesis.worker PACKAGE``. Each line on standard input is one
request, as JSON; each reply is a sample rate and a number of bytes (`REPLY`), then float32 samples,
or a message if the rate is 0. Voices are loaded once; each text is said in a fork of this process,
so that what an engine draws by chance does not depend on what it has said before.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any

import numpy as np

from .worker_packages import PACKAGES, Package

#: Sample rate in Hz, 0 for an error; bytes that follow.
REPLY = struct.Struct("<II")


def serve(name: str) -> None:
    """Answer requests on standard input until there are no more.

    Parameters
    ----------
    name : str
        One of `worker_packages.PACKAGES`.
    """
    replies = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no reply
    package: Package | None = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            if package is None:
                package = PACKAGES[name]()
            package.load(request["voice"])
        except Exception as error:
            _reply(replies, 0, _message(error))
            continue
        child = os.fork()
        if not child:
            _say(package, request, replies)
        _, status = os.waitpid(child, 0)
        if status:
            _reply(replies, 0, b"it crashed")


def _say(package: Package, request: dict[str, Any], replies: int) -> None:
    """Say a text, reply and end the process."""
    try:
        samples, rate = package.say(**request)
        content = np.ascontiguousarray(samples, "<f4").tobytes()
    except BaseException as error:
        rate, content = 0, _message(error)
    try:
        _reply(replies, rate, content)
    finally:
        os._exit(0)


def _message(error: BaseException) -> bytes:
    return f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:1000]


def _reply(file: int, rate: int, content: bytes) -> None:
    left = memoryview(REPLY.pack(rate, len(content)) + content)
    while left:
        left = left[os.write(file, left) :]


if __name__ == "__main__":
    serve(sys.argv[1])
