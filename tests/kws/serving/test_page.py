"""The page of the HTTP server in a real browser, whose microphone plays the demo."""

from __future__ import annotations

import re
import shutil

import pytest

pytestmark = pytest.mark.reach
#: Words that are waited for: the microphone plays in real time.
MOST_WORDS = 6


@pytest.fixture
def browser(demo_path):
    """Chromium, whose microphone plays the demo recording once."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: pip install '.[test-reach]'"
    )
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={demo_path}%noloop",
            ],
        )
        yield found
        found.close()


def test_the_page_shows_what_the_microphone_hears(browser, server, expected):
    page = browser.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.http)
    page.get_by_role("status").filter(has_text="Ready").wait_for()
    assert page.get_by_label("Model").locator("option").all_inner_texts() == ["commands", "words"]
    # by the keyboard alone
    button = page.get_by_role("button", name="Listen")
    button.focus()
    page.keyboard.press("Enter")
    rows = page.locator("#rows tr")
    rows.nth(MOST_WORDS - 1).wait_for(timeout=60_000)
    found = [row.split("\t")[0] for row in rows.all_inner_texts()]
    assert found[::-1][:MOST_WORDS] == [word for word, _ in expected][:MOST_WORDS]
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("status").filter(has_text="Stopped").wait_for()
    assert wrong == []
    assert all(url.startswith((server.http, "blob:", "data:")) for url in asked), asked


def test_the_page_needs_nothing_from_elsewhere_and_labels_what_it_has(server):
    from importlib import resources

    page = resources.files("kws.serving").joinpath("page.html").read_text("utf-8")
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    for field in re.findall(r"<(?:select|input|meter) id=\"(\w+)\"", page):
        assert f'<label for="{field}">' in page
