"""A server keeps the memory of the most sessions that it had at once, and takes no more for it.

What it keeps is said with `pytest -s tests/kws/serving/test_memory.py`.
"""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest

#: Clients that come and go while the server stands still, and how often they do.
CROWD, TIMES = 24, 8
#: Megabytes that single readings may differ by: where allocations end up is not always the same.
NOISE = 2
#: Megabytes of a session, at least.
SESSION = 0.3

FORMAT = {"rate": 16000, "width": 2, "channels": 1}


def message(kind, payload=b""):
    header = {"type": kind, "data": FORMAT, "payload_length": len(payload)}
    return json.dumps(header).encode() + b"\n" + payload


class Measured:
    """A server: its memory and connections."""

    def __init__(self, server):
        self.server = server
        host, _, port = server.uri.removeprefix("tcp://").rpartition(":")
        self.address = (host, int(port))
        self.folder = Path("/proc") / str(server.process.pid)
        self.files = self.opened()

    def opened(self):
        return len(list((self.folder / "fd").iterdir()))

    def megabytes(self):
        lines = (self.folder / "smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("Rss:"))

    def answered(self):
        """Wait until it has heard all that was sent before."""
        with socket.create_connection(self.address, 60) as client:
            client.sendall(message("ping"))
            assert b"pong" in client.makefile("rb").readline()

    def visited(self, samples):
        """Let a crowd come and go while it stands still; returns memory when all have gone."""
        process = self.server.process
        process.send_signal(signal.SIGSTOP)
        sent = message("audio-start") + message("audio-chunk", samples)
        for _ in range(CROWD):
            with socket.create_connection(self.address, 60) as client:
                client.sendall(sent)
        process.send_signal(signal.SIGCONT)
        self.answered()
        while self.opened() > self.files:
            time.sleep(0.05)
        return self.megabytes()


@pytest.mark.reach
def test_memory_is_that_of_the_most_sessions_at_once(serve, spoken):
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("memory is told by Linux alone")
    server = Measured(serve("--uri", "tcp://127.0.0.1:0", "--idle", 60))
    server.answered()
    one = server.megabytes()
    samples = spoken[: 2 * FORMAT["rate"]].tobytes()
    found = [server.visited(samples) for _ in range(TIMES)]
    print(f"{one:.1f} MB, with {CROWD} at once:", *(f"{megabytes:.1f}" for megabytes in found))
    assert found[0] > one + SESSION * CROWD  # all were there at once
    assert max(found[TIMES // 2 :]) < found[TIMES // 2 - 1] + NOISE
