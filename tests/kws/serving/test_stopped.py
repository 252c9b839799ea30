"""A server that stood still, stopped or starved, does not take it for its clients' silence."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time

import pytest

from kws.serving.patience import patiently

#: Seconds that the server waits for a client, and that it stands still. On a busy machine a client
#: may be silent for some of them by itself.
IDLE, STOPPED = 6, 7.5


def stand_still(server):
    """Stop the server for longer than it waits for clients."""
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED)
    server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("sends", [True, False])
def test_what_came_while_the_process_stood_still_is_read(sends):
    async def work():
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            reading = asyncio.create_task(patiently(reader.readline(), 0.2))
            await asyncio.sleep(0)
            if sends:
                theirs.sendall(b"here\n")
            time.sleep(0.5)  # nothing else runs in this process meanwhile
            try:
                return await reading
            finally:
                writer.close()

    if sends:
        assert asyncio.run(work()) == b"here\n"
    else:
        with pytest.raises(TimeoutError):
            asyncio.run(work())


@pytest.mark.reach
def test_clients_that_sent_something_meanwhile_are_served(serve):
    aiohttp = pytest.importorskip("aiohttp", reason="no aiohttp: pip install '.[serve]'")
    where = ("--uri", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0")
    server = serve(*where, "--model", "commands", "--idle", IDLE)

    async def work():
        host, _, port = server.uri.removeprefix("tcp://").rpartition(":")
        ping = json.dumps({"type": "ping", "data": {"text": "well?"}}).encode() + b"\n"

        async def pong():
            writer.write(ping)
            header = json.loads(await reader.readline())
            await reader.readexactly(header.get("data_length") or 0)
            return header["type"]

        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{server.http.rstrip('/')}/listen") as listening,
        ):
            reader, writer = await asyncio.open_connection(host, int(port))
            assert await pong() == "pong"
            stopping = asyncio.to_thread(stand_still, server)
            stopped = asyncio.create_task(stopping)
            await asyncio.sleep(0.2)
            answer = asyncio.create_task(pong())
            await listening.send_bytes(bytes(3200))
            await stopped
            assert await answer == "pong"
            await listening.send_str("end")
            message = await listening.receive()
            assert (message.type, listening.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)

    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.reach
def test_a_client_that_is_silent_is_let_go_even_then(serve):
    server = serve("--uri", "tcp://127.0.0.1:0", "--model", "commands", "--idle", IDLE)

    async def work():
        host, _, port = server.uri.removeprefix("tcp://").rpartition(":")
        reader, _ = await asyncio.open_connection(host, int(port))
        await asyncio.to_thread(stand_still, server)
        return await reader.read()

    assert b"nothing came for 6 s" in asyncio.run(asyncio.wait_for(work(), 60))
