"""The verb inspect: what it says agrees with a second reader, and what is wrong is said."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.describe import describe, front_end_in_words, in_words
from kws.errors import ModelError
from kws.metadata import point_of, unmeasured
from kws.modelfile import ModelFile, pack, parse_model
from kws.network import interpreter_class

from ...conftest import kws_alone as kws
from ...conftest import kws_here

DEFAULT = Path(__file__).resolve().parents[3] / "kws" / "models" / "commands.tflite"


def changed(model: ModelFile, **changes: object) -> tuple[ModelFile, bytes]:
    content = pack(model.network, replace(model.metadata, **changes))
    return parse_model(content, "model.tflite"), content


@pytest.fixture(scope="module")
def content() -> bytes:
    return DEFAULT.read_bytes()


@pytest.fixture(scope="module")
def values(model: ModelFile, content: bytes) -> dict:
    return describe(model, content)


def test_json_agrees_with_a_second_reader() -> None:
    done = kws("inspect", DEFAULT, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    raw = DEFAULT.read_bytes()
    with zipfile.ZipFile(DEFAULT) as archive:
        contract = json.loads(archive.read("kws.json"))
        entries = [{"name": e.filename, "bytes": e.file_size} for e in archive.infolist()]
    assert found["bytes"] == len(raw)
    assert found["sha256"] == hashlib.sha256(raw).hexdigest()
    assert found["entries"] == entries
    for key in ("schema", "task", "labels", "operating_points", "provenance", "detector"):
        assert found[key] == contract[key]
    assert found["front_end"]["parts"] == [contract["front_end"]]
    assert found["network"]["bytes"] == contract["network"]["bytes"]
    assert found["network"]["sha256"] == contract["network"]["sha256"]
    plain = interpreter_class()(model_content=raw)
    said = {(one["name"], one["role"]): one for one in found["network"]["tensors"]}
    tensors = [("input", t) for t in plain.get_input_details()]
    tensors += [("output", t) for t in plain.get_output_details()]
    assert len(said) == len(tensors)
    for role, tensor in tensors:
        one = said[tensor["name"], role]
        assert one["shape"] == tensor["shape"].tolist()
        assert one["type"] == np.dtype(tensor["dtype"]).name
        assert (one["scale"], one["zero_point"]) == tensor["quantization"]
    streaming = found["streaming"]
    pairs = [[one["input"], one["output"]] for one in streaming["states"]]
    assert pairs == contract["streaming"]["states"]
    assert streaming["step_seconds"] == pytest.approx(0.08)
    assert streaming["state_bytes"] == sum(
        np.prod(t["shape"]) for r, t in tensors if r == "input" and t["name"] != "frames"
    )


def test_text_for_people(values: dict) -> None:
    text = in_words(values)
    assert "10: down, go, left" in text
    assert "a step every 80 ms (8 frames)" in text
    assert "40 mel bands of powers from 0 to 4000 Hz, 30 ms windows every 10 ms" in text
    (line,) = (line for line in text.splitlines() if line.startswith("no  "))
    figures = "no 0.8 2.75 (0.57 to 8.02) 6.1 % (2.5 to 12.2) 1.09 114"
    assert " ".join(line.split()) == figures
    assert "scale" not in text
    assert "0.100502     18" in in_words(values, network=True)
    assert max(map(len, text.splitlines())) < 250


def test_yamnets_front_end_in_words() -> None:
    from kws.frontend import YAMNET

    assert front_end_in_words(YAMNET).startswith("64 mel bands of magnitudes from 125 to 7500 Hz")
    assert "log(mel + 0.001)" in front_end_in_words(YAMNET)


def test_the_default_model_and_the_named_one_are_one() -> None:
    named, default = kws("inspect", DEFAULT), kws("inspect")
    assert named.stdout.splitlines()[1:] == default.stdout.splitlines()[1:]
    assert default.returncode == 0


def test_a_threshold_that_nobody_measured(model: ModelFile) -> None:
    thresholds = {**model.metadata.detector.thresholds, "no": 0.66}
    moved, content = changed(
        model, detector=replace(model.metadata.detector, thresholds=thresholds)
    )
    assert unmeasured(moved.metadata) == ["no"]
    assert unmeasured(model.metadata) == []
    assert point_of(moved.metadata, "yes").recordings == 109
    text = in_words(describe(moved, content))
    line, _ = (line for line in text.splitlines() if line.startswith("no  "))
    assert line.endswith("0.66  nothing was measured of it")
    assert "measured at other thresholds, which the file does not use:\nno  " in text


def test_zero_hours_are_no_measurement(model: ModelFile) -> None:
    points = tuple(replace(point, hours=0.0) for point in model.metadata.operating_points)
    empty, _ = changed(model, operating_points=points)
    assert unmeasured(empty.metadata) == list(model.metadata.keywords)


def test_after_calibration_misses_are_not_known(model: ModelFile) -> None:
    points = tuple(
        replace(point, miss_rate=None, miss_rate_interval=(0.0, 1.0), recordings=0)
        for point in model.metadata.operating_points
    )
    quiet, content = changed(model, operating_points=points)
    assert "not measured" in in_words(describe(quiet, content))
    assert unmeasured(quiet.metadata) == []


def test_arrays_are_listed(model: ModelFile) -> None:
    arrays = {"projection.npy": np.zeros((4, 3), np.float16)}
    other, content = changed(model, arrays=arrays)
    values = describe(other, content)
    assert values["arrays"] == [
        {"name": "projection.npy", "shape": [4, 3], "type": "float16", "bytes": 24}
    ]
    assert "projection.npy: float16 [4, 3], 24 bytes" in in_words(values)


def test_foreign_text_cannot_steer_a_terminal(model: ModelFile) -> None:
    hostile, content = changed(model, provenance={"a\x1b[2J": "x\x1b]0;y\x07", "b": {"c\n": "\r"}})
    text = in_words(describe(hostile, content))
    assert not any(ord(one) < 32 and one != "\n" for one in text)
    assert "a\N{REPLACEMENT CHARACTER}[2J" in text


def test_long_provenance_is_cut_for_people_alone(model: ModelFile) -> None:
    long, content = changed(model, provenance={"files": ["x" * 50] * 100})
    values = describe(long, content)
    assert "… (--json has all)" in in_words(values)
    assert values["provenance"]["files"] == ["x" * 50] * 100


def test_a_network_that_is_not_the_contracts(model: ModelFile) -> None:
    streaming = replace(model.metadata.streaming, frames=16)
    other, content = changed(model, streaming=streaming)
    with pytest.raises(ModelError, match=r"but kws\.json says 16 frames"):
        describe(other, content)


def test_without_an_interpreter(tmp_path: Path) -> None:
    """The contract can be read; what needs an interpreter is null, or says what to install."""
    script = """
import sys
for name in ("ai_edge_litert", "tflite_runtime"):
    sys.modules[name] = None
from kws.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, "inspect", *map(str, arguments)],
            capture_output=True,
            check=False,
            timeout=60,
            text=True,
        )

    done = run(DEFAULT, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    full = json.loads(kws("inspect", DEFAULT, "--json").stdout)
    assert found.keys() == full.keys()
    assert found["network"]["tensors"] is None
    assert found["streaming"]["states"][0].keys() == full["streaming"]["states"][0].keys()
    assert found["streaming"]["state_bytes"] is None
    assert "no TFLite interpreter is installed" in run(DEFAULT).stdout
    done = run(DEFAULT, "--network")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install ai-edge-litert" in done.stderr


def refusal(*arguments: object) -> str:
    done = kws_here("inspect", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    return line


def test_a_plain_network_is_told_of_pack(model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(model.network)
    line = refusal(path)
    assert f"kws pack {path}" in line
    assert "kws.json" in line


def test_damaged_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.tflite"
    damaged = bytearray(content)
    damaged[5000] ^= 1
    path.write_bytes(damaged)
    assert "digest does not match" in refusal(path)
    path.write_bytes(content[:-10])
    assert "cut short" in refusal(path)
    path.write_bytes(b"hello")
    assert "not a TFLite model" in refusal(path)
    path.unlink()
    assert "check the path" in refusal(path)
    assert "is no file" in refusal(tmp_path)


def test_every_entry_of_the_archive_is_listed(model: ModelFile, content: bytes) -> None:
    other = io.BytesIO(content)
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("further.txt", "hello")
    values = describe(model, other.getvalue())
    assert [one["name"] for one in values["entries"]] == ["kws.json", "further.txt"]
