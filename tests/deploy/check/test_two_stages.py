"""What deploy does with a model in two stages: check, export and pack."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws.errors import ModelError
from kws.modelfile import ModelFile, write_model
from kws_deploy.c.export import c_sources
from kws_deploy.check.gates import Budget, budget_gate, streaming_gate
from kws_deploy.check.models import float_form, is_quantized
from kws_deploy.esphome.export import export_esphome
from kws_deploy.onnx.conversion import convert_network

from ...conftest import kws_here as kws


@pytest.fixture
def file(two_stages: ModelFile, tmp_path: Path) -> Path:
    path = tmp_path / "two.tflite"
    write_model(path, two_stages.network, two_stages.metadata)
    return path


def test_a_step_with_a_verification_must_be_within_the_budget(two_stages: ModelFile) -> None:
    gate = budget_gate(two_stages, Budget())
    figures = gate.figures
    assert "in that of steps with a verification" in gate.text
    assert figures["verified_p99_ms"] > 0
    assert gate.passed == (max(figures["p99_ms"], figures["verified_p99_ms"]) <= 80)
    assert not budget_gate(two_stages, Budget(milliseconds=1e-6)).passed


def test_on_a_board_both_networks_count(two_stages: ModelFile) -> None:
    alone = two_stages.first_stage()
    one, both = (budget_gate(each, Budget(board="pi4")) for each in (alone, two_stages))
    assert both.figures["estimate_ms"] > one.figures["estimate_ms"]
    assert any("with a verification" in doubt for doubt in both.doubts)
    assert not any("verification" in doubt for doubt in one.doubts)


def test_the_stream_of_the_first_stage_is_the_whole_clip(two_stages: ModelFile) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(-3000, 3000, 16000).astype(np.int16) for _ in range(2)]
    assert streaming_gate(two_stages, noise).passed


def test_the_float_form_keeps_the_verifier(two_stages: ModelFile) -> None:
    found, _ = float_form(two_stages, None)
    assert found is not None
    assert not is_quantized(found)
    verifier = two_stages.metadata.verifier
    assert found.metadata.verifier == verifier
    assert found.metadata.verifier.network[4:8] == b"TFL3"


def test_an_export_is_of_the_first_stage_and_says_so(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "firmware"
    done = kws("export", file, "--to", "c", "--output", output)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert "no other form carries its verifier" in line
    text = "".join(path.read_text() for path in output.iterdir() if path.suffix in (".c", ".h"))
    assert "7.0e-01f, /* yes */" in text


@pytest.mark.parametrize(
    "export",
    [c_sources, convert_network, lambda model: export_esphome(model, "nobody")],
    ids=["c", "onnx", "esphome"],
)
def test_python_exports_no_model_with_the_thresholds_of_both(
    two_stages: ModelFile, export: Callable[[ModelFile], object]
) -> None:
    with pytest.raises(ModelError, match=r"its verifier cannot be exported: .* first_stage\(\)"):
        export(two_stages)
    assert c_sources(two_stages.first_stage())


def test_unzip_and_pack_give_the_same_file(file: Path, tmp_path: Path) -> None:
    apart = tmp_path / "apart"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(apart)
    values = json.loads((apart / "kws.json").read_text())
    (apart / "net.tflite").write_bytes(file.read_bytes()[: values["network"]["bytes"]])
    again = tmp_path / "again.tflite"
    command = ("pack", apart / "net.tflite", "--metadata", apart / "kws.json", "--output", again)
    assert kws(*command).returncode == 0
    assert again.read_bytes() == file.read_bytes()
    (apart / "verifier.tflite").unlink()
    done = kws(*command)
    assert done.returncode == 2
    assert "verifier.tflite: no such file" in done.stderr
