"""A server that stood still, stopped or starved, does not take it for its clients' silence."""

from __future__ import annotations

import asyncio
import json
import signal
import time

import pytest

pytestmark = pytest.mark.reach

#: Seconds that the server waits for a client, and that it stands still.
IDLE, STOPPED = 1, 2.5


def stand_still(server):
    """Stop the server for longer than it waits for clients."""
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED)
    server.process.send_signal(signal.SIGCONT)


def test_clients_that_sent_something_meanwhile_are_served(serve):
    aiohttp = pytest.importorskip("aiohttp", reason="no aiohttp: pip install '.[serve]'")
    where = ("--uri", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0")
    server = serve(*where, "--model", "commands", "--idle", IDLE)

    async def work():
        host, _, port = server.uri.removeprefix("tcp://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        ping = json.dumps({"type": "ping", "data": {"text": "well?"}}).encode() + b"\n"

        async def pong():
            writer.write(ping)
            header = json.loads(await reader.readline())
            await reader.readexactly(header.get("data_length") or 0)
            return header["type"]

        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{server.http.rstrip('/')}/listen") as socket,
        ):
            assert await pong() == "pong"
            stopping = asyncio.to_thread(stand_still, server)
            stopped = asyncio.create_task(stopping)
            await asyncio.sleep(0.2)
            answer = asyncio.create_task(pong())
            await socket.send_bytes(bytes(3200))
            await stopped
            assert await answer == "pong"
            await socket.send_str("end")
            message = await socket.receive()
            assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_client_that_is_silent_is_let_go_even_then(serve):
    server = serve("--uri", "tcp://127.0.0.1:0", "--model", "commands", "--idle", IDLE)

    async def work():
        host, _, port = server.uri.removeprefix("tcp://").rpartition(":")
        reader, _ = await asyncio.open_connection(host, int(port))
        await asyncio.to_thread(stand_still, server)
        return await reader.read()

    assert b"nothing came for 1 s" in asyncio.run(asyncio.wait_for(work(), 60))
