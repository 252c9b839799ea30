"""The verb pack as a process, and second readers of what it wrote."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ...conftest import kws_alone as kws
from ...conftest import needs_program

MODELS = Path(__file__).resolve().parents[3] / "kws" / "models"
DEFAULT = MODELS / "commands.tflite"


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    unzip = needs_program("unzip", "apt-get install unzip")
    done = subprocess.run([unzip, "-p", DEFAULT, "kws.json"], capture_output=True, check=False)
    # 1: unzip mentions the bytes before the archive, which are the network
    assert done.returncode in (0, 1)
    path = tmp_path / "kws.json"
    path.write_bytes(done.stdout)
    return path


def test_unzip_and_pack_give_the_same_file(contract: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    done = kws("pack", DEFAULT, "--metadata", contract, "--output", output)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {output} (133 kB, 10 keywords)")
    assert output.read_bytes() == DEFAULT.read_bytes()


def test_a_plain_network_becomes_a_model(contract: Path, tmp_path: Path) -> None:
    size = json.loads(contract.read_text())["network"]["bytes"]
    plain, output = tmp_path / "plain.tflite", tmp_path / "model.tflite"
    plain.write_bytes(DEFAULT.read_bytes()[:size])
    done = kws("pack", plain, "--metadata", contract, "--output", output, "--json")
    assert done.returncode == 0
    values = json.loads(done.stdout)
    assert output.read_bytes() == DEFAULT.read_bytes()
    inspected = json.loads(kws("inspect", output, "--json").stdout)
    assert values["sha256"] == inspected["sha256"]
    assert values["bytes"] == inspected["bytes"]
    tested = subprocess.run(["unzip", "-tq", output], capture_output=True, check=False)
    assert b"No errors detected" in tested.stdout


def test_template(tmp_path: Path) -> None:
    done = kws("pack", DEFAULT, "--template")
    assert done.returncode == 0
    values = json.loads(done.stdout)
    assert values["streaming"]["frames"] == 8
    assert "labels: the network gives 12 numbers" in done.stderr
    filled, output = tmp_path / "kws.json", tmp_path / "model.tflite"
    filled.write_text(done.stdout)
    refused = kws("pack", DEFAULT, "--metadata", filled, "--output", output)
    assert refused.returncode == 2
    assert "label_0" in refused.stderr
    assert not output.exists()
    text = done.stdout
    for number in range(12):
        text = text.replace(f'"label_{number}"', f'"word {number}"')
    filled.write_text(text)
    done = kws("pack", DEFAULT, "--metadata", filled, "--output", output)
    assert (done.returncode, done.stderr) == (0, "")
    assert kws("inspect", output).returncode == 0


def test_refusals_are_one_line_and_write_nothing(contract: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    values = json.loads(contract.read_text())
    values["labels"].pop()
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(values))
    cases = [
        (("--metadata", wrong, "--output", output), "threshold"),
        (("--metadata", contract), "--output are needed"),
        (("--template", "--output", output), "leave out"),
        (("--metadata", tmp_path / "none.json", "--output", output), "no such file"),
        (("--metadata", contract, "--output", tmp_path / "no" / "a.tflite"), "no such folder"),
    ]
    for arguments, message in cases:
        done = kws("pack", DEFAULT, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kws.json", "wrong.json"]


def test_help_has_an_example() -> None:
    done = kws("pack", "--help")
    assert done.returncode == 0
    assert "example: kws pack " in done.stdout
