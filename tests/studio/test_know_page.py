"""Know it in Chromium: two models side by side, and one of them in noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kws.modelfile import write_model
from kws.packaged import packaged_model

from ..conftest import kws_here
from .chromium import chromium, fill_project, go_to, jobs_end, open_page, studio_process

pytestmark = [pytest.mark.reach, pytest.mark.timeout(600)]


def test_two_models_are_judged_side_by_side_and_one_in_noise(
    tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    root = tmp_path / "project"
    project = fill_project(root, spoken)
    held = project.shelf("held")
    held.mkdir(parents=True)
    for number in range(8, 14):
        (held / f"voice9_nohash_{number}.wav").write_bytes(spoken(number))
    models = root / "models"
    models.mkdir()
    model = packaged_model("computer")
    for name in ("one", "two"):
        write_model(models / f"{name}.tflite", model.network, model.metadata)
    strict = kws_here("calibrate", models / "two.tflite", "--threshold", "computer=0.999")
    assert strict.returncode == 0, strict.stderr
    with jobs_end(root), studio_process(root) as address, chromium() as browser:
        page = open_page(browser, address)
        go_to(page, "know")
        page.select_option("#know-model", "one")
        page.select_option("#know-second", "two")
        page.click("#judge")
        page.wait_for_selector("#side-by-side tbody tr:nth-child(2)")
        rows = page.locator("#side-by-side tbody tr").all_inner_texts()
        assert [row.split()[0] for row in rows] == ["one.tflite", "two.tflite"]
        assert "0.999" in rows[1]
        assert page.locator("#curve path").count() == 2
        page.click("#sweep")
        page.wait_for_selector("#noise-table tbody tr")
        conditions = page.locator("#noise-table tbody td:first-child").all_inner_texts()
        assert "none" in conditions
        assert len(conditions) >= 3
        assert "kws sweep" in page.inner_text("#judge-command")
        assert page.faults == []
