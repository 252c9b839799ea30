"""The file that says how far long work is."""

import json

import pytest

from kws_training import progress
from kws_training.progress import VARIABLE, bar


def test_a_program_that_asks_is_told(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.json"
    monkeypatch.setenv(VARIABLE, str(path))
    seen = []
    for number in bar(iter(range(3)), 3, "round 1/2"):
        seen.append(json.loads(path.read_text()))
        assert number == len(seen) - 1
    assert seen[0]["done"] == 0
    last = json.loads(path.read_text())
    assert (last["what"], last["done"], last["total"]) == ("round 1/2", 3, 3)
    assert [one.name for one in tmp_path.iterdir()] == ["progress.json"]


def test_work_goes_on_where_nobody_can_be_told(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no folder" / "progress.json"))
    assert list(bar(iter(range(3)), 3, "x")) == [0, 1, 2]
    monkeypatch.delenv(VARIABLE)
    assert list(bar(iter(range(2)), 2, "x")) == [0, 1]


def test_a_worker_shows_nothing(tmp_path, monkeypatch):
    """The process that it works for shows how far all workers are."""
    path = tmp_path / "progress.json"
    monkeypatch.setenv(VARIABLE, str(path))
    monkeypatch.setattr(progress, "parent_process", lambda: "another")
    assert list(bar(iter(range(3)), 3, "frames")) == [0, 1, 2]
    assert not path.exists()
