"""The newcomer's way in Chromium, whose microphone plays recordings of a phrase."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.audio import read_recording

from ..conftest import kws_here, needs_program
from .conftest import COMPUTER, DEMO, RATE, wav_bytes

#: Clicks that the way may take.
MOST_CLICKS = 8
pytestmark = pytest.mark.reach


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Address of a studio in a process of its own."""
    for package in ("aiohttp", "PIL", "segno"):
        pytest.importorskip(package, reason=f"no {package}: pip install '.[studio]'")
    command = [sys.executable, "-m", "kws", "studio", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data", str(tmp_path / "project")], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "the studio ended"
                found = re.search(r"studio: (http://\S+)", line)
            yield found[1]
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """A page whose microphone hears "computer" now and then, louder and softer."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install '.[test-reach]'")
    chromium = needs_program("chromium", "apt-get install chromium")
    word = read_recording(DEMO).samples[round(COMPUTER[0] * RATE) : round(COMPUTER[1] * RATE)]
    pause = np.zeros(round(1.6 * RATE))
    said = [part for loud in (1, 0.8, 0.9, 0.7, 0.95) for part in (pause, loud * word)]
    samples = np.concatenate([*said, pause])
    samples += np.random.default_rng(0).normal(0, 0.0005, len(samples))
    heard = tmp_path / "microphone.wav"
    heard.write_bytes(wav_bytes(samples))
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--no-first-run", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync"),
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={heard}",
            ],
        )
        yield browser.new_page()
        browser.close()


def test_from_nothing_to_a_wake_word_that_fires(page: Any, address: str, tmp_path: Path) -> None:
    hosts, wrong = set(), []
    page.on("request", lambda one: hosts.add(urllib.parse.urlsplit(one.url).netloc))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    clicks = 0

    def click(selector: str) -> None:
        nonlocal clicks
        clicks += 1
        page.click(selector, timeout=60_000)

    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.fill("#phrase", "computer")
    click("#phrase-next")
    click("#record-five")
    page.wait_for_selector("#say-big:has-text('5 recordings')", timeout=120_000)
    page.reload()  # in the middle: nothing is lost
    page.wait_for_selector("#make-quick:visible")
    click("#make-quick")
    click("#jobs button:text('Try it')")
    click("#listen")
    page.wait_for_selector("#heard tr", timeout=60_000)
    assert "computer" in page.inner_text("#heard tr")
    assert clicks <= MOST_CLICKS
    assert wrong == []
    assert hosts - {""} == {urllib.parse.urlsplit(address).netloc}
    # and in a recording that it did not learn from, by the command line
    recordings = list((tmp_path / "project" / "recordings" / "computer").iterdir())
    assert len(recordings) == 5
    (model,) = (tmp_path / "project" / "models").iterdir()
    result = kws_here("spot", DEMO, "--model", model, "--json")
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert [one["keyword"] for one in found] == ["computer"]
