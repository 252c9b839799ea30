"""The stream equals the whole window, column by column (of students: tests/deploy)."""

from kws.frontend import YAMNET
from kws_training.networks.extractor import YamnetTrunk
from kws_training.networks.streaming import step_model
from kws_training.networks.yamnet_file import read_yamnet


def test_frames_and_frequencies_of_every_tap(made_yamnet):
    weights = read_yamnet(made_yamnet)
    for tap, stride, channels in (
        (1, 2, 32),
        (3, 4, 128),
        (6, 8, 256),
        (12, 16, 512),
        (14, 32, 1024),
    ):
        trunk = YamnetTrunk(weights, tap)
        step = step_model(trunk, 32, trunk.shape)
        assert trunk.stride == step.stride == stride
        assert step.model.outputs[0].shape == (1, 32 // stride, 64 // stride, channels)
    assert YAMNET.bands == 64
