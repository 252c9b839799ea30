"""A studio in a process of its own, and Chromium with a microphone that plays a file."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.audio import read_recording
from kws.modelfile import write_model
from kws.packaged import packaged_model
from kws_studio.jobs import ALIVE, open_jobs
from kws_studio.project import Project

from ..conftest import needs_program
from .conftest import COMPUTER, DEMO, RATE, wav_bytes


@contextmanager
def studio_process(root: Path, *options: str) -> Iterator[str]:
    """Serve a project in a process of its own; gives the address that it prints."""
    for package in ("aiohttp", "PIL", "segno"):
        pytest.importorskip(package, reason=f"no {package}: pip install '.[studio]'")
    command = [sys.executable, "-m", "kws", "studio", "--port", "0", "--data", str(root), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stderr is not None
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "the studio ended"
                found = re.search(r"studio: (http\S+)", line)
            yield found[1]
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def jobs_end(root: Path) -> Iterator[None]:
    """End the commands of a project whatever becomes of the test: they outlive the studio."""
    try:
        yield
    finally:
        with open_jobs(root) as book:
            alive = [job for job in book.jobs() if job.state in ALIVE]
            for job in alive:
                os.killpg(job.pid, signal.SIGKILL)


@contextmanager
def chromiums(*microphones: Path | None) -> Iterator[list[Any]]:
    """A Chromium for each microphone, which plays a file again and again."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install '.[test-reach]'")
    path = needs_program("chromium", "apt-get install chromium")
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    arguments += ["--no-first-run", "--disable-background-networking"]
    arguments += ["--disable-component-update", "--disable-sync"]
    with api.sync_playwright() as playwright, ExitStack() as stack:
        browsers = []
        for microphone in microphones:
            own = (
                []
                if microphone is None
                else [
                    "--use-fake-ui-for-media-stream",
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-audio-capture={microphone}",
                ]
            )
            browser = playwright.chromium.launch(executable_path=path, args=arguments + own)
            stack.callback(browser.close)
            browsers.append(browser)
        yield browsers


@contextmanager
def chromium(microphone: Path | None = None) -> Iterator[Any]:
    """Chromium, as playwright drives it; its microphone plays a file again and again."""
    with chromiums(microphone) as (browser,):
        yield browser


def open_page(browser: Any, address: str, **context: Any) -> Any:
    """A page of the studio that is ready, in a context of its own; its faults fail the test."""
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(120_000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    return page


def go_to(page: Any, step: str) -> None:
    """Open a step by its link."""
    page.click(f"nav a[href='#{step}']")
    page.wait_for_selector(f"section#{step}:visible")


def said(words: list[np.ndarray], pause: float = 1.6) -> bytes:
    """A WAV file of words with quiet between them, for a microphone."""
    quiet = np.zeros(round(pause * RATE))
    parts = [part for word in words for part in (quiet, word)]
    samples = np.concatenate([*parts, quiet])
    return wav_bytes(samples + np.random.default_rng(0).normal(0, 0.0005, len(samples)))


def demo_word() -> np.ndarray:
    """The "computer" of the demo."""
    return read_recording(DEMO).samples[round(COMPUTER[0] * RATE) : round(COMPUTER[1] * RATE)]


def fill_project(root: Path, spoken: Callable[[int], bytes], learn: int = 8) -> Project:
    """A project with recordings of "computer", and speech without it."""
    project = Project(root)
    project.change(phrase="computer")
    folder = project.shelf("learn")
    folder.mkdir(parents=True)
    for number in range(learn):
        name = f"voice{number % 4}_nohash_{number // 4}.wav"
        (folder / name).write_bytes(spoken(number))
    words = read_recording(DEMO.with_name("synthesized_commands.wav")).samples
    rng = np.random.default_rng(0)
    for shelf in ("other", "judge"):
        folder = project.shelf(shelf)
        folder.mkdir(parents=True)
        for number in range(4):
            samples = words * rng.uniform(0.4, 0.9) + rng.normal(0, 0.001, len(words))
            (folder / f"talk{number}.wav").write_bytes(wav_bytes(samples))
    return project


def put_model(project: Project) -> Path:
    """Put the model of "computer" that is in the package into a project; gives its file."""
    path = project.root / "models" / "computer.tflite"
    path.parent.mkdir(exist_ok=True)
    model = packaged_model("computer")
    write_model(path, model.network, model.metadata)
    return path
