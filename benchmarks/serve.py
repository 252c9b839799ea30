"""How late a detection of `kws serve` is, and whether the server's memory grows with connections.

    python benchmarks/serve.py [--clients 8] [--loops 3] [--connections 1000] [--json FILE]

The server is a process of its own with the two models of ten commands. So many clients, half of
them for each model, send it the demo recording in real time, in chunks of 80 ms, each beginning
some milliseconds after the one before. The library hears the same chunks: it says with which chunk
each detection is complete. A detection's delay is the time from when the client has sent that chunk
to when the client has its detection, so it includes what the library itself would take.

Then so many clients connect one after the other, ask what there is, send a second of audio and go.
Printed is the server's resident memory after the first 100, which warm it up, and at the end.

Exit status 1 if a delay is above 20 ms, a detection is missing, or memory grew by more than 1 MB; 2
if it cannot run. It needs the extra `serve`, and a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import number_between
from support.origin import on_machine, origin
from support.script import check_json, status_of

from kws import KeywordSpotter
from kws.audio import load_audio
from kws.bench.machine import read_machine, read_state
from kws.bench.measure import memory
from kws.console import quiet
from kws.errors import KwsError
from kws.files import whole_file
from kws.pcm import to_int16

DEMO = Path(__file__).resolve().parents[1] / "demo" / "synthesized_commands.wav"
MODELS = ("commands", "commands-small")
RATE = 16000
#: Seconds of audio in a chunk.
CHUNK_SECONDS = 0.08
#: Connections that warm the server up.
WARM_UP = 100
#: Bars of the issue "Reach": seconds, and bytes.
MOST_DELAY, MOST_GROWTH = 0.020, 1_000_000


@dataclass(frozen=True)
class Expected:
    """A detection of the library.

    Attributes
    ----------
    name : str
        What the server calls the wake word.
    chunk : int
        Number of the chunk with which it is complete.
    """

    name: str
    chunk: int


class Server:
    """`kws serve` as a process of its own."""

    def __init__(self, clients: int) -> None:
        command = [sys.executable, "-m", "kws", "serve", "--uri", "tcp://127.0.0.1:0"]
        command += ["--clients", str(clients), *(f"--model={name}" for name in MODELS)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        line = self._process.stderr.readline() if self._process.stderr else ""
        if not line.startswith("listening on "):
            raise KwsError(line.strip() or "the server did not start")
        self.uri = line.split()[2]

    def resident(self) -> int:
        """Return the bytes of its resident memory."""
        found = memory(Path(f"/proc/{self._process.pid}/status"))
        if found is None:
            raise KwsError("/proc does not tell the server's memory: this needs Linux")
        return found["steady"]

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)


def chunks_of_demo(loops: int) -> list[bytes]:
    """Return the recording, so many times, in chunks."""
    samples = np.tile(to_int16(load_audio(DEMO, RATE), nearest=True), loops)
    size = round(CHUNK_SECONDS * RATE)
    return [samples[n : n + size].tobytes() for n in range(0, len(samples) // size * size, size)]


def expected_of(model: str, chunks: list[bytes]) -> list[Expected]:
    """Return what the library detects, and with which chunks."""
    with quiet():
        spotter = KeywordSpotter.default(model)
    return [
        Expected(detection.keyword if model == MODELS[0] else f"{model}:{detection.keyword}", n)
        for n, chunk in enumerate(chunks)
        for detection in spotter.process(np.frombuffer(chunk, np.int16))
    ]


async def delays_of_client(
    uri: str, chunks: list[bytes], expected: list[Expected], wait: float
) -> list[float]:
    """Stream chunks in real time; return the delay of each detection, in seconds.

    Parameters
    ----------
    uri : str
        The server.
    chunks : list of bytes
        16-bit samples.
    expected : list of Expected
        What the library detects in them, in the same order.
    wait : float
        Seconds to wait before the first.
    """
    from wyoming.audio import AudioChunk, AudioStart
    from wyoming.client import AsyncClient
    from wyoming.ping import Ping
    from wyoming.wake import Detect

    sent = [0.0] * len(chunks)
    delays: list[float] = []

    async def receive() -> None:
        while (event := await client.read_event()) is not None and event.type != "pong":
            if event.type == "detection":
                now = time.perf_counter()
                one = expected[len(delays)] if len(delays) < len(expected) else None
                if one is None or one.name != event.data["name"]:
                    raise KwsError(f"{event.data['name']} was detected, which the library did not")
                delays.append(now - sent[one.chunk])

    async with AsyncClient.from_uri(uri) as client:
        await client.write_event(Detect([*{one.name for one in expected}]).event())
        await client.write_event(AudioStart(RATE, 2, 1).event())
        receiver = asyncio.create_task(receive())
        begin = time.perf_counter() + wait
        for number, chunk in enumerate(chunks):
            await asyncio.sleep(begin + number * CHUNK_SECONDS - time.perf_counter())
            # before, not after: the server may answer while the client still waits for the socket
            sent[number] = time.perf_counter()
            await client.write_event(AudioChunk(RATE, 2, 1, chunk).event())
        await client.write_event(Ping().event())
        await receiver
    if len(delays) != len(expected):
        raise KwsError(f"{len(expected) - len(delays)} of {len(expected)} detections are missing")
    return delays


async def all_delays(uri: str, clients: int, loops: int) -> list[float]:
    """Return the delays of all clients, in seconds."""
    chunks = chunks_of_demo(loops)
    expected = [expected_of(model, chunks) for model in MODELS]
    step = CHUNK_SECONDS / clients
    found = await asyncio.gather(
        *(
            delays_of_client(uri, chunks, expected[number % 2], 0.5 + number * step)
            for number in range(clients)
        )
    )
    return [delay for delays in found for delay in delays]


async def connect(uri: str, audio: bytes) -> None:
    """Connect, ask what there is, send audio, and go when it is answered."""
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncClient
    from wyoming.info import Describe
    from wyoming.wake import Detect

    async with AsyncClient.from_uri(uri) as client:
        await client.write_event(Describe().event())
        await client.write_event(Detect(["yes"]).event())
        await client.write_event(AudioStart(RATE, 2, 1).event())
        await client.write_event(AudioChunk(RATE, 2, 1, audio).event())
        await client.write_event(AudioStop().event())
        while (event := await client.read_event()) is not None:
            if event.type == "not-detected":
                return
    raise KwsError("the server has closed a connection")


async def growth_of(server: Server, connections: int) -> tuple[int, int, float]:
    """Return the resident bytes after the warm-up and at the end, and seconds per connection."""
    audio = bytes(2 * RATE)
    for _ in range(WARM_UP):
        await connect(server.uri, audio)
    first = server.resident()
    began = time.perf_counter()
    for _ in range(connections):
        await connect(server.uri, audio)
    taken = (time.perf_counter() - began) / connections
    return first, server.resident(), taken


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was measured, as plain JSON values."""
    began = origin()
    machine, before = read_machine(), read_state()
    server = Server(options.clients)
    try:
        delays = asyncio.run(all_delays(server.uri, options.clients, options.loops))
        first, last, taken = asyncio.run(growth_of(server, options.connections))
    finally:
        server.stop()
    milliseconds = [1000 * delay for delay in delays]
    return {
        **began,
        **on_machine(machine, [before, read_state()]),
        "clients": options.clients,
        "detections": len(delays),
        "delay_ms": {
            "median": round(float(np.median(milliseconds)), 2),
            "p99": round(float(np.percentile(milliseconds, 99)), 2),
            "largest": round(max(milliseconds), 2),
        },
        "late": sum(delay > MOST_DELAY for delay in delays),
        "connections": options.connections,
        "connection_ms": round(1000 * taken, 2),
        "resident_after_warm_up": first,
        "resident_at_the_end": last,
    }


def main() -> int:
    """Measure, print, and judge by the bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    count = number_between(1, 1000, "a number of clients")
    parser.add_argument("--clients", type=count, default=8, metavar="N")
    parser.add_argument("--loops", type=number_between(1, 1000), default=3, metavar="N")
    parser.add_argument("--connections", type=number_between(1, 1e6), default=1000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    options = parser.parse_args()
    for name in ("clients", "loops", "connections"):
        setattr(options, name, int(getattr(options, name)))
    check_json(options.json, KwsError)
    try:
        result = measure(options)
    except ModuleNotFoundError as error:
        raise KwsError(f"{error.name} is missing: pip install '.[serve]'") from None
    delay = result["delay_ms"]
    growth = result["resident_at_the_end"] - result["resident_after_warm_up"]
    print(
        f"{result['detections']} detections by {result['clients']} clients: delay median "
        f"{delay['median']:.2f} ms, p99 {delay['p99']:.2f} ms, largest {delay['largest']:.2f} ms, "
        f"{result['late']} above {1000 * MOST_DELAY:g} ms"
    )
    print(
        f"{result['connections']} connections of {result['connection_ms']:.2f} ms: resident "
        f"{result['resident_after_warm_up'] / 1e6:.3f} MB, then {growth / 1e6:+.3f} MB"
    )
    for doubt in result["doubts"]:
        print(f"doubt: {doubt}")
    if options.json is not None:
        with whole_file(options.json) as stream:
            stream.write((json.dumps(result, indent=1) + "\n").encode())
    return int(result["late"] > 0 or growth > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(status_of("serve.py", main))
