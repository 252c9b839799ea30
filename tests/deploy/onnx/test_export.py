"""A model as ONNX gives what the model file gives, or is not written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.installing import install_extra
from kws.metadata import SegmenterDefaults
from kws.modelfile import ModelFile
from kws.network import interpreter_class
from kws.packaged import packaged_model
from kws_deploy.onnx import conversion, export
from kws_deploy.onnx.conversion import OnnxError
from kws_deploy.onnx.export import FLOAT_TOLERANCE, INT8_STEPS, export_onnx
from kws_deploy.quantization.dequantize import to_float

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"


def logit_step(model):
    """Return the size of a quantization step of the logits."""
    interpreter = interpreter_class()(model_content=model.network)
    (scale,) = (
        tensor["quantization"][0]
        for tensor in interpreter.get_output_details()
        if tensor["name"] == model.metadata.streaming.output
    )
    return scale


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return packaged_model()


@pytest.fixture(scope="module")
def recordings() -> list[np.ndarray]:
    samples = load_audio(DEMO, 16000)
    return [samples[:80000], samples[80000:]]


@pytest.fixture(scope="module")
def int8(model, recordings, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "int8.onnx"
    return export_onnx(model, path, recordings), path


@pytest.fixture(scope="module")
def floating(model, recordings, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "float.onnx"
    return export_onnx(model, path, recordings, as_float=True), path


def test_int8_is_within_a_few_quantization_steps(int8, model):
    found, path = int8
    assert found.precision == "int8"
    assert (
        found.largest <= found.tolerance == pytest.approx(INT8_STEPS * logit_step(model), rel=0.01)
    )
    assert found.recordings == 2
    assert found.steps > 200
    assert found.size == path.stat().st_size < 200_000


def test_float_is_equal(floating):
    found, path = floating
    assert found.precision == "float32"
    assert found.largest <= found.tolerance == FLOAT_TOLERANCE
    assert found.optimized <= FLOAT_TOLERANCE
    assert found.size == path.stat().st_size


def test_names_shapes_and_the_contract_are_the_models(model, int8, floating):
    from kws.network import interpreter_class

    plain = interpreter_class()(model_content=model.network)
    shapes = {
        one["name"]: one["shape"].tolist()
        for one in (*plain.get_input_details(), *plain.get_output_details())
    }
    for found, path in (int8, floating):
        read = onnx.load(path)
        onnx.checker.check_model(read, full_check=True)
        tensors = (*read.graph.input, *read.graph.output)
        assert {
            one.name: [d.dim_value for d in one.type.tensor_type.shape.dim] for one in tensors
        } == shapes
        kinds = {one.type.tensor_type.elem_type for one in tensors}
        assert kinds == {
            onnx.TensorProto.INT8 if found.precision == "int8" else onnx.TensorProto.FLOAT
        }
        (contract,) = (prop.value for prop in read.metadata_props if prop.key == "kws.json")
        values = json.loads(contract)
        assert values["labels"] == list(model.metadata.labels)
        assert values["streaming"]["states"] == [
            list(pair) for pair in model.metadata.streaming.states
        ]
    assert values["network"]["sha256"] == hashlib.sha256(to_float(model.network)).hexdigest()
    nodes = {node.op_type for node in onnx.load(int8[1]).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= nodes


def test_an_app_hears_the_same_words(model, floating):
    """A loop that knows the ONNX file alone: the contract from its metadata, states of its own."""
    from kws.frontend import LogMelConfig, log_mel
    from kws.network import StreamingNetwork

    session = onnxruntime.InferenceSession(str(floating[1]), providers=["CPUExecutionProvider"])
    contract = json.loads(session.get_modelmeta().custom_metadata_map["kws.json"])
    front_end = LogMelConfig.from_dict(contract["front_end"])
    size = contract["streaming"]["frames"]
    frames = log_mel(load_audio(DEMO, 16000), front_end)
    pairs = contract["streaming"]["states"]
    shapes = {one.name: one.shape for one in session.get_inputs()}
    states = {old: np.zeros(shapes[old], np.float32) for old, _ in pairs}
    silent = np.full((1, size, 1, front_end.bands), front_end.silence, np.float32)
    pieces = [silent] * 20
    pieces += [frames[n : n + size].reshape(silent.shape) for n in range(0, len(frames) - 7, size)]
    heard = []
    for piece in pieces:
        logits, *after = session.run(
            ["logits", *(new for _, new in pairs)], {"frames": piece, **states}
        )
        states = {old: one for (old, _), one in zip(pairs, after, strict=True)}
        heard.append(contract["labels"][int(logits[0, -1].argmax())])
    network = StreamingNetwork(model)
    network.reset()
    expected = [
        model.metadata.labels[int(network.step(piece.reshape(size, -1))[-1].argmax())]
        for piece in pieces[20:]
    ]
    same = np.mean([a == b for a, b in zip(heard[20:], expected, strict=True)])
    assert same > 0.98
    assert {"yes", "stop", "left"} <= set(heard)


def test_nothing_is_written_where_onnxruntime_differs(model, recordings, tmp_path, monkeypatch):
    """The converted network is damaged on its way: another weight in one kernel."""
    honest = conversion.convert_network

    def damaged(model: ModelFile) -> onnx.ModelProto:
        read = honest(model)
        kernel = max(read.graph.initializer, key=lambda one: len(one.raw_data))
        values = bytearray(kernel.raw_data)
        values[:400] = bytes(np.full(100, 0.5, np.float32).tobytes())
        kernel.raw_data = bytes(values)
        return read

    monkeypatch.setattr(export, "convert_network", damaged)
    with pytest.raises(OnnxError, match=r"onnxruntime differs by .* nothing was written"):
        export_onnx(model, tmp_path / "a.onnx", recordings, as_float=True)
    assert list(tmp_path.iterdir()) == []


def test_recordings_that_are_too_short_prove_nothing(model, tmp_path):
    with pytest.raises(OnnxError, match="no recording is as long as a step"):
        export_onnx(model, tmp_path / "a.onnx", [np.zeros(100, np.float32)], as_float=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(model, recordings, tmp_path):
    with pytest.raises(OnnxError, match="cannot be written"):
        export_onnx(model, tmp_path / "none" / "a.onnx", recordings[:1], as_float=True)


def test_missing_packages_name_the_extra(model, recordings, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(OnnxError, match="tf2onnx is missing: ") as caught:
        export_onnx(model, tmp_path / "a.onnx", recordings)
    assert str(caught.value).endswith(install_extra("onnx"))
    assert list(tmp_path.iterdir()) == []


def test_every_tensor_has_a_name_of_its_own(model):
    from kws_training.networks.tflite_objects import unpack

    graph = unpack(conversion._named(model.network)).subgraphs[0]
    names = [tensor.name for tensor in graph.tensors]
    assert len(set(names)) == len(names)
    assert b"" not in names


def test_arrays_and_other_tasks_ride_along(model, recordings, tmp_path):
    metadata = replace(
        model.metadata,
        task="sounds",
        detector=SegmenterDefaults(0.2, 0.5, 0.1, 0.1, model.metadata.detector.thresholds),
        arrays={"projection.npy": np.ones((2, 2), np.float32)},
    )
    path = tmp_path / "a.onnx"
    export_onnx(replace(model, metadata=metadata), path, recordings[:1], as_float=True)
    props = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    import base64
    import io

    stored = np.load(io.BytesIO(base64.b64decode(props["projection.npy"])))
    assert (stored == 1).all()
    assert json.loads(props["kws.json"])["task"] == "sounds"
