"""Streams that are heard in pieces, by one process or several: as if one had heard them whole."""

from dataclasses import replace

import numpy as np
import pytest

from kws.frontend import WORDS
from kws_training.networks.word_base import read_base
from kws_training.spreading.workers import Workers
from kws_training.wake_words import listening
from kws_training.wake_words.listening import (
    Listener,
    NetworkPlan,
    SpreadListening,
    frame_pieces,
    listen_alone,
    negative_traces,
)
from kws_training.wake_words.network import WakeShape

from ...two_stages import two_stage_model, wake_word_model

SHAPE = WakeShape(width=12, fine=(3,), coarse=(3,), pool=2, dropout=0.0)


def recordings(seed, count=12):
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 255, (int(rng.integers(50, 400)), WORDS.bands), np.uint8)
        for _ in range(count)
    ]


@pytest.mark.parametrize("make", [wake_word_model, two_stage_model])
def test_pieces_are_the_stream(make, monkeypatch):
    model = make()
    (whole,) = negative_traces(model, recordings(1))
    monkeypatch.setattr(listening, "PIECE_FRAMES", 300)
    assert len(list(frame_pieces(model, recordings(1)))) > 5
    (trace,) = negative_traces(model, recordings(1))
    np.testing.assert_array_equal(trace.scores, whole.scores)
    assert (trace.column_seconds, trace.seconds) == (whole.column_seconds, whole.seconds)
    assert negative_traces(model, []) == []


def test_what_fills_no_step_has_no_scores():
    model = wake_word_model()
    (trace,) = negative_traces(
        model, [np.zeros((model.metadata.streaming.frames - 1, 40), np.uint8)]
    )
    assert trace.scores.shape == (0, len(model.metadata.labels))


def test_several_hear_as_one(tiny_base):
    """Weights that were changed go to the workers, as do those of the base."""
    plan = NetworkPlan(read_base(tiny_base), 2, SHAPE)
    network = plan.network()
    model = plan.model(network)
    rng = np.random.default_rng(0)
    model.set_weights([one + 0.1 * rng.random(one.shape) for one in model.get_weights()])
    images = np.concatenate([recordings(2, 40)[0]] * 150)
    pieces = list(Listener(network, WORDS.bands).pieces(images))
    assert len(pieces) > 1
    expected = listen_alone(network, images)
    rebuilt = plan.loaded(model.get_weights())
    np.testing.assert_array_equal(listen_alone(rebuilt, images), expected)
    with Workers() as alone:
        found = SpreadListening(plan, alone)(network, images)
    np.testing.assert_array_equal(found, expected)
    assert expected.shape == (len(images) // 8, 2)
    other = replace(plan, shape=replace(SHAPE, width=8)).network()
    assert listen_alone(other, images).shape == expected.shape


@pytest.mark.slow
def test_workers_hear_with_the_network_in_training(tiny_base):
    plan = NetworkPlan(read_base(tiny_base), 1, SHAPE)
    network = plan.network()
    images = np.concatenate(recordings(3, 300))
    with Workers(2) as workers:
        found = SpreadListening(plan, workers)(network, images)
    np.testing.assert_allclose(found, listen_alone(network, images), atol=1e-5)
