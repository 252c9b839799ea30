"""The verb quantize, as a process and by its errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.cli.main import main
from kws.modelfile import read_model
from kws.network import StreamingNetwork

pytest.importorskip("ai_edge_quantizer")

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "kws" / "models" / "commands.tflite"


@pytest.fixture(scope="module")
def calibration(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    samples, rate = soundfile.read(ROOT / "demo" / "synthesized_commands.wav", dtype="float32")
    for number in range(3):
        piece = samples[number * 3 * rate : (number + 1) * 3 * rate]
        soundfile.write(folder / f"{number}.wav", piece, rate)
    (folder / "damaged.wav").write_bytes(b"RIFFnothing")
    return folder


def kws(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kws", "quantize", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_int8_as_a_process(calibration: Path, tmp_path: Path) -> None:
    output = tmp_path / "small.tflite"
    done = kws(
        MODEL,
        "--to",
        "int8",
        "--calibration",
        calibration,
        "--output",
        output,
        "--input-type",
        "float32",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    names = [one["name"] for one in figures["variants"]]
    assert names == ["float32", "as given", "float16", "dynamic", "int16x8", "int8"]
    assert figures["dequantized_first"] is True
    assert figures["calibration"]["skipped"] == [str(calibration / "damaged.wav")]
    assert figures["written"] == str(output)
    assert "damaged.wav" in done.stderr
    assert "taken out" in done.stderr
    assert "INFO" not in done.stderr
    model = read_model(output)
    network = StreamingNetwork(model)
    assert network.step(np.zeros((8, 40), np.float32)).shape[-1] == 12
    assert model.metadata.provenance["quantization"]["input_type"] == "float32"
    assert list(tmp_path.iterdir()) == [output]


def test_the_table_alone(calibration: Path, tmp_path: Path, capsys) -> None:
    picture = tmp_path / "layers.png"
    arguments = ["quantize", str(MODEL), "--calibration", str(calibration), "--layers"]
    assert main([*arguments, "--layers-picture", str(picture)]) == 0
    shown = capsys.readouterr().out
    for word in ("float16", "dynamic", "int16x8", "same label", "loses most", "as given"):
        assert word in shown
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "int8"], "--output names the file"),
        (["--output", "x.tflite"], "--to says what to write"),
        (["--input-type", "int8"], "give --to"),
        (["--to", "float16", "--output", "x.tflite", "--input-type", "int8"], "--input-type int8"),
        (["--to", "float16", "--output", "x.tflite", "--mend", "mixed"], "mends int8"),
        (["--to", "int8", "--output", "nowhere/x.tflite"], "no such folder"),
        (["--data", "nowhere"], "nowhere"),
        (["--recipe", "nothing"], "no such recipe"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], words: str, calibration: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = ["quantize", str(MODEL), "--calibration", str(calibration), *arguments]
    assert main(whole) == 2
    line = capsys.readouterr().err
    assert words in line
    assert line.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_models_and_folders_that_are_not_there(calibration: Path, tmp_path: Path, capsys) -> None:
    assert main(["quantize", str(tmp_path / "no.tflite"), "--calibration", str(calibration)]) == 2
    assert "no.tflite" in capsys.readouterr().err
    assert main(["quantize", str(MODEL), "--calibration", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
