"""The Hub fails, is silent, or the process that talks to it is killed."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..kws.hub.conftest import RIGHT, hub_address
from .conftest import Case, Runner

__all__ = ["hub_address"]

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "kws" / "models" / "commands-small.tflite"
#: Seconds of patience here, in place of a minute.
SHORT = {"constants": {"kws.hub.client.PATIENCE": 2.0}}


@pytest.fixture(scope="module")
def hub_runner(hub_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    pytest.importorskip("huggingface_hub", reason="needs the extra hub: pip install '.[hub]'")
    runner = Runner(
        ("huggingface_hub.hf_api", "kws.cli.push", "kws.cli.pull"),
        HF_ENDPOINT=hub_address,
        HF_HOME=str(tmp_path_factory.mktemp("hub")),
        HF_TOKEN=RIGHT,
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_ETAG_TIMEOUT="3",
        HF_HUB_DOWNLOAD_TIMEOUT="3",
        NO_PROXY="127.0.0.1",
    )
    yield runner
    runner.close()


def stall(address: str, requests: int, mark: Path) -> None:
    """Let the Hub be silent at its n-th request from now; it makes a file then."""
    body = json.dumps({"requests": requests, "mark": str(mark)}).encode()
    asked = urllib.request.Request(f"{address}/stall", body, method="POST")
    urllib.request.urlopen(asked, timeout=10).close()


def requests_of(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}/requests", timeout=10) as answer:
        return [one for one in json.load(answer) if "/stall" not in one and "/requests" not in one]


def pushed(name: str) -> Case:
    return Case(("push", MODEL, name, "--license", "apache-2.0"))


def held(hub_runner: Runner, name: str, folder: Path) -> bytes:
    """What a repository holds, through a cache of its own."""
    output = folder / "out" / "pulled.tflite"
    case = Case(("pull", name, "--output", output))
    ended = hub_runner.run(case, folder)
    assert ended.status == 0, ended.err
    return output.read_bytes()


def test_push_killed_at_any_request(hub_runner, hub_address, tmp_path):
    before = len(requests_of(hub_address))
    assert hub_runner.run(pushed("anna/whole"), tmp_path).status == 0
    total = len(requests_of(hub_address)) - before
    assert total >= 3
    for number in range(1, total + 1):
        mark = tmp_path / f"stalled{number}"
        stall(hub_address, number, mark)
        name = f"anna/killed{number}"
        ended = hub_runner.run(pushed(name), tmp_path, kill_when=str(mark))
        assert ended.status == -9, ended
        ended = hub_runner.run(pushed(name), tmp_path)
        assert ended.status == 0, ended.err
        assert held(hub_runner, name, tmp_path) == MODEL.read_bytes()


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_a_silent_hub_is_given_up(hub_runner, hub_address, tmp_path, verb):
    name = f"anna/silent-{verb}"
    if verb == "pull":
        assert hub_runner.run(pushed(name), tmp_path).status == 0
        case = Case(("pull", name, "--output", "out/m.tflite"))
    else:
        case = pushed(name)
    stall(hub_address, 1, tmp_path / "stalled")
    ended = hub_runner.run(case, tmp_path, **SHORT)
    assert ended.status == 2
    assert "the Hub cannot be reached" in ended.err
    assert ended.err.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())
    assert hub_runner.run(case, tmp_path).status == 0


def test_a_hub_that_stops_halfway(hub_runner, tmp_path):
    case = Case(("pull", "wrong/halfway", "--output", "out/m.tflite"))
    short = {"huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT": 0.5}  # it tries five times
    ended = hub_runner.run(case, tmp_path, constants=short)
    assert ended.status == 2
    assert "the Hub cannot be reached" in ended.err
    assert ended.err.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("verb", ["push", "pull"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong/ratelimited", "too many requests: try again"),
        ("wrong/broken", "the Hub has an error of its own (503): try again later"),
        ("wrong/failing", "the Hub has an error of its own (500): try again later"),
    ],
)
def test_a_hub_that_fails(hub_runner, tmp_path, verb, name, reason):
    more = {"constants": {"huggingface_hub.constants.HF_HUB_DISABLE_XET": True}}
    case = (
        pushed(name)
        if verb == "push"
        else Case(("pull", name, "--output", "out/m.tflite"), more={})
    )
    ended = hub_runner.run(case, tmp_path, **more)
    assert ended.status == 2
    assert reason in ended.err
    assert ended.err.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


def test_pull_to_a_full_disk(hub_runner, tmp_path):
    name = "anna/large"
    assert hub_runner.run(pushed(name), tmp_path).status == 0
    case = Case(("pull", name, "--output", "out/m.tflite"))
    ended = hub_runner.run(case, tmp_path, bytes=4096, full=True)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert "File too large" in ended.err
    assert not list((tmp_path / "out").iterdir())
    assert held(hub_runner, name, tmp_path) == MODEL.read_bytes()
