"""The newcomer's way in Chromium, whose microphone plays recordings of a phrase."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.audio import load_audio

from ..conftest import kws_here
from .chromium import chromium, go_to, open_page, said, studio_process
from .conftest import RATE

#: Clicks that the way may take, and recordings.
MOST_CLICKS = 8
RECORDINGS = 5
PHRASE = "hey lumos"
pytestmark = [pytest.mark.reach, pytest.mark.timeout(900)]


def speak(espeak: str, folder: Path, number: int) -> np.ndarray:
    """The phrase once, each time faster and higher."""
    path = folder / f"said{number}.wav"
    speed, pitch = str(140 + 4 * number), str(40 + 3 * number)
    command = [espeak, "-v", "en-us", "-s", speed, "-p", pitch, "-w", str(path), PHRASE]
    subprocess.run(command, check=True)
    return load_audio(path, RATE)


def test_from_nothing_to_a_wake_word_that_fires(tmp_path: Path, espeak: str) -> None:
    """It fires on a recording that it did not learn from."""
    words = [speak(espeak, tmp_path, number) for number in range(RECORDINGS + 2)]
    microphone, held_back = tmp_path / "microphone.wav", tmp_path / "held_back.wav"
    microphone.write_bytes(said(words[:RECORDINGS]))
    held_back.write_bytes(said(words[RECORDINGS:]))
    root = tmp_path / "project"
    hosts: set[str] = set()
    clicks = 0

    def click(page: Any, selector: str) -> None:
        nonlocal clicks
        clicks += 1
        page.click(selector)

    with studio_process(root) as address:
        with chromium(microphone) as browser:
            page = open_page(browser, address)
            page.on("request", lambda one: hosts.add(urllib.parse.urlsplit(one.url).netloc))
            page.fill("#phrase", PHRASE)
            click(page, "#phrase-next")
            click(page, "#record-five")
            page.wait_for_selector("#say-big:has-text('5 recordings')")
            page.reload()  # in the middle: nothing is lost
            click(page, "#make-quick")
            page.wait_for_selector("#jobs button:text('Try it')")
            page.locator("#try-model option").wait_for(state="attached")
            for step in ("#know", "#try"):  # which said so when the page was opened
                assert "no model yet" not in page.text_content(step)
            assert page.faults == []
        # another microphone, which plays what was held back
        with chromium(held_back) as browser:
            page = open_page(browser, f"{address}#train")
            page.on("request", lambda one: hosts.add(urllib.parse.urlsplit(one.url).netloc))
            click(page, "#jobs button:text('Try it')")
            click(page, "#listen")
            page.wait_for_selector("#heard tr")
            assert PHRASE in page.inner_text("#heard tr")
            assert "a quick wake word runs in Python alone" in page.inner_text("#try-where")
            go_to(page, "take")
            assert "kws listen --model models/hey_lumos_quick_1.tflite" in page.inner_text("#forms")
            assert page.faults == []
    print(f"{clicks} clicks, {RECORDINGS} recordings")
    assert clicks <= MOST_CLICKS
    assert hosts - {""} == {urllib.parse.urlsplit(address).netloc}
    # the command line hears the same
    assert len(list((root / "recordings" / PHRASE).iterdir())) == RECORDINGS
    (model,) = (root / "models").iterdir()
    result = kws_here("spot", held_back, "--model", model, "--json")
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert {one["keyword"] for one in found} == {PHRASE}
