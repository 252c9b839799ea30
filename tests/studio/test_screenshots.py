"""A picture of each step, as docs/studio.md shows them.

``KWS_PICTURES=docs/images pytest -m slow tests/studio/test_screenshots.py`` makes them anew.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.audio import read_recording
from kws_studio.project import Project

from .chromium import chromium, go_to, jobs_end, open_page, said, studio_process
from .conftest import DEMO, RATE, wav_bytes
from .test_browser import PHRASE, speak

#: Bytes of a picture.
MOST_BYTES = 100_000
#: What is shown, how large, and in which colours.
SHOWN = {
    "desktop": {"viewport": {"width": 1100, "height": 760}, "color_scheme": "light"},
    "phone": {
        "viewport": {"width": 375, "height": 760},
        "color_scheme": "dark",
        "device_scale_factor": 1.5,
    },
}
pytestmark = [pytest.mark.reach, pytest.mark.slow, pytest.mark.timeout(1800)]


class Album:
    """Takes pictures of pages, each in both sizes.

    Parameters
    ----------
    browser : Any
        Chromium, as playwright drives it.
    address : str
        Of the studio.
    """

    def __init__(self, browser: Any, address: str) -> None:
        named = os.environ.get("KWS_PICTURES")
        self._folder = Path(named) if named else None
        self._browser, self._address = browser, address
        self.pages = {
            name: open_page(browser, address, **options) for name, options in SHOWN.items()
        }

    def take(self, name: str, place: str = "header, main") -> None:
        """Picture the part of a page that begins with an element: all of it unless said."""
        for size in self.pages:
            self.take_one(name, size, place)

    def take_one(self, name: str, size: str, place: str = "header, main") -> None:
        """Picture one of the pages."""
        page = self.pages[size]
        page.locator(place).first.wait_for()
        page.locator(place).first.evaluate("element => element.scrollIntoView()")
        for image in page.locator("#cards img").all()[:6]:
            image.evaluate("image => { image.loading = 'eager'; return image.decode(); }")
        self._keep(f"studio_{name}_{size}", page.screenshot())

    def _keep(self, name: str, png: bytes) -> None:
        from PIL import Image

        image = Image.open(io.BytesIO(png)).convert("RGB")
        assert np.asarray(image).std() > 5, f"{name} is blank"
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=70, method=6)
        assert len(stream.getvalue()) < MOST_BYTES, f"{name} has {len(stream.getvalue())} bytes"
        if self._folder is not None:
            (self._folder / f"{name}.webp").write_bytes(stream.getvalue())


def add_speech(project: Project, words: list[np.ndarray]) -> None:
    """Recordings that were held back, and speech without the phrase."""
    for shelf in ("held", "other", "judge"):
        project.shelf(shelf).mkdir(parents=True)
    pause = np.zeros(RATE // 2, np.float32)
    for number, word in enumerate(words):
        content = wav_bytes(np.concatenate([pause, word, pause]))
        (project.shelf("held") / f"{number}.wav").write_bytes(content)
    speech = read_recording(DEMO.with_name("synthesized_commands.wav")).samples
    for shelf in ("other", "judge"):
        for number in range(3):
            content = wav_bytes(speech * (0.4 + 0.1 * number))
            (project.shelf(shelf) / f"talk{number}.wav").write_bytes(content)


def test_each_step_has_its_picture(
    tmp_path: Path, espeak: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras", reason="the training side is not installed")
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    words = [speak(espeak, tmp_path, number) for number in range(9)]
    microphone = tmp_path / "microphone.wav"
    microphone.write_bytes(said(words[:5]))
    root = tmp_path / "wakeword"
    with (
        jobs_end(root),
        chromium(microphone) as browser,
        studio_process(root, "--host", "0.0.0.0") as address,
    ):
        # browsers give the microphone to pages of this machine, not to those of its other names
        album = Album(browser, re.sub(r"//[^/]*:", "//127.0.0.1:", address))
        first, phone = album.pages["desktop"], album.pages["phone"]
        first.fill("#phrase", PHRASE)
        first.click("#phrase-next")
        phone.reload()
        first.click("#record-five")
        first.wait_for_selector("#say-big:has-text('5 recordings')")
        album.take("say")
        for page in album.pages.values():
            go_to(page, "look")
        album.take("look")
        add_speech(Project(root), words[5:])
        go_to(first, "say")
        first.click("#make-quick")
        first.get_by_role("button", name="Try it").wait_for()
        for page in album.pages.values():
            go_to(page, "know")
            page.click("#judge")
            page.wait_for_selector("#know-rest:visible")
        album.take("know", "#know-status")
        for size, page in album.pages.items():  # one after the other: there is one microphone
            go_to(page, "try")
            page.click("#listen")
            page.wait_for_selector("#heard tr:nth-child(2)")
            album.take_one("try", size)
            page.click("#listen")
        for page in album.pages.values():
            go_to(page, "take")
        album.take("take")
        for page in album.pages.values():
            go_to(page, "train")
        first.click("summary:has-text('Details')")
        first.fill("#synthesize", "0")
        first.get_by_role("button", name="Make it good").click()
        first.locator("#jobs li", has_text="left").wait_for()
        first.click("summary:has-text('Details')")
        album.take("train")
        go_to(first, "say")
        first.click("#invite")
        link = re.sub(r"//[^/]*:", "//127.0.0.1:", first.get_attribute("#invite-link a", "href"))
        for page in album.pages.values():
            page.goto(link)
            page.wait_for_selector("body[data-ready]")
        album.take("invited")
