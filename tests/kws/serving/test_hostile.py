"""Nothing that a client sends ends the server, or the session of another client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws.serving.catalog import Catalog
from kws.serving.events import HEADER_BYTES
from kws.serving.limits import Limits
from kws.serving.service import Service
from kws.serving.tuning import Tuning
from kws.serving.wyoming_server import WyomingServer

pytestmark = pytest.mark.reach

AUDIO = {"rate": 16000, "width": 2, "channels": 1}


def header(kind, **more):
    return json.dumps({"type": kind, **more}).encode() + b"\n"


def chunk(payload, **data):
    return header("audio-chunk", data={**AUDIO, **data}, payload_length=len(payload)) + payload


def exchange(uri, data):
    """Send bytes, end the sending side, and return all that is answered."""
    host, _, port = uri.removeprefix("tcp://").rpartition(":")
    answer = b""
    with socket.create_connection((host, int(port)), 30) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            return answer
        try:
            while more := connection.recv(1 << 16):
                answer += more
        except ConnectionResetError:
            pass
    return answer


def is_well(server):
    assert b'"pong"' in exchange(server.uri, header("ping", data={"text": "well?"}))
    assert not [line for line in server.lines if "unexpected" in line or "Traceback" in line]


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"\xff\xfe\x00" * 1000,
        b"x" * 1_000_000,
        b'{"type":' + b"[" * 60_000 + b"\n",
        b'{"type":"' + b"a" * 1_000_000 + b'"}\n',
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"type":null}\n',
        b'{"type":"ping","data":{"text":"\\ud800"}}\n',
        b'{"type":"describe","data":[]}\n',
        b'{"type":"describe","data_length":NaN}\n',
        b'{"type":"describe","data_length":' + b"9" * 5000 + b"}\n",
        header("describe", data_length=10**12),
        header("describe", data_length=-1),
        header("describe", data_length=3) + b"[1]",
        header("describe", data_length=60_000) + b"[" * 60_000,
        header("audio-chunk", data=AUDIO, payload_length=10**12),
        header("audio-chunk", data=AUDIO, payload_length=True),
        header("audio-chunk", data=AUDIO, payload_length=1.5),
        header("audio-chunk", data=AUDIO, payload_length=100) + b"cut off",
        header("audio-chunk"),
    ],
)
def test_messages_that_are_none_are_refused(server, data):
    answer = exchange(server.uri, data)
    assert answer == b"" or b'"error"' in answer
    is_well(server)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": float("1e400")},
        {"rate": 0},
        {"rate": 10**30},
        {"width": 3.5},
        {"channels": 0},
        {"channels": -7},
        {"channels": "one"},
        {"rate": None},
        {"width": [[]]},
    ],
)
def test_audio_that_is_none_is_refused_once_and_the_connection_goes_on(server, wrong):
    bad = header("audio-start", data={**AUDIO, **wrong})
    if b"Infinity" in bad:  # is not JSON: the connection ends
        assert b'"error"' in exchange(server.uri, bad)
        return
    message = chunk(bytes(100), **wrong)
    answer = exchange(server.uri, 3 * message + header("audio-stop") + header("ping"))
    assert answer.count(b'"error"') == 1
    assert answer.count(b'"not-detected"') == 1
    assert answer.count(b'"pong"') == 1


def test_odd_payloads_and_formats_that_change(server):
    odd = b"".join(chunk(bytes(size)) for size in (1, 3, 0, 7, 2559))
    assert exchange(server.uri, odd + header("audio-stop")).count(b"not-detected") == 1
    changed = chunk(bytes(100)) + chunk(bytes(100), rate=8000) + header("ping")
    answer = exchange(server.uri, changed)
    assert b"changed its format" in answer
    assert b'"pong"' in answer


@pytest.mark.parametrize("names", [7, "yes", [1], {"yes": 1}, ["x"] * 1001, [None]])
def test_names_that_are_none(server, names):
    answer = exchange(server.uri, header("detect", data={"names": names}) + header("ping"))
    assert b'"error"' in answer
    assert b'"pong"' in answer


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
kinds = st.sampled_from(
    ["describe", "detect", "audio-start", "audio-chunk", "audio-stop", "ping", "detection", ""]
)
fields = st.sampled_from(["rate", "width", "channels", "timestamp", "names", "context", "text"])


@st.composite
def messages(draw):
    """A message of which anything may be wrong, or bytes that are none."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    data = {**AUDIO, **draw(st.dictionaries(fields, values, max_size=3))}
    payload = draw(st.binary(max_size=4000))
    head = {"type": draw(kinds), "data": draw(st.just(data) | values)}
    head["payload_length"] = draw(st.just(len(payload)) | st.integers(-2, 5000))
    return json.dumps(head).encode() + b"\n" + payload


def test_no_messages_do_harm(server):
    @settings(
        max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.lists(messages(), min_size=1, max_size=6))
    def send(some):
        exchange(server.uri, b"".join(some))

    send()
    is_well(server)


def test_a_client_that_reads_nothing_does_not_keep_its_connection():
    """Else connections that no place counts would use up the descriptors of the process."""
    pytest.importorskip("wyoming", reason="no wyoming: pip install '.[serve]'")

    async def work(loader):
        catalog = Catalog(["words"], Tuning())
        server = WyomingServer(Service(catalog, Limits(write_seconds=0.2), loader))
        writers = []

        async def serve(reader, writer):
            writers.append(writer)
            await server.serve(reader, writer)

        listener = await asyncio.start_server(serve, "127.0.0.1", 0, limit=HEADER_BYTES)
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, listener.sockets[0].getsockname())
            while not writers or not writers[0].is_closing():
                with contextlib.suppress(OSError):
                    deaf.send(1000 * header("describe"))
                await asyncio.sleep(0.01)
            assert writers[0].transport.get_write_buffer_size()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(writers[0].wait_closed(), 30)
            assert not writers[0].transport.get_write_buffer_size()
        listener.close()

    with ThreadPoolExecutor(1) as loader:
        asyncio.run(work(loader))


def test_others_are_served_while_one_sends_all_it_can(server, spoken, expected):
    """A client without pauses, one that does not read, one that sends a byte now and then."""
    from .test_wyoming import client, hear

    async def work():
        host, _, port = server.uri.removeprefix("tcp://").rpartition(":")
        writers = [(await asyncio.open_connection(host, int(port)))[1] for _ in range(3)]
        flood = 20 * chunk(bytes(1 << 20))
        writers[0].write(flood)
        writers[1].write(3000 * header("describe"))
        writers[2].write(b'{"type"')
        async with client(server.uri) as connection:
            found, _ = await hear(connection, spoken, [word for word, _ in expected])
        for writer in writers:
            writer.transport.abort()
        return found

    assert asyncio.run(asyncio.wait_for(work(), 120)) == expected
    is_well(server)
