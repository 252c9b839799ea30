"""A network over a whole recording, where its shapes are free and where the file fixes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.modelfile import ModelFile
from kws.network import interpreter_class
from kws.packaged import packaged_model
from kws_deploy.offline import FLOAT_TOLERANCE, OfflineError, free_shapes, stream_against_whole
from kws_deploy.quantization.dequantize import to_float
from kws_training.networks.tflite_objects import kind_of, unpack, write_flatbuffer

DEMO = Path(__file__).resolve().parents[2] / "demo" / "synthesized_commands.wav"


@pytest.fixture(scope="module")
def model() -> ModelFile:
    model = packaged_model()
    return replace(model, network=to_float(model.network))


@pytest.fixture(scope="module")
def recordings() -> list[np.ndarray]:
    samples = load_audio(DEMO, 16000)
    return [samples[:48000], samples[100000:150000]]


def fixed(model: ModelFile, *, kept: bool, squeezed: bool, last: bool = False) -> ModelFile:
    """The network with what converters write: RESHAPEs to the shapes of a single step.

    ``kept``: frames to their own shape; ``squeezed``: the logits' sum with themselves as a vector;
    ``last``: a shape that nothing can free.
    """
    from ai_edge_litert import schema_py_generated as schema

    network = unpack(model.network)
    graph = network.subgraphs[0]

    def code(kind: int) -> int:
        one = schema.OperatorCodeT()
        one.builtinCode, one.deprecatedBuiltinCode, one.version = kind, kind, 1
        network.operatorCodes.append(one)
        return len(network.operatorCodes) - 1

    def tensor(shape: list[int], values: np.ndarray | None = None) -> int:
        one = schema.TensorT()
        one.shape, one.name, one.buffer = np.array(shape, np.int32), b"", 0
        one.type = schema.TensorType.FLOAT32 if values is None else schema.TensorType.INT32
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)
            network.buffers.append(buffer)
            one.buffer = len(network.buffers) - 1
        graph.tensors.append(one)
        return len(graph.tensors) - 1

    def operator(kind: int, inputs: list[int], output: int) -> object:
        one = schema.OperatorT()
        one.opcodeIndex, one.inputs, one.outputs = code(kind), inputs, [output]
        if kind == schema.BuiltinOperator.ADD:
            one.builtinOptionsType, one.builtinOptions = (
                schema.BuiltinOptions.AddOptions,
                schema.AddOptionsT(),
            )
        return one

    def reshape(source: int, shape: list[int]) -> tuple[object, int]:
        result = tensor(shape)
        sizes = tensor([len(shape)], np.array(shape))
        return operator(schema.BuiltinOperator.RESHAPE, [source, sizes], result), result

    frames = next(n for n, one in enumerate(graph.tensors) if one.name == b"frames")
    if kept or last:
        shape = [8, 40] if last else [1, 8, 1, 40]
        step, result = reshape(frames, shape)
        steps = [step]
        if last:
            back, result = reshape(result, [1, 8, 1, 40])
            steps.append(back)
        for one in graph.operators:
            one.inputs = [result if n == frames else n for n in one.inputs]
        graph.operators = [*steps, *graph.operators]
    if squeezed:
        (end,) = (
            n
            for n, one in enumerate(graph.operators)
            if any(graph.tensors[i].name == b"logits" for i in one.outputs)
        )
        source = int(graph.operators[end].inputs[0])
        step, vector = reshape(source, [12])
        doubled = tensor(list(graph.tensors[source].shape))
        add = operator(schema.BuiltinOperator.ADD, [source, vector], doubled)
        inputs = [doubled, *graph.operators[end].inputs[1:]]
        graph.operators[end].inputs = inputs
        graph.operators[end:end] = [step, add]
    return replace(model, network=write_flatbuffer(network, len(model.network)))


def test_free_shapes_are_left_as_they_are(model, recordings):
    found = stream_against_whole(model, recordings, quantized=False)
    assert found.equal
    assert not found.freed
    assert found.recordings == 2
    assert found.output_frames == sum((len(one) - 480) // 160 // 8 for one in recordings)
    assert found.steps is None
    assert found.tolerance == FLOAT_TOLERANCE


@pytest.mark.parametrize(("kept", "squeezed"), [(True, False), (False, True), (True, True)])
def test_shapes_of_one_step_are_freed(model, recordings, kept, squeezed):
    other = fixed(model, kept=kept, squeezed=squeezed)
    assert len(unpack(other.network).subgraphs[0].operators) > len(
        unpack(model.network).subgraphs[0].operators
    )
    found = stream_against_whole(other, recordings, quantized=False)
    assert found.freed
    assert found.equal


def test_a_shape_that_cannot_be_freed_is_an_error(model, recordings):
    with pytest.raises(OfflineError, match="refuses it on 16 frames at once"):
        stream_against_whole(
            fixed(model, kept=False, squeezed=False, last=True), recordings, quantized=False
        )


def test_freeing_changes_nothing_else(model):
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    def kinds(network: bytes) -> list[int]:
        one = unpack(network)
        return [kind_of(one, operator) for operator in one.subgraphs[0].operators]

    freed = kinds(free_shapes(fixed(model, kept=False, squeezed=True).network))
    assert BuiltinOperator.RESHAPE not in freed
    assert len(freed) == len(kinds(model.network)) + 1
    assert kinds(free_shapes(model.network)) == kinds(model.network)


def test_an_int8_network_may_differ_by_its_quantization_step(recordings):
    """The shipped int8 network: its own quantization step is what is allowed."""
    model = packaged_model()
    found = stream_against_whole(model, recordings, quantized=True)
    assert found.equal
    details = interpreter_class()(model_content=model.network).get_output_details()
    (logits,) = (one for one in details if one["name"] == model.metadata.streaming.output)
    assert found.tolerance == pytest.approx(logits["quantization"][0], rel=0.02)
    assert found.steps <= 1
