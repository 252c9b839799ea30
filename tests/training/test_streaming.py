"""The stream equals the whole window, column by column."""

import numpy as np
import pytest

from kws.frontend import WORDS, YAMNET
from kws_deploy.students import STRIDE, StudentShape, TemporalStudent
from kws_training.extractor import YamnetTrunk
from kws_training.head import ConvolutionalHead
from kws_training.streaming import step_model, whole_model
from kws_training.yamnet_file import read_yamnet


def randomize(model, rng):
    """Give batch norms statistics that are not 0 and 1."""
    for variable in model.weights:
        if "moving_mean" in variable.path or "beta" in variable.path:
            variable.assign(rng.normal(0, 0.3, variable.shape))
        elif "moving_variance" in variable.path:
            variable.assign(rng.uniform(0.5, 2.0, variable.shape))


def stream(step, frames):
    """Run the step model over frames from zero states; the results and their states."""
    states = [np.zeros(state.shape, np.float32) for state in step.model.inputs[1:]]
    results = []
    for start in range(0, len(frames), step.frames):
        inputs = frames[None, start : start + step.frames].reshape(step.model.inputs[0].shape)
        result, *states = map(np.asarray, step.model([inputs, *states], training=False))
        results.append(result[0])
    return np.concatenate(results)


@pytest.mark.parametrize("tap", [1, 4, 6, 7, 14])
def test_tapped_yamnet_with_head(made_yamnet, tap):
    rng = np.random.default_rng(tap)
    trunk = YamnetTrunk(read_yamnet(made_yamnet), tap)
    head = ConvolutionalHead(5, trunk.frequencies, squeeze=8, width=8, pool=3)

    def network(x, time):
        return head(trunk(x, time), time)

    step = step_model(network, max(8, trunk.stride), trunk.shape)
    count = step.receptive_field // step.frames + 4
    lead = -step.receptive_field % step.frames  # the stream's steps end with the window
    length = step.receptive_field + 3 * step.frames
    whole = whole_model(network, length, trunk.shape)
    randomize(whole, rng)
    frames = rng.uniform(-6, 2, (count * step.frames + step.frames, 64, 1)).astype(np.float32)
    frames = frames[: (length + lead) // step.frames * step.frames]
    expected = np.asarray(whole(frames[None, -length:], training=False))[0]
    found = stream(step, frames)[-len(expected) :]
    assert len(expected) == 4 * step.frames // step.stride
    assert np.abs(found - expected).max() < 1e-4 * max(1, np.abs(expected).max())


def test_student():
    rng = np.random.default_rng(0)
    network = TemporalStudent(WORDS, 12, StudentShape(width=16))
    step = step_model(network, STRIDE, (1, WORDS.bands))
    assert step.stride == STRIDE
    length = step.receptive_field + 5 * STRIDE
    whole = whole_model(network, length, (1, WORDS.bands))
    randomize(whole, rng)
    lead = -length % STRIDE
    frames = rng.uniform(WORDS.floor, WORDS.ceiling, (length + lead, 40)).astype(np.float32)
    expected = np.asarray(whole(frames[None, lead:, None], training=False))[0]
    assert expected.shape == (6, 12)
    assert np.abs(stream(step, frames)[-6:] - expected).max() < 1e-4


def test_frames_and_frequencies_of_every_tap(made_yamnet):
    weights = read_yamnet(made_yamnet)
    for tap, stride, channels in ((1, 2, 32), (3, 4, 128), (6, 8, 256), (12, 16, 512),
                                  (14, 32, 1024)):  # fmt: skip
        trunk = YamnetTrunk(weights, tap)
        step = step_model(trunk, 32, trunk.shape)
        assert trunk.stride == step.stride == stride
        assert step.model.outputs[0].shape == (1, 32 // stride, 64 // stride, channels)
    assert YAMNET.bands == 64
