"""The features of a word base as a further output of its network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.enrolment.enroll import base_model
from kws.errors import ModelError
from kws.frontend import open_front_end
from kws.modelfile import read_model
from kws.network import StreamingNetwork
from kws_training.networks.features_output import with_features
from kws_training.networks.word_base import read_base


def test_the_device_hears_what_the_base_hears():
    """In the stream on the device the features are those of the Keras network."""
    from kws_training.networks.streaming import whole_model

    base = base_model()
    rng = np.random.default_rng(0)
    samples = rng.normal(size=48000).astype(np.float32) * np.repeat(rng.random(48), 1000) * 0.1
    device = StreamingNetwork(base, features=True)
    frames = open_front_end(base.metadata.front_end, device.frames).push(samples.astype(np.float32))
    steps = range(0, len(frames) - device.frames + 1, device.frames)
    heard = np.concatenate([device.step(frames[at : at + device.frames]).copy() for at in steps])
    network = read_base().network()
    # so many frames that the last column of a window ends where the last step does
    window = frames[2 : len(heard) * 4]
    model = whole_model(network.features, len(window), (1, base.metadata.front_end.bands))
    wanted = np.asarray(model(window[None, :, None]))[0, :, 0]
    correlation = np.corrcoef(heard[-20:].ravel(), wanted[-20:].ravel())[0, 1]
    assert correlation > 0.97


def test_it_is_added_once_and_changes_nothing_else(tiny_base: Path):
    base = read_model(tiny_base)
    network = with_features(base.network)
    assert with_features(network) == network
    assert len(network) < len(base.network) + 200
    frames = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32) * 5
    plain, further = (
        StreamingNetwork(replace(base, network=one)) for one in (base.network, network)
    )
    for at in range(0, 40, plain.frames):
        step = frames[at : at + plain.frames]
        np.testing.assert_array_equal(plain.step(step), further.step(step))
    with pytest.raises(ModelError, match="gives no features: name a word base"):
        StreamingNetwork(base, features=True)
    features = StreamingNetwork(replace(base, network=network), features=True).step(frames[:8])
    assert features.shape == (2, 16)
