"""The HTTP server, asked by the client of aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import socket
import struct

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.resample import resample
from kws.serving import http_server
from kws.wav import write_wav

pytestmark = pytest.mark.reach


def with_session(server, work):
    import aiohttp

    async def run():
        async with aiohttp.ClientSession(server.http) as session:
            return await asyncio.wait_for(work(session), 120)

    return asyncio.run(run())


def wav(samples, rate=16000):
    file = io.BytesIO()
    write_wav(file, samples, rate)
    return file.getvalue()


def ends(found):
    return [(one["keyword"], round(1000 * one["end"])) for one in found]


async def stream(session, data, size, **query):
    """What the WebSocket answers to PCM in pieces of some size, whole samples or not."""
    async with session.ws_connect("/listen", params=query) as listen:
        for start in range(0, len(data), size):
            await listen.send_bytes(data[start : start + size])
        await listen.send_str(http_server.END)
        return [json.loads(message.data) async for message in listen]


@pytest.mark.parametrize("size", [999, 2560, 1 << 19])
def test_a_stream_is_heard_as_by_the_library(server, spoken, expected, size):
    found = with_session(server, lambda s: stream(s, spoken.tobytes(), size))
    assert ends(found) == expected
    assert set(found[0]) == {"file", "keyword", "score", "start", "end"}


def test_models_keywords_and_rates(server, spoken, expected):
    high = resample(spoken.astype(np.float32) / 32768, 16000, 44100)
    data = (high * 32767).astype("<i2").tobytes()

    async def work(session):
        few = await stream(session, data, 5000, rate="44100", keywords="yes,no")
        other = await stream(session, spoken.tobytes(), 5000, model="words", keywords="stop")
        return few, other

    few, other = with_session(server, work)
    assert [one["keyword"] for one in few] == ["yes", "no"]
    assert [one["keyword"] for one in other] == ["stop"]


def test_a_recording_is_answered_whole(server, spoken, expected):
    async def pieces(data):
        for start in range(0, len(data), 7777):
            yield data[start : start + 7777]

    async def header_alone(data):
        yield data[:44]
        await asyncio.sleep(0.2)  # so that the samples come later
        yield data[44:]

    async def work(session):
        whole = await (await session.post("/spot", data=wav(spoken))).json()
        body = pieces(wav(spoken) + b"LIST" + struct.pack("<I", 4) + b"more")
        in_pieces = await (await session.post("/spot", data=body)).json()
        later = await (await session.post("/spot", data=header_alone(wav(spoken)))).json()
        return whole, in_pieces, later

    whole, in_pieces, later = with_session(server, work)
    assert ends(whole["detections"]) == expected
    assert whole == in_pieces
    assert whole == later
    assert whole["model"] == "commands"


def test_what_models_there_are(server):
    models = with_session(server, lambda s: answer(s.get("/models")))[1]["models"]
    assert [one["name"] for one in models] == ["commands", "words"]
    assert models[0]["keywords"] == [*KeywordSpotter.default().keywords]


async def answer(request):
    async with request as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/listen", "WebSocket"),
        ("/absent", "Not Found"),
    ],
)
def test_requests_that_are_none(server, path, word):
    status, body = with_session(server, lambda s: answer(s.get(path)))
    assert status in (400, 404)
    assert word in body["error"]


@pytest.mark.parametrize(
    ("data", "query", "word"),
    [
        (b"", "", "no WAV"),
        (b"\x00" * 100, "", "no WAV"),
        (b"RIFF\x00\x00\x00\x00WAVE", "", "no samples"),
        (b"RIFF\x00\x00\x00\x00WAVE" + b"junk\xff\xff\xff\x7f" + bytes(2 << 20), "", "no samples"),
        (None, "?model=absent", "'absent'"),
        (None, "?keywords=absent", "'absent'"),
        (None, "?keywords=,", "no keyword"),
    ],
)
def test_recordings_that_are_none(server, data, query, word):
    body = wav(np.zeros(100, np.int16)) if data is None else data
    status, said = with_session(server, lambda s: answer(s.post(f"/spot{query}", data=body)))
    assert status == 400
    assert word in said["error"]


def test_bodies_that_are_broken_or_compressed_are_refused(server, spoken):
    """What is compressed may be a thousand times as long: it is taken as it came."""
    import aiohttp

    async def broken():
        yield wav(spoken)[:50_000]
        raise OSError("the sender has failed")

    async def work(session):
        packed = {"Content-Encoding": "gzip"}
        told = []
        for body in (gzip.compress(wav(spoken)), b"RIFF of no gzip"):
            told.append(await answer(session.post("/spot", data=body, headers=packed)))
        with contextlib.suppress(OSError, aiohttp.ClientError):
            await session.post("/spot", data=broken())
        return told

    for status, said in with_session(server, work):
        assert (status, "no WAV file" in said["error"]) == (400, True)
    assert not [line for line in server.lines if "unexpected" in line or "Traceback" in line]


def test_floats_that_are_no_numbers(server):
    head = struct.pack("<HHIIHH", 3, 1, 16000, 64000, 4, 32)
    data = np.full(4000, np.nan, "<f4").tobytes()
    body = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", 16) + head
    body += b"data" + struct.pack("<I", len(data)) + data
    status, said = with_session(server, lambda s: answer(s.post("/spot", data=body)))
    assert (status, "NaN" in said["error"]) == (400, True)


@pytest.mark.parametrize("rate", ["0", "nan", "16000.0", "9" * 5000, "-16000", "٣٢٠٠٠"])
def test_rates_that_are_none(server, rate):
    from aiohttp import WSServerHandshakeError

    with pytest.raises(WSServerHandshakeError):
        with_session(server, lambda s: stream(s, b"", 1, rate=rate))


def test_pages_of_strangers_are_refused(server, spoken):
    async def work(session):
        found = []
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Host": "evil.example"},
            {"Host": "evil.example", "Origin": "http://evil.example"},
        ):
            for path in ("/", "/models", "/listen"):
                async with session.get(path, headers=headers) as response:
                    found.append(response.status)
            async with session.post("/spot", headers=headers, data=wav(spoken)) as response:
                found.append(response.status)
            try:
                async with session.ws_connect("/listen", headers=headers):
                    found.append(101)
            except Exception as error:
                found.append(error.status)
        own = {"Origin": server.http}
        async with session.get("/models", headers=own) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
            return found, response.status

    found, own = with_session(server, work)
    assert set(found) == {403}
    assert own == 200


def test_a_page_that_is_named_may_ask_and_more_clients_than_places_may_not(serve, spoken):
    origin = "https://panel.example"
    server = serve("--http", "127.0.0.1:0", "--allow-origin", origin, "--clients", "1")

    async def work(session):
        async with session.options("/spot", headers={"Origin": origin}) as response:
            assert response.headers["Access-Control-Allow-Origin"] == origin
        async with session.ws_connect("/listen", headers={"Origin": origin}):
            status, said = await answer(session.post("/spot", data=wav(spoken)))
        assert (status, "all 1 places" in said["error"]) == (503, True)
        for _ in range(50):  # the place is free again as soon as the server has seen the end
            status, said = await answer(session.post("/spot", data=wav(spoken)))
            if status == 200:
                return said
            await asyncio.sleep(0.1)
        raise AssertionError(said)

    assert with_session(server, work)["detections"]


def test_silent_connections_are_dropped_and_streams_end_with_the_server(serve, spoken):
    server = serve("--http", "127.0.0.1:0", "--idle", "1", "--clients", "1")
    host, _, port = server.http.removeprefix("http://").rpartition(":")
    some = [socket.create_connection((host, int(port)), 20) for _ in range(6)]
    for connection in some:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\n")  # and never the rest
            assert connection.recv(100) == b""
        except ConnectionError:
            pass
        connection.close()

    with socket.create_connection((host, int(port)), 20) as connection:
        connection.sendall(b"GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while connection.recv(1000):  # ends, since nothing more is asked
            pass

    async def work(session):
        async with session.ws_connect("/listen") as idle:
            assert (await idle.receive()).extra == "nothing came"
        async with session.ws_connect("/listen") as large:
            await large.send_bytes(bytes((1 << 20) + 1))
            assert (await large.receive()).data == 1009
        async with session.ws_connect("/listen") as listen:
            await listen.send_bytes(bytes(100))
            assert await asyncio.to_thread(server.stop) == 0
            return (await listen.receive()).data

    assert with_session(server, work) == 1001
    assert not [line for line in server.lines if "unexpected" in line or "Traceback" in line]
