"""A network that is not known runs in a process of its own first, once."""

from pathlib import Path

import pytest

from kws.errors import ModelError
from kws.network import interpreter_class
from kws.packaged import packaged_model
from kws.untrusted import trial
from kws.untrusted.gate import admit

NETWORK = packaged_model("commands-small").network


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, and an interpreter to try with."""
    interpreter_class()
    monkeypatch.setenv(trial.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_network_that_runs_is_remembered(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.try_network(NETWORK)
    assert len(list((cache / "tried").iterdir())) == 1
    monkeypatch.setattr("sys.executable", "/nowhere")
    trial.try_network(NETWORK)
    with pytest.raises(ModelError, match="cannot be tried"):
        trial.try_network(NETWORK + b"\0")


def test_what_the_interpreter_refuses_is_not_remembered(cache: Path) -> None:
    with pytest.raises(ModelError, match="the interpreter refuses it"):
        trial.try_network(b"nothing")
    assert not cache.exists()


def test_a_crash_is_reported_and_takes_nothing_along(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_TRY", "import os; os.abort()")
    with pytest.raises(ModelError, match="crashed"):
        trial.try_network(NETWORK)
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(trial.CACHE, str(tmp_path / "file"))
    trial.try_network(NETWORK)


def test_the_gate_tries_what_is_not_known(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    from kws.untrusted import operators

    admit(NETWORK, "commands-small.tflite")
    assert not cache.exists()
    known = {number: kind for number, kind in operators.KINDS.items() if kind.name != "CONV_2D"}
    monkeypatch.setattr("kws.untrusted.structure.KINDS", known)
    admit(NETWORK, "commands-small.tflite")
    assert len(list((cache / "tried").iterdir())) == 1
    with pytest.raises(ModelError, match=r"^damaged.tflite: .*damaged"):
        admit(NETWORK[:1000], "damaged.tflite")
