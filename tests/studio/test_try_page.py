"""A model that was trained, tried in the page: as WebAssembly, or in Python without a compiler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kws.modelfile import read_model
from kws_studio.project import Project

from .chromium import (
    chromium,
    chromiums,
    demo_word,
    go_to,
    jobs_end,
    open_page,
    put_model,
    said,
    studio_process,
)

pytestmark = [pytest.mark.reach, pytest.mark.timeout(900)]
#: Highest score of the latest ten seconds, as the picture of the score was given it.
DRAWN = "() => document.getElementById('score').dataset.highest"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with the model of "computer" that is in the package."""
    project = Project(tmp_path / "project")
    project.change(phrase="computer")
    put_model(project)
    return project


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    path = tmp_path / "microphone.wav"
    path.write_bytes(said([demo_word() * loud for loud in (1, 0.7)]))
    return path


def listen(page: Any) -> str:
    """Listen until the phrase was heard; returns where the model runs."""
    page.click("#listen")
    page.wait_for_selector("#heard tr", timeout=200_000)
    row = page.locator("#heard tr").first.inner_text().split()
    assert row[0] == "computer"
    page.locator("#room", has_text="dB of full scale").wait_for()
    # the score over time is that of the detections
    assert float(page.evaluate(DRAWN)) >= float(row[1]) - 0.006
    where = str(page.inner_text("#try-where"))
    page.click("#listen")
    page.locator("#try-status", has_text="Stopped.").wait_for()
    return where


def test_what_ships_is_tried_in_the_page(project: Project, microphone: Path) -> None:
    pytest.importorskip("ziglang", reason="no compiler: pip install '.[native]'")
    model = project.root / "models" / "computer.tflite"
    with (
        jobs_end(project.root),
        chromium(microphone) as browser,
        studio_process(project.root) as address,
    ):
        page = open_page(browser, f"{address}#try")
        assert "Listen builds it first" in page.inner_text("#try-where")
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.on("websocket", lambda one: asked.append(one.url))
        assert "as WebAssembly in this page: what is tried is what ships" in listen(page)
        assert any(url.endswith("/kws.wasm") for url in asked)
        assert not any("/api/listen" in url for url in asked)
        assert "--to web" in page.inner_text("#try-command")
        # once more, without building it
        listen(page)
        assert len(list((project.root / "jobs").glob("0*"))) == 1
        # with another threshold it is another model, which is built anew
        page.evaluate(
            "() => fetch('/api/jobs', { method: 'POST', body: JSON.stringify("
            "{ kind: 'threshold', model: 'computer.tflite', threshold: 0.999999 }),"
            " headers: { 'Content-Type': 'application/json' } })"
        )
        page.locator("#try-where", has_text="Listen builds it first").wait_for()
        assert read_model(model).metadata.detector.thresholds["computer"] == 0.999999
        assert page.inner_text("#try-threshold-shown") == "1.000"
        go_to(page, "take")
        web = page.locator("#forms .card", has=page.get_by_role("heading", name="web"))
        web.get_by_role("button", name="Make it: a page in a browser").wait_for()
        assert web.get_by_text("Download").count() == 0
        assert page.faults == []


@contextmanager
def without_compiler(*pages: Any) -> Iterator[None]:
    """Have pages told that no compiler is there, until the studio ends."""

    def without(route: Any) -> None:
        answer = route.fetch()
        values = answer.json() | {"compiler": False}
        route.fulfill(response=answer, body=json.dumps(values))

    for page in pages:
        page.route("**/api/state", without)
        page.reload()
        page.wait_for_selector("body[data-ready]")
    yield
    for page in pages:  # a question under way would find no studio any more
        page.unroute_all(behavior="wait")


def test_without_a_compiler_python_hears(project: Project, microphone: Path) -> None:
    with chromium(microphone) as browser, studio_process(project.root) as address:
        page = open_page(browser, f"{address}#try")
        with without_compiler(page):
            where = listen(page)
            assert "in Python on this machine: WebAssembly takes a compiler" in where
            assert "kws listen" in page.inner_text("#try-command")
            assert list((project.root / "jobs").glob("0*")) == []
            assert page.faults == []


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("where", ["Python", "WebAssembly"])
def test_two_people_listen_at_once(
    project: Project, microphone: Path, where: str, processes: int
) -> None:
    """In two windows of one Chromium, and in two of their own, each with a microphone."""
    if where == "WebAssembly":
        pytest.importorskip("ziglang", reason="no compiler: pip install '.[native]'")
    with (
        jobs_end(project.root),
        chromiums(*[microphone] * processes) as browsers,
        studio_process(project.root) as address,
    ):
        pages = [open_page(browsers[number % processes], f"{address}#try") for number in (0, 1)]
        with without_compiler(*(pages if where == "Python" else ())):
            for page in pages:  # both before anything is built
                page.click("#listen")
            for page in pages:
                page.wait_for_selector("#heard tr", timeout=200_000)
                assert where in page.inner_text("#try-where")
            # from here on both listen: each hears the phrase twice more
            heard = [page.locator("#heard tr").count() for page in pages]
            for page, before in zip(pages, heard, strict=True):
                page.locator("#heard tr").nth(before + 1).wait_for()
                assert page.get_attribute("#listen", "aria-pressed") == "true"
            # one goes, the other hears on
            pages[0].click("#listen")
            pages[0].locator("#try-status", has_text="Stopped.").wait_for()
            before = pages[1].locator("#heard tr").count()
            pages[1].locator("#heard tr").nth(before + 1).wait_for()
            # of two who asked for it at once, it was built once
            built = list((project.root / "jobs").glob("0*"))
            assert len(built) == (where == "WebAssembly")
            assert [page.faults for page in pages] == [[], []]
