"""The verb export as a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ...conftest import kws_here as kws

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = ROOT / "kws" / "models" / "commands.tflite"
DEMO = ROOT / "demo" / "synthesized_commands.wav"


def test_onnx(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    audio, output = tmp_path / "audio", tmp_path / "model.onnx"
    audio.mkdir()
    (audio / "demo.wav").symlink_to(DEMO)
    (audio / "damaged.wav").write_bytes(b"RIFF")
    done = kws("export", DEFAULT, "--to", "onnx", "--audio", audio, "--output", output, "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["bytes"] == output.stat().st_size
    assert values["precision"] == "int8"
    assert values["largest_difference"] <= values["tolerance"]
    assert values["steps"] > 200
    said = done.stderr.splitlines()
    assert "damaged.wav" in said[0]
    # what default kernels do depends on the machine; it is said where they differ
    unlike = values["largest_difference_by_default"] > values["tolerance"]
    assert unlike == any("ORT_ENABLE_BASIC" in line for line in said)


@pytest.mark.reach
def test_onnx_with_front_end(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    output = tmp_path / "model.onnx"
    form = ("--to", "onnx", "--with-front-end")
    done = kws("export", "commands-small", *form, "--audio", DEMO, "--output", output)
    assert done.returncode == 0, done.stderr
    assert f"wrote {output} (201 kB) and model.onnx.json: scores of onnxruntime" in done.stdout
    assert sorted(tmp_path.iterdir()) == [output, tmp_path / "model.onnx.json"]


def test_c(tmp_path: Path) -> None:
    pytest.importorskip("kws_deploy.c.export")
    output = tmp_path / "firmware"
    done = kws("export", DEFAULT, "--to", "c", "--output", output)
    assert (done.returncode, done.stderr) == (0, "")
    names = {path.name for path in output.iterdir()}
    assert any(name.endswith(".c") for name in names)
    assert any(name.endswith(".h") for name in names)
    assert f"to {output}" in done.stdout


def test_refusals_write_nothing(tmp_path: Path) -> None:
    output = tmp_path / "model.onnx"
    silent = tmp_path / "silent"
    silent.mkdir()
    cases = [
        (("--to", "onnx", "--output", output), "--audio"),
        (("--to", "c", "--output", tmp_path / "c", "--float"), "--float goes with --to onnx"),
        (("--to", "c", "--output", tmp_path / "c", "--with-front-end"), "goes with --to onnx"),
        (("--to", "tar", "--output", output), "invalid choice"),
        (("--to", "onnx", "--audio", silent, "--output", output), "no recordings in this folder"),
        (("--to", "onnx", "--audio", DEMO, "--output", tmp_path / "no" / "a"), "no such folder"),
    ]
    for arguments, message in cases:
        done = kws("export", DEFAULT, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == [silent]


def test_help_has_an_example() -> None:
    done = kws("export", "--help")
    assert done.returncode == 0
    assert "example: kws export " in done.stdout
