"""A server goes on when nobody reads what it says on stderr, or nobody is there to read it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from kws.serving.stderr import WaitlessWriter

#: The size of a pipe on Linux, by number: Python names it since 3.10 on Linux alone.
SET_PIPE_SIZE = 1031
PAGE = 4096
#: Clients that are each worth a line on stderr, more than the pipe and the server keep.
LIARS = 700


def pipe(size: int = PAGE) -> tuple[int, int]:
    receive, send = os.pipe()
    fcntl.fcntl(send, SET_PIPE_SIZE, size)
    return receive, send


class Reading:
    """Reads lines from a pipe in a thread, as they come."""

    def __init__(self, descriptor: int) -> None:
        self.lines: list[str] = []
        self._descriptor = descriptor
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with os.fdopen(self._descriptor, encoding="utf-8") as file:
            for line in file:
                self.lines.append(line.rstrip("\n"))

    def all(self) -> list[str]:
        """Wait for the end; returns all lines."""
        self._thread.join()
        return self.lines


def test_lines_come_whole_and_in_order_when_somebody_reads():
    receive, send = pipe()
    reading = Reading(receive)
    with os.fdopen(send, "w", encoding="utf-8") as stream:
        writer = WaitlessWriter(stream, 10_000)
        for number in range(2000):
            print(f"line {number}", "ü", file=writer, flush=True)
        writer.write("no end")
        writer.finish(60)
    assert reading.all() == [*(f"line {number} ü" for number in range(2000)), "no end"]


def test_what_nobody_reads_is_left_out_counted_and_told_where_it_is_missing():
    receive, send = pipe()
    with os.fdopen(send, "w") as stream:
        writer = WaitlessWriter(stream, 5)
        for number in range(1000):  # 100 kB, of which pipe and queue take some
            writer.write(f"{number:099}\n")
        reading = Reading(receive)
        while not any(line.startswith("kws: left out") for line in reading.lines):
            number += 1
            writer.write(f"{number:099}\n")
        writer.finish(60)
    expected = 0
    for line in reading.all():
        if line.startswith("kws: left out"):
            expected += int(line.split()[-2])
        else:
            assert int(line) == expected
            expected += 1
    assert expected == number + 1


def test_nobody_is_there_to_read():
    receive, send = pipe()
    os.close(receive)
    with os.fdopen(send, "w") as stream:
        writer = WaitlessWriter(stream)
        writer.write("a line\n")
        writer.finish(60)


@pytest.mark.reach
def test_a_server_whose_stderr_is_full_serves_and_ends():
    """The pipe is a real one of a page, and nobody reads it while some hundreds of clients lie."""
    pytest.importorskip("wyoming", reason="no wyoming: pip install '.[serve]'")
    receive, send = pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "kws", "serve", "--uri", "tcp://127.0.0.1:0"], stderr=send
    )
    os.close(send)
    try:
        said = b""
        while not (found := re.search(rb"listening on tcp://127\.0\.0\.1:(\d+)", said)):
            more = os.read(receive, PAGE)
            assert more, said
            said += more
        port = int(found[1])
        for _ in range(LIARS):
            with socket.create_connection(("127.0.0.1", port), 60) as liar:
                liar.sendall(b"this is no JSON\n")
                while liar.recv(PAGE):
                    pass
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            client.sendall(json.dumps({"type": "ping", "data": {"text": "well?"}}).encode() + b"\n")
            assert b'"pong"' in client.recv(PAGE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    # it was full, indeed: what is there is a page at most, of many more lines
    assert 0 < sum(len(line) + 1 for line in Reading(receive).all()) <= PAGE
