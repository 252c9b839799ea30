"""What clients send to `kws serve`: Wyoming messages, HTTP requests, WebSocket frames."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import logging
import random
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .audio import wav_seeds
from .changes import change_bytes, change_values
from .reader import BrokenPromiseError, Reader

#: Seconds until a client that says nothing is let go: what is sent here comes at once.
IDLE = 3.0
#: Turns of the event loop that a server has to answer in.
TURNS = 100
_AUDIO = {"rate": 16000, "width": 2, "channels": 1}


class _Servers:
    """Both servers of one model, in this process; each input is a connection of its own."""

    def __init__(self) -> None:
        from kws.packaged import packaged_model
        from kws.serving.catalog import Catalog
        from kws.serving.limits import Limits
        from kws.serving.service import Service
        from kws.serving.tuning import Tuning

        packaged_model("commands-small")
        self.loop = asyncio.new_event_loop()
        limits = Limits(idle_seconds=IDLE, write_seconds=IDLE)
        loader = ThreadPoolExecutor(1)
        self.service = Service(Catalog(["commands-small"], Tuning()), limits, loader)
        self.faults: list[str] = []
        self.loop.set_exception_handler(
            lambda _, context: self.faults.append(f"{context.get('exception') or context}")
        )
        self._http: Any = None

    def wyoming(self) -> Callable[[], asyncio.BaseProtocol]:
        """Return what makes the server's side of a connection."""
        from kws.serving.events import HEADER_BYTES
        from kws.serving.wyoming_server import WyomingServer

        server = WyomingServer(self.service)
        return lambda: asyncio.StreamReaderProtocol(
            asyncio.StreamReader(HEADER_BYTES, self.loop), server.serve, self.loop
        )

    def http(self) -> Callable[[], asyncio.BaseProtocol]:
        """Return what makes the server's side of a connection."""
        if self._http is None:
            from aiohttp import web

            from kws.serving.http_server import HttpServer
            from kws.serving.origins import OriginRules

            http = HttpServer(self.service, OriginRules())
            silent = logging.Logger("kws")  # as kws.serving.running has it
            silent.addHandler(logging.NullHandler())

            async def start() -> Any:
                runner = web.AppRunner(
                    http.application(),
                    access_log=None,
                    logger=silent,
                    keepalive_timeout=IDLE,
                    auto_decompress=False,
                )
                await runner.setup()
                return http.connection_factory(runner.server)

            self._http = self.loop.run_until_complete(start())
        made: Callable[[], asyncio.BaseProtocol] = self._http
        return made

    async def _exchange(self, make: Callable[[], asyncio.BaseProtocol], content: bytes) -> bytes:
        ours, theirs = socket.socketpair()
        await self.loop.connect_accepted_socket(make, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        answer = b""
        with contextlib.suppress(OSError):
            writer.write(content)
            for _ in range(TURNS):  # an HTTP server answers nobody who has hung up
                await asyncio.sleep(0)
            writer.write_eof()
            answer = await reader.read()
        writer.close()
        return answer

    def exchange(self, make: Callable[[], asyncio.BaseProtocol], content: bytes) -> bytes:
        """Send all of it, and return what is answered."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            answer = self.loop.run_until_complete(
                asyncio.wait_for(self._exchange(make, content), 5 * IDLE)
            )
        if "unexpected" in said.getvalue() or "Traceback" in said.getvalue():
            raise BrokenPromiseError(said.getvalue()[-500:])
        if self.faults:
            raise BrokenPromiseError(self.faults.pop())
        return answer


@functools.cache
def _servers() -> _Servers:
    return _Servers()


# --- Wyoming ------------------------------------------------------------------------------------


def _message(kind: str, payload: bytes = b"", **data: Any) -> bytes:
    head = {"type": kind, "data": data, "payload_length": len(payload)}
    return json.dumps(head).encode() + b"\n" + payload


def _wyoming_seeds() -> tuple[bytes, ...]:
    chunk = _message("audio-chunk", bytes(2560), **_AUDIO, timestamp=0)
    start = _message("detect", names=["yes", "no"]) + _message("audio-start", **_AUDIO)
    stop = _message("audio-stop", timestamp=80)
    ping = b'{"type": "ping", "data_length": 15}\n{"text": "well"}'
    return (
        _message("describe") + start + 3 * chunk + stop,
        start + _message("audio-chunk", bytes(600), rate=8000, width=3, channels=2) + stop,
        _message("ping", text="well?") + _message("transcribe") + ping,
    )


def _read_wyoming(content: bytes, folder: Path) -> str:
    servers = _servers()
    answer = servers.exchange(servers.wyoming(), content)
    return "answered" if answer else "let go"


def _change_wyoming(content: bytes, draw: random.Random) -> bytes:
    """Change the values of a line, or any bytes."""
    if draw.random() < 0.3:
        return change_bytes(content, draw)
    lines = content.split(b"\n")
    places = [n for n, line in enumerate(lines) if b'{"type' in line]
    which = draw.choice(places)
    before, _, line = lines[which].partition(b'{"type')
    try:
        values = json.loads(b'{"type' + line)
    except ValueError:
        return change_bytes(content, draw)
    lines[which] = before + json.dumps(change_values(values, draw)).encode()
    return b"\n".join(lines)


# --- HTTP ---------------------------------------------------------------------------------------


def _frame(code: int, content: bytes, mask: bytes = b"abcd") -> bytes:
    size = len(content)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    masked = bytes(one ^ mask[n % 4] for n, one in enumerate(content))
    return bytes([0x80 | code]) + length + mask + masked


def _request(line: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _http_seeds() -> tuple[bytes, ...]:
    chunked = b"%x\r\n" % len(wav_seeds()[0]) + wav_seeds()[0] + b"\r\n0\r\n\r\n"
    return (
        _request("GET /") + _request("GET /models?x=1", Origin="http://localhost"),
        _request("POST /spot?keywords=yes,no&model=commands-small", wav_seeds()[0]),
        _request("POST /spot", wav_seeds()[1], Expect="100-continue"),
        _request("POST /spot", Transfer_Encoding="chunked") + chunked,
        _request("OPTIONS /spot", Origin="https://elsewhere.example"),
    )


def _socket_seeds() -> tuple[bytes, ...]:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    begin = _request("GET /listen?rate=16000&keywords=yes", **upgrade)
    audio = _frame(2, bytes(2560))
    return (
        begin + 3 * audio + _frame(1, b"end") + _frame(8, b"\x03\xe8"),
        begin + _frame(9, b"ping") + audio + _frame(2, bytes(101)) + _frame(1, b"x"),
        begin + b"\x02" + audio[1:] + b"\x80" + audio[1:] + _frame(8, b""),
    )


def _read_http(content: bytes, folder: Path) -> str:
    servers = _servers()
    answer = servers.exchange(servers.http(), content)
    return f"status {answer[9:12].decode('ascii', 'replace')}" if answer else "let go"


def _change_http(content: bytes, draw: random.Random) -> bytes:
    """Change a header, an address or a frame, or any bytes."""
    if draw.random() < 0.5:
        head, gap, body = content.partition(b"\r\n\r\n")
        return head + gap + change_bytes(body, draw) if body else change_bytes(content, draw)
    lines = content.split(b"\r\n")
    odd = (
        *(
            b"Content-Length: 99999999999",
            b"Content-Length: -1",
            b"Content-Length: 5",
            b"Host: \xff",
        ),
        *(
            b"Transfer-Encoding: chunked",
            b"Content-Encoding: gzip",
            b"Host: evil.example",
            b"Host: [",
        ),
        *(b"Origin: null", b"Origin: http://[", b"X: " + b"a" * 9000, b" folded", b"Upgrade: x"),
        *(
            b"Sec-WebSocket-Version: 99",
            b"Sec-WebSocket-Extensions: permessage-deflate",
            b"a\0b: c",
        ),
        *(b"GET /spot HTTP/1.1", b"POST /listen HTTP/1.1", b"GET /../../etc/passwd HTTP/1.1"),
        *(
            b"GET /models?model=%00%ff HTTP/1.1",
            b"POST /spot?keywords=%22a HTTP/9.9",
            b"PUT * HTTP/1",
        ),
        *(b"GET /listen?rate=" + b"9" * 30 + b" HTTP/1.1", b"POST /spot?model=" + b"x" * 3000),
    )
    at = draw.randrange(min(len(lines), 8))
    if draw.random() < 0.5:
        lines[at] = draw.choice(odd)
    else:
        lines.insert(at, draw.choice(odd))
    return b"\r\n".join(lines)


def readers() -> Iterator[Reader]:
    """Yield the readers of what clients send."""
    yield Reader(
        "wyoming",
        "messages of Wyoming clients",
        _wyoming_seeds,
        _read_wyoming,
        _change_wyoming,
        needs=("wyoming",),
        memory=64,
    )
    # requests ask for every sample rate; the server keeps 16 spotters, each of about a megabyte,
    # and the C library what others leave between those (docs/endurance.md): 43 to 52 MiB, or 25 in
    # one arena with MALLOC_MMAP_THRESHOLD_=131072
    yield Reader("http", "HTTP requests", _http_seeds, _read_http, _change_http, needs=("aiohttp",))
    yield Reader(
        "websocket",
        "frames of WebSockets",
        _socket_seeds,
        _read_http,
        _change_http,
        needs=("aiohttp",),
        memory=64,
    )
