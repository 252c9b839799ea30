"""Pruning leaves out what carries nothing, and only that."""

from importlib import resources

import numpy as np
import pytest

from kws.errors import KwsError
from kws.frontend import WORDS
from kws_deploy.pruning import prune
from kws_training.networks.streaming import whole_model
from kws_training.networks.word_base import Base, BaseShape, WordBase, read_base

SHAPE = BaseShape(width=12, features=16, coarse=(5, 5))


def outputs(network, frames):
    whole = whole_model(network, frames.shape[1], (1, WORDS.bands))
    return np.asarray(whole(frames, training=False))


def test_channels_that_are_zero_go_first_and_nothing_changes():
    rng = np.random.default_rng(0)
    model = read_base().model
    labels = len(model.metadata.labels)
    network = WordBase(WORDS, labels, SHAPE, folded=True)
    frames = rng.uniform(WORDS.floor, WORDS.ceiling, (2, 200, 1, WORDS.bands)).astype(np.float32)
    outputs(network, frames)
    weights = []
    for layer in network.layers() + network._convolutions.layers[-2:]:
        kernel, bias = layer.get_weights()
        weights.append(
            (
                rng.normal(0, 0.2, kernel.shape).astype(np.float32),
                rng.normal(0, 0.2, bias.shape).astype(np.float32),
            )
        )
    dead = {12: [1, 5, 6, 11], 16: [0, 3, 4, 15]}
    for kernel, bias in weights:
        for size, channels in dead.items():
            if kernel.shape[2] == size:
                kernel[:, :, channels] = 0
            if kernel.shape[3] == size:
                kernel[..., channels] = 0
            if bias.shape[0] == size:
                bias[channels] = 0
    network.load(weights)
    expected = outputs(network, frames)
    pruned = prune(Base(model, SHAPE, weights, "", None), 0.6)
    assert pruned.shape == BaseShape(width=8, features=12, coarse=(5, 5))
    found = outputs(pruned.network(labels), frames)
    # 12 of 16 channels are kept: all 12 that live
    assert np.ptp(expected) > 1e-2
    assert np.abs(found - expected).max() < 1e-4 * np.ptp(expected)


def test_the_word_base_becomes_smaller():
    base = read_base()
    pruned = prune(base, 0.5)
    assert (pruned.shape.width, pruned.shape.features) == (48, 80)
    assert pruned.to_dict()["name"] == "pruned-48-80"
    frames = np.full((1, 200, 1, WORDS.bands), WORDS.silence, np.float32)
    network = pruned.network(len(base.model.metadata.labels))
    assert np.isfinite(outputs(network, frames)).all()


@pytest.mark.parametrize("keep", [-1, 0, 0.99, 1, 2, float("nan")])
def test_nothing_to_prune(keep):
    with pytest.raises(KwsError, match="--keep"):
        prune(read_base(), keep)


def test_commands_of_the_package_can_be_pruned():
    model = resources.files("kws") / "models" / "commands.tflite"
    assert prune(read_base(model), 0.5).shape.width < read_base(model).shape.width
