"""Servers and proxies that lie, are silent, or send for ever; what has arrived is kept."""

from __future__ import annotations

import hashlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from kws_training.data import download
from kws_training.data.download import Download, DownloadError, fetch

PAYLOAD = np.random.default_rng(7).bytes(300_000)
#: Bytes that an earlier run has downloaded.
HELD = 200_000
PAGE = b"<html><body>Log in to the hotel</body></html>"

Behaviour = Callable[[socket.socket, dict[str, str]], None]


def head(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


def html(size: int | None, said: str = "Content-Type: text/html; charset=utf-8") -> Behaviour:
    """A web page: of a size that is said or not."""
    page = PAGE if size is None else PAGE.ljust(size)

    def serve(connection: socket.socket, _: dict[str, str]) -> None:
        length = () if size is None else (f"Content-Length: {len(page)}",)
        connection.sendall(head("200 OK", said, *length, "Connection: close") + page)

    return serve


def status(line: str, *fields: str) -> Behaviour:
    def serve(connection: socket.socket, _: dict[str, str]) -> None:
        connection.sendall(head(line, *fields, "Content-Length: 0", "Connection: close"))

    return serve


def silent(connection: socket.socket, _: dict[str, str]) -> None:
    time.sleep(5)


def closes(connection: socket.socket, _: dict[str, str]) -> None:
    pass


def babbles(connection: socket.socket, _: dict[str, str]) -> None:
    connection.sendall(b"\x00\xff" * 5000)


def endless(connection: socket.socket, _: dict[str, str]) -> None:
    connection.sendall(head("200 OK", "Connection: close"))
    for _number in range(2000):  # 128 MB: it ends, for the sake of a client that would not
        connection.sendall(bytes(1 << 16))


def endless_chunks(connection: socket.socket, _: dict[str, str]) -> None:
    connection.sendall(head("200 OK", "Transfer-Encoding: chunked"))
    for _number in range(2000):
        connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")


def endless_head(connection: socket.socket, _: dict[str, str]) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        connection.sendall(f"X-{number}: {'a' * 1000}\r\n".encode())


def trickles(connection: socket.socket, asked: dict[str, str]) -> None:
    start = int(asked.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    end = len(PAYLOAD)
    connection.sendall(
        head(
            "206 Partial Content",
            f"Content-Range: bytes {start}-{end - 1}/{end}",
            f"Content-Length: {end - start}",
        )
    )
    for at in range(start, end):
        connection.sendall(PAYLOAD[at : at + 1])
        time.sleep(0.02)


def round_and_round(connection: socket.socket, _: dict[str, str]) -> None:
    connection.sendall(
        head("302 Found", "Location: /again", "Content-Length: 0", "Connection: close")
    )


#: How a server behaves, and what is said of it.
WRONG = {
    "a page in place of the file": (html(4000), "sent a web page"),
    "a page of no size": (html(None), "sent a web page"),
    "a page of the file's size": (html(len(PAYLOAD)), "sent a web page"),
    "a page longer than the file": (html(len(PAYLOAD) + 1), "sent a web page"),
    "a page that is none": (html(4000, "X-A: b"), "sent 4000 bytes instead of 300000"),
    "too much, said": (html(len(PAYLOAD) + 1, "X-A: b"), "sent more than 300000 bytes"),
    "429": (status("429 Too Many Requests", "Retry-After: 60"), "HTTP 429"),
    "500": (status("500 Internal Server Error"), "HTTP 500"),
    "503": (status("503 Service Unavailable"), "HTTP 503"),
    "407 of a proxy": (status("407 Proxy Authentication Required"), "HTTP 407"),
    "nothing": (silent, "timed out"),
    "closes": (closes, "no connection"),
    "no HTTP": (babbles, "no connection"),
    "a head without an end": (endless_head, "no connection"),
    "redirects without an end": (round_and_round, "redirects without an end"),
    "a byte now and then": (trickles, "sent less than 1000 bytes per second"),
}


class Server:
    """A server that behaves in one way; it counts connections and the bytes that it could send."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/file.bin"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        for _ in itertools.count():
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                text = b""
                while b"\r\n\r\n" not in text:
                    piece = connection.recv(4096)
                    if not piece:
                        return
                    text += piece
                lines = text.decode("latin-1").split("\r\n")[1:]
                fields = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                self.behaviour(connection, fields)
            except OSError:  # the client cuts us off
                return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Behaviour], Server]]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "TIMEOUT", (5, 2))
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    servers: list[Server] = []

    def start(behaviour: Behaviour) -> Server:
        servers.append(Server(behaviour))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def honest(connection: socket.socket, asked: dict[str, str]) -> None:
    start = int(asked.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    end = len(PAYLOAD)
    connection.sendall(
        head(
            "206 Partial Content",
            f"Content-Range: bytes {start}-{end - 1}/{end}",
            f"Content-Length: {end - start}",
            "Connection: close",
        )
        + PAYLOAD[start:]
    )


def pinned(*urls: str) -> Download:
    return Download("file.bin", len(PAYLOAD), hashlib.sha256(PAYLOAD).hexdigest(), urls)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_has_arrived_survives_a_bad_server(serve, tmp_path, wrong):
    behaviour, reason = WRONG[wrong]
    part = tmp_path / "file.bin.part"
    part.write_bytes(PAYLOAD[:HELD])
    bad = serve(behaviour)
    with pytest.raises(DownloadError) as error:
        fetch(pinned(bad.url), tmp_path)
    assert reason in str(error.value)
    later = "try again later" in str(error.value)  # the network is well, the server is not
    assert later == wrong[:3].isdecimal()
    assert "\n" not in str(error.value)
    assert not (tmp_path / "file.bin").exists()
    assert part.read_bytes()[:HELD] == PAYLOAD[:HELD]
    assert part.stat().st_size < HELD + 1000
    asked: list[str | None] = []

    def good(connection: socket.socket, fields: dict[str, str]) -> None:
        asked.append(fields.get("range"))
        honest(connection, fields)

    # the next mirror, and so the next run, goes on from there
    assert fetch(pinned(bad.url, serve(good).url), tmp_path).read_bytes() == PAYLOAD
    assert asked[0] is not None
    assert int(asked[0].removeprefix("bytes=").rstrip("-")) >= HELD


@pytest.mark.parametrize("behaviour", [endless, endless_chunks])
def test_a_download_without_an_end_is_cut_off(serve, tmp_path, behaviour):
    server = serve(behaviour)
    with pytest.raises(DownloadError, match="sent more than 300000 bytes"):
        fetch(pinned(server.url), tmp_path)
    assert not list(tmp_path.glob("file.bin*[!k]"))  # the lock alone
    assert server.connections == 1


def test_a_slow_mirror_is_given_up_after_a_few_requests(serve, tmp_path):
    server = serve(trickles)
    with pytest.raises(DownloadError, match="sent less than 1000 bytes per second"):
        fetch(pinned(server.url), tmp_path)
    assert server.connections == download.ATTEMPTS
    part = (tmp_path / "file.bin.part").read_bytes()
    assert part == PAYLOAD[: len(part)]


def test_a_proxy_that_answers_with_a_page(serve, tmp_path, monkeypatch):
    """The name of the mirror does not exist: the proxy alone can have answered."""
    proxy = serve(html(len(PAGE)))
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/file.bin"))
    (tmp_path / "file.bin.part").write_bytes(PAYLOAD[:HELD])
    with pytest.raises(DownloadError, match=r"a\.invalid: sent a web page"):
        fetch(pinned("http://a.invalid/file.bin"), tmp_path)
    assert proxy.connections == 1
    assert (tmp_path / "file.bin.part").read_bytes() == PAYLOAD[:HELD]


def test_a_wrong_checksum_is_never_used(serve, tmp_path):
    other = bytes(len(PAYLOAD))

    def wrong(connection: socket.socket, _: dict[str, str]) -> None:
        length = f"Content-Length: {len(other)}"
        connection.sendall(head("200 OK", length, "Connection: close") + other)

    with pytest.raises(DownloadError, match="wrong SHA-256"):
        fetch(pinned(serve(wrong).url), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin.lock"]
    # the part is right as far as it goes; the rest is not: it begins anew, and is right then
    (tmp_path / "file.bin.part").write_bytes(bytes(HELD))
    assert fetch(pinned(serve(honest).url), tmp_path).read_bytes() == PAYLOAD
