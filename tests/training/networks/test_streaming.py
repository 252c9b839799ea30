"""The stream equals the whole window, column by column (of heads: see test_extractors)."""

import numpy as np

from kws.frontend import WORDS, YAMNET
from kws_deploy.students import STRIDE, StudentShape, TemporalStudent
from kws_training.networks.extractor import YamnetTrunk
from kws_training.networks.streaming import step_model, whole_model
from kws_training.networks.yamnet_file import read_yamnet


def test_student(randomize, stream):
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
