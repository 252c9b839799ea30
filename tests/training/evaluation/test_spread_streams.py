"""A stream in pieces that several workers hear: the scores of one that hears it all."""

from dataclasses import replace

import numpy as np
import pytest

from kws import gating
from kws.calibration.scores import trace_blocks
from kws.micro_frontend import MicroConfig
from kws.packaged import packaged_model
from kws_training.evaluation import spread_streams
from kws_training.evaluation.blocks import NegativeBlock
from kws_training.evaluation.conditions import CLEAN, RATE, Condition
from kws_training.evaluation.evaluate import open_model
from kws_training.evaluation.spread_streams import LongMemoryError, SpreadStream, pieces
from kws_training.spreading.workers import Workers


class Here(Workers):
    """Does the work of several in this process."""

    alone = False

    def spread(self, task, items, total=None, what="", at_once=1):
        return map(task, items)


@pytest.fixture(scope="module")
def blocks():
    """Words, noise and silence of all lengths, one longer than a piece."""
    rng = np.random.default_rng(1)
    audio = [rng.normal(0, 0.1, round(RATE * s)).astype(np.float32) for s in (0.3, 12.0, 2.2, 0.01)]
    audio += [np.zeros(RATE, np.float32), np.sin(np.arange(3 * RATE) / 20).astype(np.float32) / 2]
    return [
        NegativeBlock((7, number), 0, samples, gap=RATE // 2)
        for number, samples in enumerate(audio)
    ]


@pytest.mark.parametrize("name", ["commands", "computer"])
@pytest.mark.parametrize("seconds", [0.5, 3.0, 1000.0])
def test_scores_are_those_of_one(name, seconds, blocks, monkeypatch):
    monkeypatch.setattr(spread_streams, "PIECE_SECONDS", seconds)
    model = packaged_model(name)
    spotter = open_model(model)
    condition = Condition(snr=10.0)
    alone = trace_blocks(spotter, (block.heard(condition) for block in blocks))
    spread = SpreadStream(model, None, Here()).trace(spotter, blocks, condition)
    np.testing.assert_array_equal(spread.scores, alone.scores)
    assert (spread.seconds, spread.column_seconds) == (alone.seconds, alone.column_seconds)
    assert spread.exclusive == alone.exclusive


def test_nothing_to_hear_ends_all_the_same():
    model = packaged_model("computer")
    spotter = open_model(model)
    spread = SpreadStream(model, None, Here()).trace(spotter, [], CLEAN)
    np.testing.assert_array_equal(spread.scores, trace_blocks(spotter, []).scores)


def test_a_model_that_remembers_more_is_noticed(blocks, monkeypatch):
    monkeypatch.setattr(spread_streams, "PIECE_SECONDS", 1.0)
    monkeypatch.setattr(gating, "MEMORY", 0)
    model = packaged_model("computer")
    with pytest.raises(LongMemoryError):
        SpreadStream(model, None, Here()).trace(open_model(model), blocks, CLEAN)


def test_pieces_begin_with_steps_of_the_network(blocks):
    metadata = packaged_model("commands").metadata
    step = metadata.streaming.frames * metadata.front_end.hop
    cut = list(pieces(blocks * 40, metadata))
    at = 0
    for piece in cut:
        before = sum(map(len, piece.before))
        assert (at - before + piece.skipped) % step == 0
        at += sum(map(len, piece.blocks))
    assert len(cut) > 1
    assert [piece.last for piece in cut] == [False] * (len(cut) - 1) + [True]
    assert at == 40 * sum(map(len, blocks))


def test_models_that_never_forget_are_heard_by_one():
    metadata = packaged_model("commands").metadata
    assert spread_streams.forgets(metadata)
    assert not spread_streams.forgets(replace(metadata, phrases=object()))
    assert not spread_streams.forgets(replace(metadata, front_end=MicroConfig()))
