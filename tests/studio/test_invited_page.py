"""The page of those who are invited: consent and licence first, then recordings, nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .chromium import chromium, demo_word, go_to, open_page, said, studio_process

pytestmark = pytest.mark.reach


def test_a_guest_agrees_and_records(tmp_path: Path) -> None:
    microphone = tmp_path / "microphone.wav"
    microphone.write_bytes(said([demo_word() * loud for loud in (1, 0.8, 0.9, 0.7, 0.95)]))
    root = tmp_path / "project"
    with chromium(microphone) as browser, studio_process(root, "--host", "0.0.0.0") as address:
        owner = open_page(browser, address)
        owner.fill("#phrase", "computer")
        owner.click("#phrase-next")
        owner.select_option("#licence", "CC-BY-4.0")
        owner.click("#invite")
        link = owner.get_attribute("#invite-link a", "href")
        assert link
        owner.get_by_alt_text(f"Code of the link {link}").wait_for()
        # browsers give the microphone to pages of this machine, not to those of its other names
        guest = open_page(browser, re.sub(r"//[^/]*:", "//127.0.0.1:", link))
        assert "“computer”" in guest.inner_text("main")
        assert "goes to that person's computer and nowhere else" in guest.inner_text("main")
        assert guest.inner_text("#licence") == "CC-BY-4.0"
        assert guest.is_disabled("#record")
        guest.check("#consent")
        guest.fill("#speaker", "ben")
        guest.click("#record")
        guest.locator("#say-big", has_text="Thank you!").wait_for()
        names = sorted(path.name for path in (root / "recordings" / "computer").iterdir())
        assert names == [f"ben_nohash_{number}.wav" for number in range(5)]
        # it cannot look at anything, and the link ends when the owner says so
        for path in ("/api/state", "/api/recordings/learn", "/"):
            assert guest.evaluate("path => fetch(path).then(one => one.status)", path) == 401
        go_to(owner, "say")
        owner.click("#uninvite")
        owner.get_by_text("leads nowhere now").wait_for()
        assert guest.goto(guest.url).status == 404
        assert owner.faults == guest.faults == []
