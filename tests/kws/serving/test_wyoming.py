"""The Wyoming server, asked by the client of the `wyoming` package."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.pcm import to_float32
from kws.resample import resample

pytestmark = pytest.mark.reach
MODELS = Path(__file__).resolve().parents[3] / "kws" / "models"


def client(uri):
    from wyoming.client import AsyncClient

    return AsyncClient.from_uri(uri)


async def say(connection, kind, **data):
    from wyoming.event import Event

    await connection.write_event(Event(kind, data))


async def describe(connection):
    from wyoming.info import Describe, Info

    await connection.write_event(Describe().event())
    return Info.from_event(await connection.read_event()).wake


async def answers(connection):
    """All that the server has said before it answers a ping."""
    await say(connection, "ping", text="done")
    found = []
    while (event := await connection.read_event()) is not None:
        if event.type == "pong":
            return found
        found.append(event)
    raise AssertionError("the server has closed the connection")


async def hear(connection, samples, names=None, *, size=1024, rate=16000, origin=None, stop=True):
    """One session: names and times of its detections, and the types of all answers."""
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.wake import Detect

    channels = 1 if samples.ndim == 1 else samples.shape[1]
    form = {"rate": rate, "width": samples.itemsize, "channels": channels}
    if names is not Ellipsis:
        await connection.write_event(Detect(names=names).event())
    await connection.write_event(AudioStart(**form, timestamp=origin).event())
    data = samples.tobytes()
    for start in range(0, len(data), size):
        chunk = AudioChunk(**form, audio=data[start : start + size])
        await connection.write_event(chunk.event())
    if stop:
        await connection.write_event(AudioStop().event())
    events = await answers(connection)
    found = [(e.data["name"], e.data["timestamp"]) for e in events if e.type == "detection"]
    return found, [event.type for event in events]


def with_client(uri, work):
    async def run():
        async with client(uri) as connection:
            return await asyncio.wait_for(work(connection), 120)

    return asyncio.run(run())


def test_one_description_of_all_models(server):
    (program,) = with_client(server.uri, describe)
    assert program.installed
    models = {model.name: model for model in program.models}
    assert len(models) == len(program.models)
    yes = models["words:yes"]
    assert (yes.phrase, yes.description, yes.languages) == ("yes", "yes (words)", ["en"])
    assert models["yes"].description == "yes"
    assert models["yes"].version != yes.version


@pytest.mark.parametrize("size", [317, 2560, 999_999])
def test_the_same_detections_as_the_library_whatever_the_chunks(server, spoken, expected, size):
    found, types = with_client(
        server.uri, lambda c: hear(c, spoken, [w for w, _ in expected], size=size)
    )
    assert found == expected
    assert set(types) == {"detection"}


def test_other_rates_widths_and_channels(server, spoken, expected, heard_by):
    names = list(KeywordSpotter.default().keywords)
    high = (resample(to_float32(spoken), 16000, 48000) * 32767).astype("<i2")
    stereo = np.repeat(high[:, None], 2, axis=1)
    wide = spoken.astype("<i4") << 16
    narrow = (spoken // 256 + 128).astype(np.uint8)

    async def work(connection):
        return [
            (await hear(connection, stereo, names, size=3333, rate=48000))[0],
            (await hear(connection, wide, names, size=3333))[0],
            (await hear(connection, narrow, names, size=3333))[0],
        ]

    of_stereo, of_wide, of_narrow = with_client(server.uri, work)
    assert of_stereo == heard_by(high, KeywordSpotter.default(sample_rate=48000))
    assert of_wide == expected
    assert of_narrow == heard_by(spoken // 256 * np.int16(256), KeywordSpotter.default())


def test_several_sessions_on_a_connection_each_from_time_0(server, spoken, expected):
    async def work(connection):
        first = await hear(connection, spoken[: len(spoken) // 2], ["yes"], stop=False)
        second = await hear(connection, spoken, [w for w, _ in expected], origin=5000)
        third = await hear(connection, spoken, ...)  # as asked for before
        fourth = await hear(connection, spoken[:8000], None)
        return first, second, third, fourth

    first, second, third, fourth = with_client(server.uri, work)
    assert first[0] == [(word, end) for word, end in expected if word == "yes"]
    assert second[0] == [(word, end + 5000) for word, end in expected]
    assert third[0] == expected
    assert fourth == ([], ["not-detected"])


def test_all_wake_words_where_none_is_named(server, spoken, expected, heard_by):
    found, _ = with_client(server.uri, lambda c: hear(c, spoken, None))
    words = heard_by(spoken, KeywordSpotter.default("words"))
    assert [one for one in found if ":" not in one[0] and one in expected] == expected
    named = {one.removeprefix("words:") for one, _ in found}
    assert {word for word, _ in words} <= named


def test_names_that_no_model_has(server, spoken):
    found, types = with_client(server.uri, lambda c: hear(c, spoken, ["hey absent"]))
    assert (found, types) == ([], ["error", "not-detected"])
    assert "'hey absent'" in server.line("hey absent")
    found, types = with_client(server.uri, lambda c: hear(c, spoken, ["hey absent", "yes"]))
    assert [name for name, _ in found] == ["yes"]


def test_times_count_from_the_first_chunk_where_the_start_does_not_say(server, spoken, expected):
    from wyoming.audio import AudioChunk, AudioStop

    async def work(connection):
        await say(connection, "detect", names=["yes"])
        audio = spoken.tobytes()
        await connection.write_event(AudioChunk(16000, 2, 1, audio, timestamp=700).event())
        await connection.write_event(AudioStop().event())
        return await answers(connection)

    (event,) = with_client(server.uri, work)
    assert event.data["timestamp"] == 700 + dict(expected)["yes"]


def test_the_context_of_a_question_comes_back(server, spoken):
    async def work(connection):
        for samples in (spoken, spoken[:100]):
            await say(connection, "detect", names=["yes"], context={"room": 7})
            await hear(connection, samples, ...)
        await say(connection, "audio-start", rate=16000, width=2, channels=1)
        await say(connection, "audio-stop")
        return await answers(connection)

    (event,) = with_client(server.uri, work)
    assert (event.type, event.data["context"]) == ("not-detected", {"room": 7})


def test_eight_clients_with_different_models_at_once(server, spoken, expected, heard_by):
    words = heard_by(spoken, KeywordSpotter.default("words"))
    both = KeywordSpotter.default().keywords
    of_words = [(f"words:{word}" if word in both else word, end) for word, end in words]

    async def one(number):
        want = expected if number % 2 else of_words
        async with client(server.uri) as connection:
            found, _ = await hear(connection, spoken, [w for w, _ in want], size=500 + 300 * number)
        return found == want

    async def all_of_them():
        return await asyncio.gather(*map(one, range(8)))

    assert asyncio.run(all_of_them()) == [True] * 8


def test_clients_that_vanish_and_a_hundred_one_after_the_other(server, spoken, expected):
    async def vanish(number):
        _, writer = await asyncio.open_connection(*address(server.uri))
        data = {"rate": 16000, "width": 2, "channels": 1}
        head = {"type": "audio-chunk", "data": data, "payload_length": 20000}
        writer.write(json.dumps(head).encode() + b"\n")
        writer.write(spoken.tobytes()[: 100 + 101 * number])
        await writer.drain()
        writer.transport.abort()

    async def work():
        for number in range(100):
            if number % 2:
                await vanish(number)
            else:
                async with client(server.uri) as connection:
                    await hear(connection, spoken[:16000], ["yes"])
        async with client(server.uri) as connection:
            return await hear(connection, spoken, [w for w, _ in expected])

    assert asyncio.run(work())[0] == expected


def address(uri):
    host, _, port = uri.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def test_a_folder_that_changes_while_a_client_listens(serve, folder, spoken, expected):
    (folder / "page.tflite").write_text("<html>not found</html>")
    server = serve("--uri", "tcp://127.0.0.1:0", "--model", folder, "--threshold", "later=0.5")
    server.line("'later' is no keyword")
    assert "page.tflite" in server.line("left out"), "what is wrong at the start is said, too"
    names = [word for word, _ in expected]

    async def work(connection):
        before = await describe(connection)
        (folder / "half.tflite").write_bytes((MODELS / "words.tflite").read_bytes()[:9999])
        found, _ = await hear(connection, spoken, names)
        shutil.copy(MODELS / "words.tflite", folder / "half.tflite")
        during = await describe(connection)
        (folder / "commands.tflite").unlink()
        _, types = await hear(connection, spoken, ["half:yes"])
        after = await describe(connection)
        return before, found, during, types, after

    before, found, during, types, after = with_client(server.uri, work)
    assert found == expected
    assert [len(one.models) for (one,) in (before, during, after)] == [10, 45, 35]
    assert "detection" in types
    assert sum("half.tflite" in line for line in server.lines) == 1
    assert server.stop() == 0


def test_a_unix_socket_and_the_ends_of_a_server(serve, tmp_path, spoken, expected):
    path = tmp_path / "socket"
    server = serve("--uri", f"unix://{path}")
    server.line("listening on unix://")
    assert with_client(f"unix://{path}", lambda c: hear(c, spoken, ["no"]))[0] == [
        one for one in expected if one[0] == "no"
    ]

    async def stop_while_it_listens(connection):
        await say(connection, "audio-start", rate=16000, width=2, channels=1)
        await answers(connection)
        os.kill(server.process.pid, signal.SIGINT)
        with contextlib.suppress(ConnectionError):
            assert await connection.read_event() is None

    with_client(f"unix://{path}", stop_while_it_listens)
    assert server.process.wait(30) == 0
    assert not path.exists()


def test_thresholds_and_limits_that_were_given(serve, spoken):
    server = serve(
        "--uri", "tcp://127.0.0.1:0", "--threshold", "yes=1", "--refractory", "no=60",
        "--clients", "2", "--idle", "1",
    )  # fmt: skip
    found, _ = with_client(server.uri, lambda c: hear(c, np.tile(spoken, 2), ["yes", "no"]))
    assert [name for name, _ in found] == ["no"]

    async def crowd():
        async with client(server.uri) as first, client(server.uri) as second:
            await answers(first), await answers(second)
            async with client(server.uri) as third:
                refused = await third.read_event()
                closed = await third.read_event()
            idle = await first.read_event()
            return refused, closed, idle, await first.read_event()

    refused, closed, idle, ended = asyncio.run(crowd())
    assert (refused.type, closed, idle.type, ended) == ("error", None, "error", None)
    assert "all 2 places" in refused.data["text"]
    assert "nothing came" in idle.data["text"]


def test_it_is_announced_to_the_network(serve):
    pytest.importorskip("zeroconf", reason="no zeroconf: pip install '.[serve]'")
    from zeroconf import ServiceBrowser, Zeroconf

    server = serve("--uri", "tcp://0.0.0.0:0", "--zeroconf")
    try:
        port = address(server.uri)[1]
    except AssertionError:
        if "multicast" in " ".join(server.lines) or "no address" in " ".join(server.lines):
            pytest.skip("this machine has no network with multicast")
        raise
    server.line("can be reached from other machines")
    found = []

    class Listener:
        def add_service(self, zeroconf, kind, name):
            info = zeroconf.get_service_info(kind, name, 3000)
            if info is not None:
                found.append((info.port, socket.inet_ntoa(info.addresses[0])))
                done.set()

        def update_service(self, *_):
            pass

        remove_service = update_service

    done = threading.Event()
    browser = Zeroconf()
    try:
        ServiceBrowser(browser, "_wyoming._tcp.local.", Listener())
        done.wait(20)
    finally:
        browser.close()
    assert port in [one for one, _ in found]
