"""What kws models lists, and that its figures are of the models that ship."""

import hashlib
import json
from importlib import resources

import pytest

from kws.cli.main import main
from kws.packaged import NAMES, measured_accuracy, packaged_content, packaged_model


def test_the_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert [one["name"] for one in models] == list(NAMES)
    for one in models:
        assert one["bytes"] == len(packaged_content(one["name"]))
        assert one["keywords"] == list(packaged_model(one["name"]).metadata.keywords)
        low, high = one["accuracy_interval"]
        assert 0.9 < low < one["accuracy"] < high < 1
        assert one["measured_by"].startswith(f"kws evaluate {one['name']} ")


def test_the_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == list(NAMES)
    assert "132 kB" in lines[1] or "133 kB" in lines[1]
    assert "95.2 % (94.3 to 95.9)" in lines[1]
    assert lines[3].endswith("and 25 more")


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_of_the_network_that_ships(name: str) -> None:
    """Who puts another model into the package measures it anew."""
    table = json.loads((resources.files("kws") / "models" / "accuracy.json").read_text())
    digest = hashlib.sha256(packaged_model(name).network).hexdigest()
    assert table["models"][name]["network_sha256"] == digest


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_command_measures_it_again(
    name: str, shared, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.chdir(shared / "audio")
    measured = measured_accuracy(name)
    assert main([*measured.command.split()[1:], "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clips"] == measured.clips
    # other kernels of the interpreter may round a clip or two to another label
    assert abs(round(report["accuracy"] * report["clips"]) - measured.right) <= 3
