"""Whether `kws serve` bears clients that come, go, stall and lie, beside those that behave.

    python benchmarks/serve_load.py [--minutes 60] [--seed 0] [--idle 5] [--json FILE]

The server is a process of its own, Wyoming and HTTP, with the model of ten commands, places for 64
clients and five seconds of patience, or --idle: more where this process may stand still for longer,
since a client that behaves is then silent too. In rounds of five minutes, all at once, again and
again, drawn by the seed:

- two clients send the demo recording in real time by Wyoming, and one by POST to /spot: they must
  get the ten words, each time;
- come and go: connect, send some of a session, and close, half of them with a reset;
- stall: send half of a message or nothing, or send audio and read no answer, and wait;
- lie: headers that are no JSON, lengths of 10^12, negative lengths, samples that are cut, HTTP that
  is none, WebSocket frames of reserved kinds, bodies that are shorter than they say.

A round ends when all of them have gone. Then a crowd takes every place at once, each client with a
session of three seconds of audio, and goes; after that, resident memory is read. For a server keeps
the memory of the most sessions that it ever had at once, half a megabyte each, and how many those
are is chance: where it had no processor for seconds, all clients are there at once that came and
went meanwhile. The crowd is as large as it can be, in every round, so that what a round adds is
what it did not give back.

Exit status 1 if a client that behaves, or one of the crowd, misses a word or is refused, if the
median of resident memory in the last quarter of the rounds is more than 1 MB above that in the
second quarter, if the server has more open files at the end, when all have gone, than at the
beginning, or if it ended; 2 if it cannot run. It needs the extra `serve`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

from support.resident import resident

from kws import KeywordSpotter
from kws.audio import load_audio
from kws.errors import KwsError
from kws.pcm import to_int16

DEMO = Path(__file__).resolve().parents[1] / "demo" / "synthesized_commands.wav"
RATE = 16000
CHUNK = 1280
#: Clients of each kind at once.
FAIR, COMING, STALLING, LYING = 2, 4, 12, 4
#: Places of the server for clients.
PLACES = 64
#: Minutes of a round.
ROUND = 5
#: Seconds of audio that each client of the crowd sends.
CROWD_SECONDS = 3
#: Bytes by which memory may grow from the second quarter of the rounds to the last.
MOST_GROWTH = 1_000_000
#: Seconds in which all clients are gone, beyond those that the server waits for one.
GONE = 10
#: Seconds from the end of a client to the beginning of the next of its kind.
PAUSE = 0.5


class Server:
    """`kws serve` as a process of its own.

    Parameters
    ----------
    idle : float
        Seconds that it waits for a client.
    """

    def __init__(self, idle: float) -> None:
        self.idle = idle
        command = [sys.executable, "-m", "kws", "serve", "--uri", "tcp://127.0.0.1:0"]
        command += ["--http", "127.0.0.1:0", "--clients", str(PLACES), "--idle", str(idle)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.ports: dict[str, int] = {}
        self.said: deque[str] = deque(maxlen=5)
        for _ in range(2):
            assert self.process.stderr is not None
            words = self.process.stderr.readline().split()
            if words[:2] != ["listening", "on"]:
                raise KwsError(" ".join(words) or "the server did not start")
            scheme, _, port = words[2].rpartition(":")
            self.ports[scheme.split(":")[0]] = int(port.strip("/"))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """Take what the server says: it would wait for a pipe that nobody reads."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())

    def resident(self) -> int:
        """Return the bytes of its resident memory, page by page."""
        try:
            return resident(self.process.pid)
        except OSError:
            raise KwsError("the server has ended, or this is not Linux") from None

    def files(self) -> int:
        """Return how many files and connections it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


class Load:
    """The clients of a run, and what became of them.

    Parameters
    ----------
    server : Server
    seed : int
    """

    def __init__(self, server: Server, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        samples = load_audio(DEMO, RATE)
        spotter = KeywordSpotter.default()
        self._words = [one.keyword for one in spotter.process(samples)]
        data = to_int16(samples, nearest=True).tobytes()
        self._chunks = [data[at : at + 2 * CHUNK] for at in range(0, len(data), 2 * CHUNK)]
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        #: Seconds for which this process stood still, at most.
        self.stood_still = 0.0

    async def run(self, seconds: float) -> None:
        """Let all kinds of clients come for so long, and wait until the last has gone."""
        until = time.monotonic() + seconds
        kinds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (FAIR, self._fair),
            (1, self._fair_post),
            (COMING, self._comes_and_goes),
            (STALLING, self._stalls),
            (LYING, self._lies),
        ]
        async with asyncio.TaskGroup() as group:
            for count, kind in kinds:
                for _ in range(count):
                    group.create_task(self._again(kind, until))
            group.create_task(self._watch(until))

    async def _watch(self, until: float) -> None:
        while (now := time.monotonic()) < until:
            await asyncio.sleep(0.05)
            self.stood_still = max(self.stood_still, time.monotonic() - now - 0.05)

    async def crowd(self) -> None:
        """Take every place at once, each with a session, and go."""
        ready, leave = asyncio.Semaphore(0), asyncio.Event()
        clients = [asyncio.create_task(self._in_crowd(ready, leave)) for _ in range(PLACES)]
        for _ in clients:
            await ready.acquire()
        leave.set()
        await asyncio.gather(*clients)

    async def _in_crowd(self, ready: asyncio.Semaphore, leave: asyncio.Event) -> None:
        """Have a session, and stay until all have one."""
        answer = b""
        try:
            reader, writer = await self._open("tcp")
            writer.write(_event("audio-start", _FORMAT))
            for chunk in self._chunks[: CROWD_SECONDS * RATE // CHUNK]:
                writer.write(_event("audio-chunk", _FORMAT, chunk))
            writer.write(_event("ping", {}))
            while b"pong" not in answer:  # the detections come before
                answer = await asyncio.wait_for(reader.readline(), 120)
                if not answer or b'"error"' in answer:
                    raise ConnectionError(f"{answer[:100]!r}")
        except OSError as error:
            self.failures.append(f"crowd: {error!r}")
            ready.release()
            return
        self.counts["crowd"] += 1
        ready.release()
        await leave.wait()
        writer.close()

    async def _again(self, kind: Callable[[], Awaitable[None]], until: float) -> None:
        while time.monotonic() < until:
            try:
                await kind()
                self.counts[kind.__name__.strip("_")] += 1
            except (OSError, asyncio.IncompleteReadError) as error:
                # of those that behave it is a failure; the server may close any other
                if kind in (self._fair, self._fair_post):
                    self.failures.append(f"{kind.__name__.strip('_')}: {error!r}")
                self.counts[kind.__name__.strip("_")] += 1
            await asyncio.sleep(PAUSE)

    async def _open(self, scheme: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._server.ports[scheme])

    async def _fair(self) -> None:
        """Send the demo in real time, and read the detections."""
        reader, writer = await self._open("tcp")
        found: list[str] = []

        async def read() -> None:
            while line := await reader.readline():
                event = json.loads(line)
                data = await reader.readexactly(event.get("data_length") or 0)
                if event["type"] == "detection":
                    values = event.get("data") or json.loads(data)
                    found.append(values["name"])
                if event["type"] == "pong":
                    return

        async def write() -> None:
            writer.write(_event("detect", {"names": self._words}))
            writer.write(_event("audio-start", _FORMAT))
            began = time.monotonic()
            for number, chunk in enumerate(self._chunks):
                writer.write(_event("audio-chunk", _FORMAT, chunk))
                await writer.drain()
                await asyncio.sleep(max(0.0, began + number * CHUNK / RATE - time.monotonic()))
            writer.write(_event("audio-stop", {}) + _event("ping", {}))
            await writer.drain()

        async with asyncio.timeout(120):
            await asyncio.gather(read(), write())
        writer.close()
        if found != self._words:
            self.failures.append(f"fair: {found}")

    async def _fair_post(self) -> None:
        """Send the demo as a file."""
        body = DEMO.read_bytes()
        reader, writer = await self._open("http")
        writer.write(
            b"POST /spot HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        answer = await asyncio.wait_for(reader.read(), 120)
        writer.close()
        try:
            found = json.loads(answer.split(b"\r\n\r\n")[-1])["detections"]
        except (ValueError, KeyError):  # a refusal, or nothing
            found = []
        if len(found) < len(self._words):
            self.failures.append(f"post: {answer[:300]!r}")
        await asyncio.sleep(2)

    async def _comes_and_goes(self) -> None:
        """Send some of a session and close; half of the clients with a reset."""
        _, writer = await self._open("tcp")
        writer.write(_event("audio-start", _FORMAT))
        for chunk in self._chunks[: self._random.randrange(20)]:
            writer.write(_event("audio-chunk", _FORMAT, chunk))
        if self._random.random() < 0.5:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        else:
            writer.close()

    async def _stalls(self) -> None:
        """Send half of something, or nothing, and wait until the server has had enough."""
        scheme = self._random.choice(["tcp", "http"])
        reader, writer = await self._open(scheme)
        whole = _event("audio-chunk", _FORMAT, self._chunks[0])
        if scheme == "http":
            whole = b"POST /spot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nRIFF"
        writer.write(whole[: self._random.randrange(len(whole))])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 3 * self._server.idle)
        writer.close()

    async def _lies(self) -> None:
        """Send what is none."""
        scheme, lie = self._random.choice(_LIES)
        reader, writer = await self._open(scheme)
        writer.write(lie)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(4096), 2)
        writer.close()


_FORMAT = {"rate": RATE, "width": 2, "channels": 1}


def _event(kind: str, data: dict[str, object], payload: bytes = b"") -> bytes:
    """Return an event of the Wyoming protocol."""
    header = {"type": kind, "version": "1.5.0", "data": data}
    if payload:
        header["payload_length"] = len(payload)
    return json.dumps(header).encode() + b"\n" + payload


_UPGRADE = (
    b"GET /listen?rate=16000 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    b"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_LIES: list[tuple[str, bytes]] = [
    ("tcp", b"this is no JSON\n"),
    ("tcp", b"[" * 50_000 + b"\n"),
    ("tcp", b"\0" * 100_000),
    ("tcp", b'{"type": "audio-chunk", "payload_length": 1000000000000}\n' + bytes(1000)),
    ("tcp", b'{"type": "audio-chunk", "payload_length": -1}\n'),
    ("tcp", b'{"type": "audio-chunk", "data_length": 1e99}\n'),
    ("tcp", _event("audio-start", {"rate": 10**9, "width": 2, "channels": 1})),
    ("tcp", _event("audio-start", {"rate": 16000, "width": 3, "channels": 10**9})),
    ("tcp", _event("audio-start", _FORMAT) + _event("audio-chunk", _FORMAT, b"\1")),
    ("tcp", _event("detect", {"names": ["\ud800", 5, None]})),
    ("http", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)),
    ("http", b"GET / HTTP/9.9\r\n" + b"A: b\r\n" * 20_000 + b"\r\n"),
    ("http", b"POST /spot HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\nRIFF"),
    ("http", b"POST /spot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n" + bytes(40)),
    ("http", b"POST /spot HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ("http", _UPGRADE + b"\x83\xff" + bytes(20)),
    ("http", _UPGRADE + b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + bytes(20)),
    ("http", _UPGRADE + b"\xf2\x81\0\0\0\0\0"),
]


def growth_of(resident: list[int]) -> int:
    """Return by how many bytes memory grew: from the second quarter to the last, in the median.

    Where allocations end up differs from round to round, and single readings with it by half a
    megabyte. Fewer than four rounds do not tell.
    """
    quarter = len(resident) // 4
    if not quarter:
        return 0
    before, after = resident[quarter : 2 * quarter], resident[-quarter:]
    return round(statistics.median(after) - statistics.median(before))


def run(minutes: float, seed: int, idle: float) -> dict[str, object]:
    """Run the server under load; returns what is to be told."""
    server = Server(idle)
    rounds = max(1, round(minutes / ROUND))
    try:
        load = Load(server, seed)
        files = server.files()

        async def all_gone() -> None:
            until = time.monotonic() + GONE + idle
            while server.files() > files and time.monotonic() < until:
                await asyncio.sleep(0.2)

        async def all_rounds() -> list[int]:
            resident = []
            for number in range(rounds):
                await load.run(60 * minutes / rounds)
                await all_gone()
                await load.crowd()
                await all_gone()
                await asyncio.sleep(1)
                resident.append(server.resident())
                print(
                    f"round {number + 1} of {rounds}: {resident[-1]} bytes, "
                    f"{len(load.failures)} failures",
                    file=sys.stderr,
                    flush=True,
                )
            return resident

        resident = asyncio.run(all_rounds())
        left = server.files()
        alive = server.process.poll() is None
    finally:
        server.process.terminate()
        server.process.wait(30)
    growth = growth_of(resident)
    return {
        "command": f"python benchmarks/serve_load.py --minutes {minutes:g} --seed {seed} "
        f"--idle {idle:g}",
        "date": date.today().isoformat(),
        "minutes": minutes,
        "clients": dict(load.counts),
        "failures": load.failures[:20],
        "failure_count": len(load.failures),
        "stood_still_seconds": round(load.stood_still, 1),
        "resident": resident,
        "growth": growth,
        "files_before_and_after": [files, left],
        "alive": alive,
        "said_last": list(server.said),
        "good": alive and not load.failures and growth <= MOST_GROWTH and left <= files,
    }


def main() -> int:
    """Load, print, judge; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, default=0, help="of what clients do (0)")
    parser.add_argument("--idle", type=float, default=5.0, help="patience of the server, s (5)")
    parser.add_argument("--json", type=Path, help="a file for the result")
    options = parser.parse_args()
    try:
        if not 0.1 <= options.minutes <= 10_000:
            raise KwsError(f"{options.minutes:g} minutes: give 0.1 to 10000")
        result = run(options.minutes, options.seed, options.idle)
    except KwsError as error:
        print(f"serve_load: {error}", file=sys.stderr)
        return 2
    text = json.dumps(result, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    return 0 if result["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
