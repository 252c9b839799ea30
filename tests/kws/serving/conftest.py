"""Servers of `kws serve` as processes of their own, and what the library hears."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.pcm import to_int16

MODELS = Path(__file__).resolve().parents[3] / "kws" / "models"


class Served:
    """A server, and what it says on stderr."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kws", "serve", *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self.lines.append("(the end)")
            self._news.notify_all()

    def line(self, part: str) -> str:
        """Wait for a line with some text in it."""
        with self._news:
            while not (lines := [line for line in self.lines if part in line]):
                assert "(the end)" not in self.lines, self.lines
                assert self._news.wait(60), self.lines
        return lines[0]

    @property
    def uri(self) -> str:
        """The address of the Wyoming server, once it listens."""
        return self.line("listening on tcp").split()[2]

    @property
    def http(self) -> str:
        """The address of the HTTP server, once it listens."""
        return self.line("listening on http").split()[2]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; returns its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(30)
        self._reader.join()
        return status


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Served]]:
    """Starts servers with some arguments; all that still run are ended at last."""
    for package in ("wyoming", "aiohttp"):
        pytest.importorskip(package, reason=f"no {package}: pip install '.[serve]'")
    started: list[Served] = []

    def start(*arguments: object) -> Served:
        started.append(Served(*arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture(scope="session")
def server(serve) -> Served:
    """One for Wyoming and HTTP, of the ten commands and the 35 words."""
    return serve(
        "--uri", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", "--model", "commands",
        "--model", "words",
    )  # fmt: skip


@pytest.fixture(scope="session")
def spoken(demo) -> np.ndarray:
    """The demo recording: int16 at 16 kHz."""
    return to_int16(demo.samples, nearest=True)


@pytest.fixture(scope="session")
def expected(spoken) -> list[tuple[str, int]]:
    """What the library detects in it: keywords and milliseconds of their ends."""
    return library(spoken, KeywordSpotter.default())


def library(samples: np.ndarray, spotter: KeywordSpotter) -> list[tuple[str, int]]:
    """Keywords and milliseconds of their ends."""
    found = [*spotter.process(samples), *spotter.flush()]
    assert found
    return [(one.keyword, round(1000 * one.end)) for one in found]


@pytest.fixture(scope="session")
def heard_by() -> Callable[[np.ndarray, KeywordSpotter], list[tuple[str, int]]]:
    return library


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with one model, commands.tflite."""
    place = tmp_path / "models"
    place.mkdir()
    shutil.copy(MODELS / "commands.tflite", place)
    return place
