"""The network as a stream: what it refuses, and that its state is its own."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from kws.errors import ModelError
from kws.frontend import WORDS, log_mel
from kws.metadata import DetectorDefaults, Metadata, StreamingContract
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork, interpreter_class

STEPS = 60


@pytest.fixture(scope="module")
def frames(model: ModelFile) -> np.ndarray:
    """Something with changes in it, float32 (STEPS, frames, bands)."""
    front_end = model.metadata.front_end
    size = model.metadata.streaming.frames
    rng = np.random.default_rng(0)
    samples = rng.normal(size=front_end.samples(STEPS * size)).astype(np.float32)
    time = np.arange(len(samples)) / front_end.sample_rate
    samples *= 0.05 + 0.2 * (np.sin(2 * np.pi * 2 * time) > 0.5)
    samples += (0.3 * np.sin(2 * np.pi * (300 + 200 * np.sin(9 * time)) * time)).astype(np.float32)
    return log_mel(samples, front_end).reshape(STEPS, size, front_end.bands)


def run(network: StreamingNetwork, frames: np.ndarray) -> np.ndarray:
    return np.concatenate([network.step(step).copy() for step in frames])


def test_shapes(model: ModelFile, frames: np.ndarray) -> None:
    network = StreamingNetwork(model)
    assert network.frames == model.metadata.streaming.frames
    logits = network.step(frames[0])
    assert logits.shape == (network.columns, len(model.metadata.labels))
    assert logits.dtype == np.float32
    assert network.columns >= 1


def test_sound_changes_the_logits(model: ModelFile, frames: np.ndarray) -> None:
    logits = run(StreamingNetwork(model), frames)
    assert np.ptp(logits, axis=0).max() > 1


def test_reset_is_a_fresh_instance(model: ModelFile, frames: np.ndarray) -> None:
    network = StreamingNetwork(model)
    fresh = run(network, frames)
    assert (run(network, frames) != fresh).any()  # the past matters
    network.reset()
    assert (run(network, frames) == fresh).all()
    assert (run(StreamingNetwork(model), frames) == fresh).all()


def test_the_past_ends_with_the_receptive_field(model: ModelFile, frames: np.ndarray) -> None:
    receptive = -(-model.metadata.streaming.receptive_field // model.metadata.streaming.frames)
    network = StreamingNetwork(model)
    fresh = run(network, frames[:receptive])
    run(network, frames[receptive:])
    again = run(network, frames[:receptive])
    columns = network.columns
    assert (again[-columns:] == fresh[-columns:]).all()
    assert (again[:columns] != fresh[:columns]).any()


def test_silence_changes_nothing_after_reset(model: ModelFile) -> None:
    network = StreamingNetwork(model)
    silence = np.full((network.frames, model.metadata.front_end.bands), 0, np.float32)
    silence[:] = model.metadata.front_end.silence
    steps = [network.step(silence).copy() for _ in range(30)]
    assert all((step == steps[0]).all() for step in steps)


def test_instances_share_no_state(model: ModelFile, frames: np.ndarray) -> None:
    alone = run(StreamingNetwork(model), frames)
    alone_backwards = run(StreamingNetwork(model), frames[::-1])
    one, other = StreamingNetwork(model), StreamingNetwork(model)
    together = [
        (one.step(forth).copy(), other.step(back).copy())
        for forth, back in zip(frames, frames[::-1], strict=True)
    ]
    assert (np.concatenate([pair[0] for pair in together]) == alone).all()
    assert (np.concatenate([pair[1] for pair in together]) == alone_backwards).all()


def test_frames_are_not_changed(model: ModelFile, frames: np.ndarray) -> None:
    kept = frames[0].copy()
    StreamingNetwork(model).step(frames[0])
    assert (frames[0] == kept).all()


def test_two_threads_give_the_same(model: ModelFile, frames: np.ndarray) -> None:
    assert (run(StreamingNetwork(model, 2), frames) == run(StreamingNetwork(model), frames)).all()


def test_the_stream_equals_the_whole_clip(model: ModelFile, frames: np.ndarray) -> None:
    """All steps in one call of the interpreter, column by column, against step by step."""
    stepwise = run(StreamingNetwork(model), frames)
    stream = StreamingNetwork(model)
    stream.reset()
    interpreter = interpreter_class()(model_content=model.network)
    inputs = {t["name"]: t for t in interpreter.get_input_details()}
    taken = inputs[model.metadata.streaming.input]
    shape = [1, STEPS * stream.frames, *taken["shape"][2:]]
    interpreter.resize_tensor_input(taken["index"], shape)
    interpreter.allocate_tensors()
    for before, _ in model.metadata.streaming.states:
        # both interpreters were made from the same bytes: their tensors have the same numbers
        state = stream._interpreter.get_tensor(inputs[before]["index"])
        interpreter.set_tensor(inputs[before]["index"], state)
    whole = frames.reshape(shape)
    scale, zero = taken["quantization"]
    if taken["dtype"] == np.int8:
        whole = np.clip(np.rint(whole / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(taken["index"], whole)
    interpreter.invoke()
    (output,) = (
        t for t in interpreter.get_output_details() if t["name"] == model.metadata.streaming.output
    )
    logits = interpreter.get_tensor(output["index"])[0].astype(np.float32)
    step = 1e-4
    if output["dtype"] == np.int8:
        step, zero = output["quantization"]
        logits = (logits - zero) * step
    assert logits.shape == stepwise.shape == (STEPS * stream.columns, len(model.metadata.labels))
    # one step of quantization: rounding of the last bit may differ with the kernel's blocks
    np.testing.assert_allclose(logits, stepwise, atol=1.01 * step, rtol=0)
    assert np.ptp(stepwise, axis=0).max() > 10 * step


# --- other types than int8 ---


@pytest.fixture(scope="module", params=["int16x8", "int8 with float ends", "mixed", "float32"])
def other(request: pytest.FixtureRequest, model: ModelFile, frames: np.ndarray) -> ModelFile:
    """The same network in other types, each made by ``kws quantize``'s own functions."""
    pytest.importorskip("ai_edge_quantizer")
    from kws_deploy.quantization.dequantize import to_float
    from kws_deploy.quantization.graph import activations, named
    from kws_deploy.quantization.mend import segments_of
    from kws_deploy.quantization.ranges import measure_ranges
    from kws_deploy.quantization.variants import quantize
    from kws_training.networks.tflite_objects import unpack

    real, states = named(to_float(model.network)), model.metadata.streaming
    flat = frames.reshape(-1, frames.shape[-1])
    ranges = measure_ranges(real, states, flat, activations(unpack(real)))
    network = {
        "float32": lambda: real,
        "int16x8": lambda: quantize(real, states, "int16x8", ranges),
        "int8 with float ends": lambda: quantize(
            real, states, "int8", ranges, input_type="float32", output_type="int16"
        ),
        "mixed": lambda: quantize(
            real, states, "int8", ranges, segments_of(real, states)[4].results, "int16", "float32"
        ),
    }[request.param]()
    return dataclasses.replace(model, network=network)


def test_other_types_give_the_same_logits(
    other: ModelFile, model: ModelFile, frames: np.ndarray
) -> None:
    found, known = run(StreamingNetwork(other), frames), run(StreamingNetwork(model), frames)
    assert found.dtype == np.float32
    error = np.square(found - known).mean() / np.square(known).mean()
    assert 10 * np.log10(1 / error) > 15  # both are rounded
    assert (found.argmax(axis=1) == known.argmax(axis=1)).mean() > 0.9


def test_other_types_start_anew(other: ModelFile, frames: np.ndarray) -> None:
    network = StreamingNetwork(other)
    fresh = run(network, frames)
    network.reset()
    assert (run(network, frames) == fresh).all()


def test_other_types_clip_what_they_cannot_hold(other: ModelFile, frames: np.ndarray) -> None:
    """Frames far out of range are the ends of the range, not some number after an overflow."""
    network = StreamingNetwork(other)
    if network._dtype is np.float32:
        pytest.skip("float32 holds them")
    far, end = np.full_like(frames[0], 1e6), np.full_like(frames[0], 100.0)
    first = network.step(far).copy()
    network.reset()
    assert (network.step(end) == first).all()


def test_states_of_several_types(other: ModelFile) -> None:
    kinds = {state.dtype for state in StreamingNetwork(other).silence}
    assert kinds <= {np.dtype(name) for name in ("float32", "int16", "int8")}


# --- metadata that says otherwise ---


def refusal(model: ModelFile, **changes: Any) -> str:
    changed = dataclasses.replace(model.metadata, **changes)
    with pytest.raises(ModelError) as caught:
        StreamingNetwork(dataclasses.replace(model, path="my/model.tflite", metadata=changed))
    line = str(caught.value)
    assert line.startswith("my/model.tflite: ")
    assert "\n" not in line
    return line


def contract(model: ModelFile, **changes: Any) -> StreamingContract:
    return dataclasses.replace(model.metadata.streaming, **changes)


def with_labels(metadata: Metadata, labels: tuple[str, ...]) -> dict[str, Any]:
    thresholds = {label: 0.5 for label in labels if not label.startswith("_")}
    return {"labels": labels, "detector": DetectorDefaults(0.2, 1.0, 1.0, thresholds)}


def test_bands(model: ModelFile) -> None:
    front_end = dataclasses.replace(
        model.metadata.front_end, bands=model.metadata.front_end.bands + 1
    )
    assert "bands" in refusal(model, front_end=front_end)


def test_frames_per_step(model: ModelFile) -> None:
    for frames in (1, model.metadata.streaming.frames * 2):
        line = refusal(model, streaming=contract(model, frames=frames))
        assert f"{frames} frames" in line


def test_frames_and_bands_whose_product_is_right(model: ModelFile) -> None:
    front_end = dataclasses.replace(
        model.metadata.front_end, bands=model.metadata.front_end.bands * 2
    )
    frames = model.metadata.streaming.frames // 2
    refusal(model, front_end=front_end, streaming=contract(model, frames=frames))


def test_labels(model: ModelFile) -> None:
    labels = model.metadata.labels
    for other in (labels[:-1], (*labels, "more")):
        line = refusal(model, **with_labels(model.metadata, other))
        assert f"{len(other)} labels" in line


@pytest.mark.parametrize("which", ["input", "output"])
def test_tensor_names(model: ModelFile, which: str) -> None:
    assert "'nowhere'" in refusal(model, streaming=contract(model, **{which: "nowhere"}))


@pytest.mark.parametrize("side", [0, 1])
def test_state_names(model: ModelFile, side: int) -> None:
    states = [list(pair) for pair in model.metadata.streaming.states]
    states[0][side] = "nowhere"
    line = refusal(model, streaming=contract(model, states=tuple(map(tuple, states))))
    assert "'nowhere'" in line


def test_a_state_that_is_not_named(model: ModelFile) -> None:
    states = model.metadata.streaming.states
    line = refusal(model, streaming=contract(model, states=states[1:]))
    assert f"{len(states)} states" in line
    assert "states" in refusal(model, streaming=contract(model, states=()))


def test_a_state_that_is_named_twice(model: ModelFile) -> None:
    states = model.metadata.streaming.states
    assert len(states) > 1
    line = refusal(model, streaming=contract(model, states=(states[1], *states[1:])))
    assert "twice" in line


def test_states_that_are_exchanged(model: ModelFile) -> None:
    states = model.metadata.streaming.states
    (first, one), (second, other), *rest = states
    exchanged = ((first, other), (second, one), *rest)
    assert "differ" in refusal(model, streaming=contract(model, states=exchanged))


@pytest.mark.parametrize("length", [8, 100, 5000])
def test_networks_that_are_none(model: ModelFile, length: int) -> None:
    damaged = dataclasses.replace(model, network=model.network[:length])
    with pytest.raises(ModelError, match=r"the network .*damaged"):
        StreamingNetwork(damaged)


def hostile_network(labels: int, length: float = 5) -> bytes:
    """Return a network that needs as much memory as a state says; if negative, of that length."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    kinds, options, types = schema.BuiltinOperator, schema.BuiltinOptions, schema.TensorType
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], [graph]
    model.operatorCodes, graph.tensors, graph.operators = [], [], []

    def tensor(name, shape, kind=types.FLOAT32, data=None):
        one = schema.TensorT()
        one.name, one.shape, one.type, one.buffer = name.encode(), list(shape), kind, 0
        if data is not None:
            held = schema.BufferT()
            held.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(held)
            one.buffer = len(model.buffers) - 1
        graph.tensors.append(one)
        return len(graph.tensors) - 1

    def operator(kind, inputs, outputs, option_type, **values):
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, min(kind, 127), 1
        model.operatorCodes.append(code)
        one = schema.OperatorT()
        one.opcodeIndex, one.inputs, one.outputs = len(model.operatorCodes) - 1, inputs, outputs
        one.builtinOptionsType = getattr(options, option_type)
        one.builtinOptions = getattr(schema, f"{option_type}T")()
        for key, value in values.items():
            setattr(one.builtinOptions, key, value)
        graph.operators.append(one)

    frames, state = tensor("frames", (1, 8, 40)), tensor("s0", (1,))
    logits, following = tensor("logits", (1, 1, labels)), tensor("n0", (1,))
    shape = tensor("shape", (3,), types.INT32, np.array([1, 1, labels], np.int32))
    five = tensor("five", (1,), types.FLOAT32, np.array([length], np.float32))
    operator(kinds.RESHAPE, [frames, shape], [logits], "ReshapeOptions", newShape=[1, 1, labels])
    operator(kinds.ADD, [five, five], [following], "AddOptions")
    count = tensor("count", (1,), types.INT32)
    operator(
        kinds.CAST,
        [state if length > 0 else five],
        [count],
        "CastOptions",
        inDataType=types.FLOAT32,
        outDataType=types.INT32,
    )
    value = tensor("value", (), types.FLOAT32, np.array(1, np.float32))
    operator(kinds.FILL, [count, value], [tensor("any", ())], "FillOptions")
    times = tensor("times", (3,), types.INT32, np.array([1, 50, 50], np.int32))
    operator(kinds.TILE, [frames, times], [tensor("wide", (1, 400, 2000))], "TileOptions")
    graph.inputs, graph.outputs, graph.name = [frames, state], [logits, following], b"main"
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("length", "said"), [(5, "moved its memory"), (-5, r"refuses it \(.*Fill dimensions")]
)
def test_a_network_that_fails_only_as_it_runs_is_refused(length: float, said: str) -> None:
    labels = ("_silence_", "_unknown_", *(f"word{n}" for n in range(318)))
    network = hostile_network(len(labels), length)
    streaming = StreamingContract(8, 8, "frames", "logits", (("s0", "n0"),))
    defaults = DetectorDefaults(0.1, 1.0, 1.0, dict.fromkeys(labels[2:], 0.5))
    metadata = Metadata("commands", labels, WORDS, streaming, defaults)
    with pytest.raises(ModelError, match=said):
        StreamingNetwork(ModelFile("hostile.tflite", network, metadata))


def test_frames_of_another_shape_are_refused(model):
    network = StreamingNetwork(model)
    with pytest.raises(ValueError, match="wanted"):
        network.step(np.zeros((1, WORDS.bands), np.float32))
