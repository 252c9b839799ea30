"""Quantized networks as float32: the same operators, the same answers, and no trust in files."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kws.audio import load_audio
from kws.frontend import log_mel
from kws.modelfile import ModelFile, parse_model, read_model
from kws.network import StreamingNetwork, interpreter_class
from kws_deploy.quantization.dequantize import QuantizationError, to_float
from kws_deploy.quantization.variants import quantize
from kws_training.networks.tflite_objects import (
    constant,
    is_quantized,
    kind_of,
    unpack,
    write_flatbuffer,
)

from .conftest import DEMO

MODELS = ("commands", "words")


@pytest.fixture(scope="module", params=MODELS)
def given(request: pytest.FixtureRequest) -> ModelFile:
    root = DEMO.parents[1] / "kws" / "models"
    return read_model(root / f"{request.param}.tflite")


def run(model: ModelFile, frames: np.ndarray) -> np.ndarray:
    network = StreamingNetwork(model)
    size = network.frames
    steps = [frames[n : n + size] for n in range(0, len(frames) - size + 1, size)]
    return np.concatenate([network.step(step).copy() for step in steps])


def details(network: bytes) -> list[list[tuple[str, list[int]]]]:
    interpreter = interpreter_class()(model_content=network)
    return [
        [(one["name"], list(one["shape"])) for one in side]
        for side in (interpreter.get_input_details(), interpreter.get_output_details())
    ]


def test_inputs_outputs_and_operators_stay(given: ModelFile) -> None:
    real = to_float(given.network)
    assert details(real) == details(given.network)
    before, after = unpack(given.network), unpack(real)
    assert [kind_of(before, one) for one in before.subgraphs[0].operators] == [
        kind_of(after, one) for one in after.subgraphs[0].operators
    ]


def test_every_number_is_float32(given: ModelFile) -> None:
    interpreter = interpreter_class()(model_content=to_float(given.network))
    kinds = {one["dtype"] for one in interpreter.get_tensor_details()}
    assert kinds <= {np.float32, np.int32}  # int32: shapes of slices
    ends = (*interpreter.get_input_details(), *interpreter.get_output_details())
    assert all(one["dtype"] is np.float32 for one in ends)


def test_it_agrees_on_speech_within_quantization_noise(given: ModelFile) -> None:
    frames = log_mel(load_audio(DEMO, 16000), given.metadata.front_end)
    rounded = run(given, frames)
    real = run(dataclasses.replace(given, network=to_float(given.network)), frames)
    noise = np.square(rounded - real).mean() / np.square(real).mean()
    assert 10 * np.log10(1 / noise) > 25
    assert (rounded.argmax(axis=1) == real.argmax(axis=1)).mean() > 0.97
    assert (rounded != real).any()


def test_float_stays_as_it_is(given: ModelFile) -> None:
    real = to_float(given.network)
    assert to_float(real) == real


@pytest.mark.parametrize("precision", ["float16", "dynamic", "int16x8", "int8"])
def test_every_precision_comes_back(precision, real, model, ranges, frames) -> None:
    contract = model.metadata.streaming
    types = ("float32", "float32")
    content = quantize(real, contract, precision, ranges, input_type=types[0], output_type=types[1])
    again = to_float(content)
    kinds = {kind_of(m, one) for m in [unpack(again)] for one in m.subgraphs[0].operators}
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    assert not kinds & {BuiltinOperator.QUANTIZE, BuiltinOperator.DEQUANTIZE}
    assert sorted(details(again)[0]) == sorted(details(model.network)[0])
    wanted = run(dataclasses.replace(model, network=real), frames)
    found = run(dataclasses.replace(model, network=again), frames)
    # the weights were on int8's grid already: what is left is float16's rounding, or the grid's
    np.testing.assert_allclose(found, wanted, atol=0.05)


def test_weights_are_what_the_integers_stand_for(model: ModelFile) -> None:
    before, after = unpack(model.network), unpack(to_float(model.network))
    found = 0
    for old, new in zip(before.subgraphs[0].operators, after.subgraphs[0].operators, strict=True):
        if len(old.inputs) != 3:
            continue  # weights and biases come with three
        for place in (1, 2):
            rounded = before.subgraphs[0].tensors[old.inputs[place]]
            real = after.subgraphs[0].tensors[new.inputs[place]]
            scales = rounded.quantization.scale
            shape = [1] * len(rounded.shape)
            shape[rounded.quantization.quantizedDimension] = -1
            meant = constant(before, rounded) * scales.reshape(shape)
            np.testing.assert_allclose(constant(after, real), meant, rtol=1e-6)
            found += len(scales) > 1
    assert found > 20


# --- files that are hostile ---


@pytest.mark.parametrize("content", [b"", b"abc", b"\0\0\0\0TFL3", b"PK\3\4TFL3" + b"\xff" * 100])
def test_what_is_no_network(content: bytes) -> None:
    with pytest.raises(QuantizationError):
        to_float(content)


def test_damage_is_an_error_of_ours(model: ModelFile) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for number in range(150):
        content = bytearray(model.network)
        if number % 3 == 0:
            content = content[: rng.integers(8, len(content))]
        else:  # the structure is at the beginning and the end
            for _ in range(10):
                at = rng.integers(8, 20000)
                content[at if rng.random() < 0.5 else -at] = rng.integers(256)
        try:
            to_float(bytes(content))
        except QuantizationError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 75


def changed(model: ModelFile, change) -> bytes:
    tree = unpack(model.network)
    change(tree)
    return write_flatbuffer(tree, len(model.network))


def test_names_that_unfold(model: ModelFile) -> None:
    def change(tree) -> None:
        tree.subgraphs[0].tensors[0].name = b"n" * 5000

    with pytest.raises(QuantizationError, match="too long"):
        to_float(changed(model, change))


def test_too_many_operators(model: ModelFile) -> None:
    def change(tree) -> None:
        tree.subgraphs[0].operators *= 300

    with pytest.raises(QuantizationError, match="operators"):
        to_float(changed(model, change))


def test_constants_that_unfold(model: ModelFile) -> None:
    """One buffer of a megabyte, named by hundreds of tensors with scales of their own."""

    def change(tree) -> None:
        from ai_edge_litert import schema_py_generated as schema

        graph = tree.subgraphs[0]
        buffer = schema.BufferT()
        buffer.data = np.zeros(2**20, np.uint8)
        tree.buffers.append(buffer)
        for number in range(300):
            tensor = schema.TensorT()
            tensor.type, tensor.shape = schema.TensorType.INT8, [2**20]
            tensor.buffer, tensor.name = len(tree.buffers) - 1, b""
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [1.0 + number]
            tensor.quantization.zeroPoint = [1]
            graph.tensors.append(tensor)
            operator = schema.OperatorT()
            operator.inputs, operator.outputs = [len(graph.tensors) - 1], [0]
            graph.operators.append(operator)

    with pytest.raises(QuantizationError, match="MiB"):
        to_float(changed(model, change))


def test_a_tensor_that_is_not_there(model: ModelFile) -> None:
    def change(tree) -> None:
        tree.subgraphs[0].operators[0].inputs = [9999, 0]

    with pytest.raises(QuantizationError, match="not there"):
        to_float(changed(model, change))


def test_weights_that_are_not_finite(model: ModelFile) -> None:
    def change(tree) -> None:
        for tensor in tree.subgraphs[0].tensors:
            if tensor.buffer and is_quantized(tensor):
                tensor.quantization.scale = np.full_like(tensor.quantization.scale, np.inf)

    with pytest.raises(QuantizationError, match="finite"):
        to_float(changed(model, change))


def test_the_model_file_around_it_stays(model: ModelFile) -> None:
    from kws.modelfile import pack

    content = pack(to_float(model.network), model.metadata)
    assert parse_model(content, "x").metadata == model.metadata
