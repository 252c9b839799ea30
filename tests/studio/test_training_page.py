"""Good from the page: trained, held, stopped, found again, gone on with, judged."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kws.modelfile import read_model

from .chromium import chromium, fill_project, go_to, jobs_end, open_page, studio_process

pytestmark = [pytest.mark.reach, pytest.mark.slow, pytest.mark.timeout(1800)]
#: Steps of the training: rounds long enough to be stopped in.
STEPS = 60
LATER_ROUND = re.compile(r"round [2-4] of 4")


def line_of(page: Any, title: str) -> Any:
    return page.locator("#jobs > li", has_text=title)


def test_good_is_stopped_found_again_and_finished(
    tmp_path: Path, spoken: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras", reason="the training side is not installed")
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    project = fill_project(tmp_path / "project", spoken)
    title = "a good wake word"
    with jobs_end(project.root), chromium() as browser:
        with studio_process(project.root) as address:
            page = open_page(browser, f"{address}#train")
            page.click("summary:has-text('Details')")
            page.fill("#steps", str(STEPS))
            page.fill("#synthesize", "0")
            page.press("#synthesize", "Tab")
            good = page.locator("#ways .card", has=page.get_by_role("heading", name="Good"))
            shown = good.locator("code", has_text=f"--steps {STEPS} --synthesize 0")
            shown.wait_for()
            command = shown.inner_text()
            good.get_by_role("button", name="Make it good").click()
            page.locator("#jobs li", has_text=LATER_ROUND).wait_for()
            line = line_of(page, title)
            assert re.search(r"about \d+ (s|min) left", line.inner_text())
            line.get_by_role("button", name="Pause").click()
            line.get_by_text("is paused").wait_for()
            # one may wait behind it, in vain
            good.get_by_role("button", name="Make it good").click()
            page.get_by_text("waits for the one that runs").wait_for()
            good.get_by_role("button", name="Make it good").click()
            page.locator("#toast", has_text="one command runs and one waits").wait_for()
            waiting = page.locator("#jobs > li").first
            assert "good_2.tflite" in waiting.locator("code").text_content()
            waiting.get_by_role("button", name="Stop").click()
            waiting.get_by_text("was stopped").wait_for()
            page.reload()  # in the middle
            line.get_by_text("is paused").wait_for()
            page.context.close()
        # the studio starts again, at another address
        with studio_process(project.root) as address:
            page = open_page(browser, f"{address}#train")
            line = line_of(page, title).last
            line.get_by_text("is paused").wait_for()
            assert line.locator("code").text_content() == command
            line.get_by_role("button", name="Stop").click()
            line.get_by_text("was stopped").wait_for()
            assert not list((project.root / "models").glob("*.tflite"))
            line.get_by_role("button", name="Go on").click()
            line.get_by_role("button", name="Try it").wait_for(timeout=600_000)
            line.get_by_text("Command and log").click()
            line.locator("pre", has_text=re.compile(r"goes on behind round [1-4]/4")).wait_for()
            (path,) = (project.root / "models").glob("*.tflite")
            judge_and_choose(page, path)
            assert page.faults == []


def judge_and_choose(page: Any, model: Path) -> None:
    """Another threshold from the curve goes into the file."""
    before = read_model(model).metadata.detector.thresholds["computer"]
    go_to(page, "know")
    page.click("#judge")
    page.wait_for_selector("#know-rest:visible")
    points = int(page.get_attribute("#threshold", "max"))
    if points == 0:
        pytest.skip("the curve has one point alone")
    page.focus("#threshold")
    page.keyboard.press("End" if page.input_value("#threshold") == "0" else "Home")
    assert page.is_enabled("#write-threshold")
    page.click("#write-threshold")
    page.locator("#know-status", has_text="is written").wait_for()
    assert page.is_disabled("#write-threshold")
    command = page.inner_text("#threshold-command")
    assert command.startswith(f"kws calibrate models/{model.name} --threshold computer=")
    after = read_model(model).metadata.detector.thresholds["computer"]
    assert after != before
    assert f"computer={after!r} " in command
