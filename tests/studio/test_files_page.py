"""Files that come to the page: a hundred at once, large ones, none; a thousand to look at."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_studio.project import Project

from .chromium import chromium, go_to, open_page, studio_process
from .conftest import RATE

pytestmark = pytest.mark.reach


def started(root: Path) -> Project:
    project = Project(root)
    project.change(phrase="computer")
    return project


def give(page: Any, paths: list[Path], kind: str) -> str:
    """Choose files, as from the disk; returns what the page says when all have come."""
    page.select_option("#drop-kind", kind)
    page.set_input_files("#files", [str(path) for path in paths])
    page.locator("#drop-status", has_text="were kept").wait_for()
    return str(page.inner_text("#drop-status"))


def test_a_hundred_files_at_once_text_and_50_mb(
    tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    project = started(tmp_path / "project")
    files = [tmp_path / f"take{number}.wav" for number in range(100)]
    for number, path in enumerate(files):
        path.write_bytes(spoken(number))
    text = tmp_path / "notes.wav"
    text.write_text("some text")
    large = tmp_path / "radio.wav"
    noise = np.random.default_rng(0).integers(-3000, 3000, RATE, np.int16)
    with wave.open(str(large), "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        for _ in range(50_000_000 // (2 * RATE) + 1):
            writer.writeframes(noise.tobytes())
    assert large.stat().st_size >= 50_000_000
    with chromium() as browser, studio_process(project.root) as address:
        page = open_page(browser, address)
        shown = give(page, [*files, text, large], "learn")
        assert shown.startswith("100 of 102 were kept.")
        assert "notes.wav" in shown
        assert "radio.wav: more than 20 MB" in shown
        page.locator("#counts", has_text="100 to learn from").wait_for()
        assert len(project.recordings("learn")) == 100
        # as speech without the phrase it is welcome: half trains, half judges
        page.evaluate("document.getElementById('drop-status').textContent = ''")
        assert give(page, [large], "speech").startswith("1 of 1 were kept.")
        halves = [project.recordings(shelf)[0].stat().st_size for shelf in ("other", "judge")]
        assert sum(halves) == large.stat().st_size + 44
        assert page.faults == []


def test_two_tabs_show_the_same(tmp_path: Path, spoken: Callable[[int], bytes]) -> None:
    project = started(tmp_path / "project")
    path = tmp_path / "take.wav"
    with chromium() as browser, studio_process(project.root) as address:
        first, second = (open_page(browser, address) for _ in range(2))
        for number in range(3):
            path.write_bytes(spoken(number))
            first.evaluate("document.getElementById('drop-status').textContent = ''")
            give(first, [path], "learn")
        second.locator("#counts", has_text="3 to learn from").wait_for()
        # one starts a command, the other shows it and uses what it made
        go_to(second, "train")
        first.click("#make-quick")
        second.get_by_role("button", name="Try it").wait_for()
        go_to(second, "take")
        second.locator("#forms", has_text="Download the model").wait_for()
        # what one throws out is gone in the other
        go_to(first, "look")
        go_to(second, "look")
        second.locator("#cards li").nth(2).wait_for()
        first.locator("#cards li").first.get_by_role("button", name="Throw out").click()
        second.wait_for_selector("#cards:not(:has(li:nth-child(3)))")
        assert len(project.recordings("thrown")) == 1
        assert first.faults == second.faults == []


def test_a_thousand_recordings_come_in_pages(
    tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    project = started(tmp_path / "project")
    folder = project.shelf("learn")
    folder.mkdir(parents=True)
    for number in range(1000):
        (folder / f"{number:04}.wav").write_bytes(spoken(number))
    pictures = project.root / "pictures"
    with chromium() as browser, studio_process(project.root) as address:
        page = open_page(browser, address)
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url) if "/picture/" in one.url else None)
        go_to(page, "look")
        page.select_option("#order", "name")
        page.locator("#page-shown", has_text="page 1 of 42").wait_for()
        # the page is there before all were looked at, and they are in the end
        page.locator("#look-status", has_text="1000 recordings, of which").wait_for()
        assert page.locator("#cards li").count() == 24
        page.locator("#look-status", has_text="of them to look at").wait_for()
        see_all(page)
        assert len(set(asked)) == 24
        first = {path: path.stat().st_mtime_ns for path in pictures.iterdir()}
        assert len(first) == 24
        page.click("#page-next")
        page.locator("#cards li", has_text="0024.wav").wait_for()
        see_all(page)
        assert len(set(asked)) == 48
        page.click("#page-before")
        page.locator("#cards li", has_text="0000.wav").wait_for()
        see_all(page)
        assert len(set(asked)) == 48
        assert {path: path.stat().st_mtime_ns for path in first} == first
        assert len(list(pictures.iterdir())) == 48
        assert page.faults == []


def see_all(page: Any) -> None:
    """Scroll to each picture of the page, and wait until it is there."""
    images = page.locator("#cards img")
    for number in range(images.count()):
        images.nth(number).scroll_into_view_if_needed()
        images.nth(number).evaluate("image => image.decode()")
