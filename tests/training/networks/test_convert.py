"""From Keras to TFLite: the same numbers, states that fit, a file that is small."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from kws.frontend import WORDS
from kws.metadata import DetectorDefaults, Metadata
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork, interpreter_class
from kws_training.networks.convert import ConversionError, convert
from kws_training.networks.streaming import step_model
from kws_training.networks.word_base import RESULT_STRIDE as STRIDE
from kws_training.networks.word_base import BaseShape, WordBase

LABELS = ("_silence_", "_unknown_", "yes", "no")


@pytest.fixture(scope="module")
def step():
    import keras

    keras.utils.set_random_seed(0)
    return step_model(
        WordBase(WORDS, len(LABELS), BaseShape(width=16, features=16)), STRIDE, (1, WORDS.bands)
    )


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    steps = rng.uniform(WORDS.floor, WORDS.ceiling, (3, 40 * STRIDE, WORDS.bands))
    return steps.astype(np.float32)


def load(converted) -> StreamingNetwork:
    defaults = DetectorDefaults(0.24, 1.0, 1.0, {"yes": 0.5, "no": 0.5})
    metadata = Metadata("commands", LABELS, WORDS, converted.streaming, defaults)
    return StreamingNetwork(ModelFile("converted", converted.network, metadata))


def run(network, frames):
    network.reset()
    return np.concatenate(
        [network.step(frames[n : n + STRIDE]).copy() for n in range(0, len(frames), STRIDE)]
    )


@pytest.fixture(scope="module")
def converted(step, frames):
    return {name: convert(step, name, frames[:2]) for name in ("float32", "int8")}


def test_float_is_the_keras_model(step, frames, converted):
    found = run(load(converted["float32"]), frames[2])
    silence = np.full((step.receptive_field // STRIDE + 1, STRIDE, WORDS.bands), WORDS.silence)
    states = [np.zeros(state.shape, np.float32) for state in step.model.inputs[1:]]
    expected = []
    for columns in np.concatenate([silence, frames[2].reshape(-1, STRIDE, WORDS.bands)]):
        inputs = columns.reshape(step.model.inputs[0].shape).astype(np.float32)
        result, *states = map(np.asarray, step.model([inputs, *states], training=False))
        expected.append(result[0])
    expected = np.concatenate(expected)[-len(found) :]
    assert np.abs(found - expected).max() < 1e-4


def test_int8_is_near_float_and_a_third_of_its_size(frames, converted):
    found, expected = (run(load(converted[name]), frames[2]) for name in ("int8", "float32"))
    # an untrained network on noise: its logits hardly differ, so this is the hardest case
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
    assert len(converted["int8"].network) < len(converted["float32"].network)


def test_one_invocation_of_many_steps_is_the_stream(frames, converted):
    """The whole clip, by the plain interpreter: the same file, its input resized."""
    content = converted["int8"].network
    contract = converted["int8"].streaming
    network = load(converted["int8"])
    stepwise = run(network, frames[2])
    interpreter = interpreter_class()(model_content=content)
    inputs = {tensor["name"]: tensor for tensor in interpreter.get_input_details()}
    output = next(
        t["index"] for t in interpreter.get_output_details() if t["name"] == contract.output
    )
    details = inputs[contract.input]
    interpreter.resize_tensor_input(details["index"], [1, len(frames[2]), 1, WORDS.bands])
    interpreter.allocate_tensors()
    scale, zero = details["quantization"]
    whole = np.clip(np.rint(frames[2] / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(details["index"], whole.reshape(1, -1, 1, WORDS.bands))
    for (before, _), value in zip(contract.states, network._silence, strict=True):
        interpreter.set_tensor(inputs[before]["index"], value)
    interpreter.invoke()
    logits = interpreter.get_tensor(output)[0].astype(np.float32)
    scale, zero = interpreter.get_output_details()[0]["quantization"]
    for tensor in interpreter.get_output_details():
        if tensor["name"] == contract.output:
            scale, zero = tensor["quantization"]
    assert np.abs((logits - zero) * scale - stepwise).max() <= scale * 1.001


def test_names_are_short_and_nothing_else_is_named(converted):
    interpreter = interpreter_class()(model_content=converted["int8"].network)
    names = [tensor["name"] for tensor in interpreter.get_input_details()]
    assert "frames" in names
    assert all(name == "frames" or name.startswith("state_") for name in names)
    assert len(converted["int8"].network) < 40_000


def test_int8_needs_calibration(step):
    with pytest.raises(ConversionError, match="calibrate"):
        convert(step, "int8", None)


@pytest.fixture
def full(tmp_path, monkeypatch):
    """A temporary folder that nothing can be written to."""
    path = tmp_path / "full"
    path.touch()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def test_a_full_temporary_folder_loses_no_training(step, frames, converted, full, monkeypatch):
    monkeypatch.setenv("KWS_CACHE", str(full.parent / "cache"))
    assert convert(step, "int8", frames[:2]).network == converted["int8"].network
    assert tempfile.tempdir == str(full)
    assert list((full.parent / "cache").iterdir()) == []


def test_no_room_for_the_converter_is_said(step, frames, full, monkeypatch):
    monkeypatch.setenv("KWS_CACHE", str(full))
    monkeypatch.setattr(Path, "cwd", lambda: full)
    with pytest.raises(ConversionError, match=r"no room for .* MB of the converter's files") as one:
        convert(step, "int8", frames[:2])
    assert "TMPDIR" in str(one.value)
    assert "\n" not in str(one.value)
