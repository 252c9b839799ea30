"""The word base: its stream is its window, and its weights come back out of its file."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws.errors import KwsError, ModelError
from kws.frontend import WORDS, YAMNET, log_mel
from kws.metadata import Metadata
from kws.modelfile import ModelFile, pack, parse_model, read_model
from kws.network import StreamingNetwork
from kws_training.networks.convert import convert
from kws_training.networks.streaming import Whole, step_model, whole_model
from kws_training.networks.word_base import (
    FEATURE_STRIDE,
    RESULT_STRIDE,
    SHAPE_KEY,
    BaseShape,
    WordBase,
)
from kws_training.networks.word_base import read_base as read

TINY = BaseShape(stem=4, width=8, features=12, fine=(3,), coarse=(5, 3), pool=3)
SHAPES = [BaseShape(), TINY, BaseShape(stem=2, width=8, features=8, fine=(), coarse=(), pool=1)]


@pytest.fixture(scope="module")
def content(tiny_base) -> ModelFile:
    return read_model(tiny_base)


@pytest.fixture(scope="module")
def base(tiny_base):
    return read(tiny_base)


@pytest.fixture(scope="module")
def sounds(make_word) -> np.ndarray:
    """Frames of made-up words and silence: a stream."""
    rng = np.random.default_rng(5)
    words = [make_word(kind, rng) for kind in ("rise", "shake", "fall", "rise")]
    frames = log_mel(np.concatenate([*words, np.zeros(8000, np.float32)]), WORDS)
    return frames[: len(frames) // RESULT_STRIDE * RESULT_STRIDE]


def test_batch_norm_is_put_beside_the_weights_again(base, sounds):
    """The network is the folded one, in training too, as long as it hears what it was told of."""
    network = WordBase(WORDS, len(base.model.metadata.labels), base.shape, dropout=0.0)
    length = base.shape.receptive_field + RESULT_STRIDE
    starts = np.arange(0, len(sounds) - length, 5)
    frames = sounds[starts[:, None] + np.arange(length)][:, :, None]
    network.unfold(base.weights, frames)
    model = whole_model(network, length, (1, WORDS.bands))
    expected = np.asarray(whole_model(base.network(), length, (1, WORDS.bands))(frames))
    assert np.abs(np.asarray(model(frames, training=False)) - expected).max() < 1e-4
    assert np.abs(np.asarray(model(frames, training=True)) - expected).max() < 1e-3
    assert sum("normalization" in layer.name for layer in model.layers) == 6


def test_a_bias_that_nothing_takes_is_refused(base):
    weights = [(kernel, bias.copy()) for kernel, bias in base.weights]
    weights[1][1][0] = 1.0  # of a depthwise convolution
    network = WordBase(WORDS, len(base.model.metadata.labels), base.shape)
    frames = np.zeros((2, base.shape.receptive_field, 1, WORDS.bands), np.float32)
    with pytest.raises(ValueError, match="convolution 1: a bias"):
        network.unfold(weights, frames)


@pytest.mark.parametrize("shape", SHAPES)
def test_stream_equals_whole_window(shape, randomize, stream):
    rng = np.random.default_rng(0)
    network = WordBase(WORDS, 7, shape)
    step = step_model(network, RESULT_STRIDE, (1, WORDS.bands))
    assert step.stride == RESULT_STRIDE
    assert shape.receptive_field == step.receptive_field == step.result_field
    length = shape.receptive_field + 3 * RESULT_STRIDE
    whole = whole_model(network, length, (1, WORDS.bands))
    randomize(whole, rng)
    lead = -length % RESULT_STRIDE
    frames = rng.uniform(WORDS.floor, WORDS.ceiling, (length + lead, 1, 40)).astype(np.float32)
    expected = np.asarray(whole(frames[None, lead:], training=False))[0]
    assert expected.shape == (4, 7)
    assert np.abs(stream(step, frames)[-4:] - expected).max() < 1e-4


def test_features_are_a_stream_too(base, stream, sounds):
    features = base.network().features
    step = step_model(features, FEATURE_STRIDE, (1, WORDS.bands))
    whole = np.asarray(features(sounds[None, -step.receptive_field - 40 :, None], Whole()))[0]
    assert whole.shape == (11, 1, base.shape.features)
    assert np.isfinite(whole).all()
    assert whole.min() >= 0
    assert np.ptp(whole, axis=0).max() > 0
    assert np.abs(stream(step, sounds[:, None])[-11:] - whole).max() < 1e-4


def run(network: bytes, metadata: Metadata, frames: np.ndarray) -> np.ndarray:
    device = StreamingNetwork(parse_model(pack(network, metadata), "test"))
    size = device.frames
    return np.concatenate(
        [device.step(frames[n : n + size]).copy() for n in range(0, len(frames), size)]
    )


def test_converted_to_float_it_gives_the_same(base, content, stream, sounds):
    step = step_model(base.network(), RESULT_STRIDE, (1, WORDS.bands))
    converted = convert(step, "float32", None)
    metadata = dataclasses.replace(content.metadata, streaming=converted.streaming)
    found = run(converted.network, metadata, sounds)
    # the device begins after endless silence, the step model here with zeros
    after = step.receptive_field // RESULT_STRIDE + 1
    assert np.abs(found - stream(step, sounds))[after:].max() < 1e-4


def test_weights_from_the_file_give_the_logits_of_the_file(base, content, stream, sounds):
    """The int8 file and the float network rebuilt from it: within 8-bit activations."""
    step = step_model(base.network(), RESULT_STRIDE, (1, WORDS.bands))
    after = step.receptive_field // RESULT_STRIDE + 1
    rebuilt = stream(step, sounds)[after:]
    device = run(content.network, content.metadata, sounds)[after:]
    spread = np.ptp(rebuilt)
    assert spread > 0.5
    # a step of int8 is 1/255 of the range of the logits; a few layers add up a few steps
    assert np.abs(device - rebuilt).max() < 0.08 * spread
    assert np.corrcoef(device.ravel(), rebuilt.ravel())[0, 1] > 0.995


def test_what_is_read(base, content):
    assert base.shape == BaseShape(4, 12, 16, (3,), (5, 5), 3)
    assert base.model.metadata == content.metadata
    assert len(base.weights) == 1 + 2 * 4 + 2
    assert all(np.isfinite(array).all() for pair in base.weights for array in pair)
    assert len(base.digest) == 64


def test_the_base_of_the_package():
    base = read()
    assert base.shape == BaseShape()
    assert len(base.model.network) < 300_000
    assert len(base.model.metadata.keywords) >= 20
    network = base.network()
    frames = np.full((1, 200, 1, WORDS.bands), WORDS.floor, np.float32)
    assert np.isfinite(np.asarray(network.features(frames, Whole()))).all()


def test_weights_for_other_labels(base):
    labels = ("_silence_", "_unknown_", "rise", "new")
    weights = base.weights_for(labels)
    known = base.model.metadata.labels
    for one, same in zip(weights[:-1], base.weights[:-1], strict=True):
        assert one is same
    kernel, bias = weights[-1]
    assert (kernel.shape, bias.shape) == ((1, 1, 16, 4), (4,))
    for number, label in enumerate(labels[:3]):
        assert (kernel[..., number] == base.weights[-1][0][..., known.index(label)]).all()
        assert bias[number] == base.weights[-1][1][known.index(label)]
    assert not kernel[..., 3].any()
    assert bias[3] == 0
    assert kernel.dtype == bias.dtype == np.float32


def test_ceiling_is_that_of_the_features(base, sounds):
    features = np.asarray(base.network().features(sounds[None, :, None], Whole()))
    assert 0.5 * features.max() < base.ceiling < 10 * features.max()


def test_load_takes_only_what_fits(base):
    network = base.network()
    with pytest.raises(ValueError, match="convolutions"):
        network.load(base.weights[:-1])


# --- foreign and damaged files ---


def refusal(path: Path) -> str:
    with pytest.raises(KwsError) as caught:
        read(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < 500
    return line


def with_shape(content: ModelFile, **change) -> bytes:
    values = {**content.metadata.provenance[SHAPE_KEY], **change}
    provenance = {**content.metadata.provenance, SHAPE_KEY: values}
    return pack(content.network, dataclasses.replace(content.metadata, provenance=provenance))


def test_files_that_are_no_word_base(content, tmp_path):
    from kws.packaged import packaged_model

    path = tmp_path / "other.tflite"
    path.write_bytes(b"no model")
    assert "not a TFLite model" in refusal(path)
    other = packaged_model()
    path.write_bytes(pack(other.network, dataclasses.replace(other.metadata, provenance={})))
    assert "is no word base: give a file that kws pretrain wrote" in refusal(path)
    metadata = dataclasses.replace(content.metadata, front_end=YAMNET)
    path.write_bytes(pack(content.network, metadata))
    assert "front end" in refusal(path)
    # another network under the provenance of a word base
    metadata = dataclasses.replace(other.metadata, provenance=content.metadata.provenance)
    path.write_bytes(pack(other.network, metadata))
    assert "its weights cannot be read" in refusal(path)
    path.write_bytes(pack(content.network, content.metadata)[:-400])
    refusal(path)
    refusal(tmp_path / "missing.tflite")


@pytest.mark.parametrize(
    "change",
    [
        {"width": 8},
        {"features": 17},
        {"stem": 6},
        {"pool": 4},
        {"fine": [5]},
        {"fine": []},
        {"coarse": [5]},
        {"coarse": [5, 5, 5]},
        {"width": 0},
        {"width": 10**9},
        {"width": -1},
        {"width": True},
        {"width": 1.5},
        {"width": "12"},
        {"width": [12]},
        {"width": None},
        {"fine": 3},
        {"fine": ["3"]},
        {"fine": [[3]]},
        {"coarse": [1] * 101},
        {"coarse": [0]},
        {"coarse": [512]},
        {"stem": 1},
        {"pool": 100},
        {"more": 1},
    ],
)
def test_shapes_that_do_not_fit(content, tmp_path, change):
    path = tmp_path / "base.tflite"
    path.write_bytes(with_shape(content, **change))
    refusal(path)


@pytest.mark.parametrize("value", [None, [], "x", 1, {}])
def test_shape_that_is_none(content, tmp_path, value):
    provenance = {**content.metadata.provenance, SHAPE_KEY: value}
    path = tmp_path / "base.tflite"
    metadata = dataclasses.replace(content.metadata, provenance=provenance)
    path.write_bytes(pack(content.network, metadata))
    assert "no word base" in refusal(path)


def test_labels_that_the_network_does_not_have(content, tmp_path):
    labels = (*content.metadata.labels, "more")
    metadata = dataclasses.replace(
        content.metadata,
        labels=labels,
        detector=dataclasses.replace(
            content.metadata.detector,
            thresholds={**content.metadata.detector.thresholds, "more": 0.5},
        ),
    )
    path = tmp_path / "base.tflite"
    path.write_bytes(pack(content.network, metadata))
    assert "wanted" in refusal(path)


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bytes_in_the_network(content, tmp_path, data):
    """Behind a digest that matches, whatever the bytes: weights that fit, or one line."""
    network = bytearray(content.network)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(8, len(network) - 1))
        network[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.tflite"
    path.write_bytes(pack(bytes(network), content.metadata))
    try:
        base = read(path)
    except ModelError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(str(path))
        assert len(str(error)) < 500
        return
    assert all(np.isfinite(array).all() for pair in base.weights for array in pair)
    assert [kernel.shape for kernel, _ in base.weights] == [
        (4, 1, 40, 12),
        (3, 1, 12, 1),
        (1, 1, 12, 12),
        (5, 1, 12, 1),
        (1, 1, 12, 16),
        (5, 1, 16, 1),
        (1, 1, 16, 16),
        (5, 1, 16, 1),
        (1, 1, 16, 16),
        (3, 1, 16, 1),
        (1, 1, 16, 5),
    ]


@pytest.mark.parametrize("most", [8, 9, 200])
def test_networks_cut_short(content, tmp_path, most):
    path = tmp_path / "cut.tflite"
    path.write_bytes(pack(content.network[:most], content.metadata))
    refusal(path)


def test_the_file_says_how_it_was_made(tiny_base):
    with zipfile.ZipFile(io.BytesIO(tiny_base.read_bytes())) as archive:
        provenance = json.loads(archive.read("kws.json"))["provenance"]
    assert provenance[SHAPE_KEY]["coarse"] == [5, 5]
    assert provenance["images"]["people"] > 200
    assert provenance["recipe"]["epochs"] == 12
