"""Recordings of a phrase, made of the demo, and a studio that answers over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.audio import read_recording
from kws.cli.main import find_verbs
from kws.pcm import to_int16
from kws.wav import write_wav
from kws_studio.project import Project

DEMO = Path(__file__).resolve().parents[2] / "demo" / "synthesized_wake_words.wav"
RATE = 16000
#: Where "computer" is in the demo, in seconds.
COMPUTER = (0.60, 1.06)


def wav_bytes(samples: np.ndarray) -> bytes:
    """A WAV file of samples at `RATE`."""
    stream = io.BytesIO()
    write_wav(stream, to_int16(samples.astype(np.float32), nearest=True), RATE)
    return stream.getvalue()


@pytest.fixture(scope="session")
def spoken() -> Callable[[int], bytes]:
    """Makes the WAV file of a good recording of "computer"; each number gives another one."""
    demo = read_recording(DEMO).samples
    word = demo[round(COMPUTER[0] * RATE) : round(COMPUTER[1] * RATE)]

    def make(number: int) -> bytes:
        rng = np.random.default_rng(number)
        pause = np.zeros(round((0.4 + 0.02 * (number % 5)) * RATE))
        samples = np.concatenate([pause, word * rng.uniform(0.6, 1.0), pause])
        return wav_bytes(samples + rng.normal(0, 0.0005, len(samples)))

    return make


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose phrase was typed."""
    project = Project(tmp_path / "project")
    project.change(phrase="computer")
    return project


def understood(arguments: Sequence[str]) -> argparse.Namespace:
    """What kws makes of a command that the studio shows or runs; without the first word."""
    pytest.importorskip("keras", reason="the training side is not installed")
    (verb,) = [verb for verb in find_verbs(None) if verb.name == arguments[0]]
    parser = argparse.ArgumentParser(exit_on_error=False)
    verb.configure(parser)
    return parser.parse_args(arguments[1:])


class Client:
    """Asks a studio as a browser does: one connection for each question, and its cookies."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer; a body that is no bytes goes as JSON."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        if self.cookie:
            sent["Cookie"] = self.cookie
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def values(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of an answer that has a status."""
        got, _, content = self.ask(method, path, body)
        assert got == status, content
        return json.loads(content)


@contextmanager
def studio(
    root: Path, token: str | None = None, visitors: bool = False, addresses: tuple[str, ...] = ()
) -> Iterator[Client]:
    """A studio in this process, on a free port."""
    web = pytest.importorskip("aiohttp.web", reason="no aiohttp: pip install '.[studio]'")
    from kws_studio.access import Access
    from kws_studio.server import StudioServer
    from kws_studio.workspace import Workspaces

    with ExitStack() as stack:
        workspaces = Workspaces(root, visitors)
        stack.callback(workspaces.close)
        threads = stack.enter_context(ThreadPoolExecutor(2))
        server = StudioServer(workspaces, Access(token, "kws_test"), threads, list(addresses))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        async def start() -> tuple[Any, int]:
            application = server.application()
            runner = web.AppRunner(
                application, access_log=None, auto_decompress=False, shutdown_timeout=1.0
            )
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return runner, runner.addresses[0][1]

        def end() -> None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

        stack.callback(end)
        runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        stack.callback(lambda: asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30))
        yield Client(port)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A studio for this machine alone, with the phrase typed."""
    with studio(tmp_path / "project") as client:
        client.values("POST", "/api/phrase", {"phrase": "computer"})
        yield client
