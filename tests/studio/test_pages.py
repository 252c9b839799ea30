"""The pages in Chromium: what they load, whom they ask, and who can use them."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .chromium import chromium, fill_project, go_to, open_page, put_model, studio_process

STEPS = ("say", "look", "train", "know", "try", "take")
#: Bytes that a page may load before anybody touches it.
MOST_BYTES = 3_000_000
PHONE = {"width": 375, "height": 720}
DESKTOP = {"width": 1280, "height": 800}
pytestmark = pytest.mark.reach


def axe_source() -> str:
    """The text of axe-core: KWS_AXE names the file, or the package axe-playwright-python has it."""
    named = os.environ.get("KWS_AXE")
    if named:
        return Path(named).read_text(encoding="utf-8")
    package = pytest.importorskip(
        "axe_playwright_python", reason="no axe-core: pip install axe-playwright-python"
    )
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def measured(page: Any) -> tuple[list[str], list[int]]:
    """Addresses that a page asks, and the bytes that come, from now on."""
    asked: list[str] = []
    came: list[int] = []
    page.on("request", lambda one: asked.append(one.url))
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda one: came.append(int(one["encodedDataLength"])))
    return asked, came


def test_the_first_page_is_small_and_asks_nobody_else(
    tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    project = fill_project(tmp_path / "project", spoken)
    with chromium() as browser, studio_process(project.root) as address:
        page = browser.new_page()
        asked, came = measured(page)
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        seconds = page.evaluate("performance.now()") / 1000
        print(f"{len(asked)} requests, {sum(came)} bytes, ready after {seconds:.2f} s")
        assert 0 < sum(came) < MOST_BYTES
        for step in STEPS:
            go_to(page, step)
        page.wait_for_load_state("networkidle")
        hosts = {urllib.parse.urlsplit(one).netloc for one in asked}
        assert hosts - {""} == {urllib.parse.urlsplit(address).netloc}


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_axe_finds_no_fault_and_nothing_is_wider_than_the_page(
    tmp_path: Path, spoken: Callable[[int], bytes], scheme: str, size: dict[str, int]
) -> None:
    axe = axe_source()
    project = fill_project(tmp_path / "project", spoken)
    put_model(project)
    with chromium() as browser, studio_process(project.root, "--host", "0.0.0.0") as address:
        # only axe itself is let past the policy of the pages
        page = open_page(browser, address, color_scheme=scheme, viewport=size, bypass_csp=True)
        page.evaluate(axe)
        found = {}
        for step in STEPS:
            go_to(page, step)
            if step == "look":
                page.wait_for_selector("#cards li")
            if step == "take":
                page.click("#phone")
                page.wait_for_selector("#phone-qr img")
                page.locator("#forms code", has_text="--to onnx").wait_for()
            found[step] = faults_of(page)
        go_to(page, "say")
        page.click("#invite")
        link = page.get_attribute("#invite-link a", "href")
        page.goto(link)
        page.wait_for_selector("body[data-ready]")
        page.evaluate(axe)
        found["invited"] = faults_of(page)
        assert {step: faults for step, faults in found.items() if faults} == {}


def faults_of(page: Any) -> list[str]:
    """What axe finds, and whether the page is wider than the window."""
    result = page.evaluate("axe.run()")
    assert result["passes"]
    faults = [
        f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:100]}"
        for one in result["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append("wider than the window")
    return faults


def test_the_steps_are_walked_by_keyboard(tmp_path: Path, spoken: Callable[[int], bytes]) -> None:
    project = fill_project(tmp_path / "project", spoken)
    with chromium() as browser, studio_process(project.root) as address:
        page = open_page(browser, address)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the content"
        for step in STEPS:
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.hash") == f"#{step}"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("section#try:visible")
        assert page.evaluate("document.activeElement.id") == "main"
        assert page.faults == []
