"""Many windows at once are what the device's stream gives of each."""

from importlib import resources

import numpy as np
import pytest

from kws.errors import ModelError
from kws.frontend import WORDS
from kws.modelfile import read_model
from kws.network import StreamingNetwork
from kws.selection import Selection
from kws_deploy.distillation.teachers import FrameTeacher, softened

MODELS = resources.files("kws") / "models"


def windows(count, frames):
    rng = np.random.default_rng(0)
    levels = np.cumsum(rng.normal(0, 0.7, (count, frames, 1, WORDS.bands)), axis=1)
    return levels.clip(WORDS.floor, WORDS.ceiling).astype(np.float32)


@pytest.mark.parametrize("name", ["commands.tflite", "words.tflite"])
def test_as_the_stream_judges(name):
    model = read_model(str(MODELS / name))
    keywords = ("yes", "stop")
    labels = ("yes", "stop", "_silence_", "_unknown_")  # in an order of its own
    frames = windows(3, 80)
    found = FrameTeacher(model, labels, 3, 80).logits(frames)
    assert found.shape == (3, 10, 4)
    network = StreamingNetwork(model)
    selection = Selection(model.metadata.labels, keywords, True)
    for number, window in enumerate(frames):
        network.reset()
        steps = window[:, 0].reshape(-1, network.frames, WORDS.bands)
        expected = selection(np.concatenate([network.step(step).copy() for step in steps]))
        order = [selection.labels.index(label) for label in labels]
        assert np.array_equal(found[number], expected[:, order])


@pytest.mark.parametrize("frames", [154, 130, 80])
def test_the_last_result_ends_with_the_last_frame(frames):
    """As the student's does; windows are no multiple of a step."""
    model = read_model(str(MODELS / "words.tflite"))
    labels = model.metadata.labels
    network = StreamingNetwork(model)
    window = windows(1, frames)
    late = frames % network.frames
    expected = [
        network.step(window[0, at : at + network.frames, 0])
        for at in range(late, frames, network.frames)
    ]
    found = FrameTeacher(model, labels, 1, frames).logits(window)
    assert np.array_equal(found[0], np.concatenate(expected))


def test_all_labels_and_one_that_is_missing():
    model = read_model(str(MODELS / "commands.tflite"))
    labels = model.metadata.labels
    assert FrameTeacher(model, labels, 2, 16).logits(windows(2, 16)).shape == (2, 2, 12)
    with pytest.raises(ModelError, match="must know maybe"):
        FrameTeacher(model, (*labels, "maybe"), 2, 16)


def test_softened_is_the_mean_of_softmax():
    first, second = np.array([[2.0, 0.0]]), np.array([[0.0, 0.0]])
    one = 1 / (1 + np.exp(-1))
    expected = [[(one + 0.5) / 2, (1.5 - one) / 2]]
    assert softened([first, second], 2.0) == pytest.approx(np.array(expected))
    assert softened([first * 1e4], 1.0) == pytest.approx(np.array([[1.0, 0.0]]))
