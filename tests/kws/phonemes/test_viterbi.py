"""The best path is the one that trying out every path finds."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.phonemes.graph import encode, graph_of
from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS
from kws.phonemes.viterbi import LOWEST, UtteranceDecoder, relative

from .synthetic import spoken

SIGNS = ("n", "ow", "t")
STRINGS = st.lists(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=3), min_size=1, max_size=4)


def logits_of(seed: int, frames: int) -> np.ndarray:
    """Return logits in which only the blank and `SIGNS` matter."""
    random = np.random.default_rng(seed)
    logits = np.full((frames, len(OUTPUTS)), -30, np.float32)
    logits[:, [BLANK_INDEX, *encode(SIGNS)]] = random.normal(0, 2, (frames, 1 + len(SIGNS)))
    return logits


def by_trying(strings, scores, outside=math.inf):
    """Return the best score of all alignments."""
    wanted = {encode(string) for string in strings}
    alphabet = [BLANK_INDEX, *encode(SIGNS)]
    frames = len(scores)
    best = -math.inf
    around = np.maximum(scores[:, BLANK_INDEX], -outside)
    for first in range(frames):
        for last in range(first, frames):
            for said in itertools.product(alphabet, repeat=last - first + 1):
                if said[0] == BLANK_INDEX or said[-1] == BLANK_INDEX:
                    continue
                string = tuple(one for one, _ in itertools.groupby(said) if one != BLANK_INDEX)
                if string in wanted:
                    score = sum(scores[first + n, one] for n, one in enumerate(said))
                    score += around[:first].sum() + around[last + 1 :].sum()
                    best = max(best, float(score))
    return best


@given(STRINGS, st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([math.inf, 0.0, 0.7]))
@settings(max_examples=60, deadline=None)
def test_the_best_path_is_that_of_trying_all(strings, seed, frames, outside):
    scores = relative(logits_of(seed, frames))
    decoder = UtteranceDecoder(graph_of(strings), outside=outside)
    decoder.push(scores)
    found = decoder.best()
    score = by_trying(strings, scores, outside)
    if found is None:
        assert score == -math.inf
        return
    assert found.score == pytest.approx(score, abs=1e-4)
    assert tuple(found.labels.tolist()) in {encode(one) for one in strings}
    assert all(first <= last for first, last in zip(found.first, found.last, strict=True))
    assert (found.first[1:] > found.last[:-1]).all()
    # the path costs what it says it costs; how many blanks belong to its end is its own affair
    around = np.maximum(scores[:, BLANK_INDEX], -outside)
    total = found.scores.sum() + around[: found.first[0]].sum()
    rest = [total + around[end:].sum() for end in range(found.last[-1] + 1, frames + 1)]
    assert min(abs(one - score) for one in rest) < 1e-4


@given(st.integers(0, 10**6), st.lists(st.integers(0, 7), max_size=20))
@settings(max_examples=40, deadline=None)
def test_chunks_of_any_size_give_the_same(seed, sizes):
    said = ["n", "ow", "ow", "t", "n"]
    scores = relative(spoken(said, seed, noise=3.0, margin=3.0))
    graph = graph_of([said, ["n", "t", "ow"], ["ow", "n"]])
    whole, pieces = UtteranceDecoder(graph), UtteranceDecoder(graph)
    pieces.push(relative(spoken(["t"], seed)))
    pieces.reset()  # nothing is left of an utterance before
    whole.push(scores)
    at = 0
    for size in [*sizes, len(scores)]:
        pieces.push(scores[at : at + size])
        at += size
    one, other = whole.best(), pieces.best()
    assert one is not None
    assert other is not None
    assert one.score == other.score
    for name in ("labels", "nodes", "first", "last", "scores"):
        assert (getattr(one, name) == getattr(other, name)).all()


def test_what_was_said_is_found_with_its_times():
    said = ["n", "ow", "ow", "t"]  # the same phoneme twice has a blank between
    logits = spoken(said, seed=4, noise=0.3)
    decoder = UtteranceDecoder(graph_of([said, ["n", "ow", "t"], ["t"]]))
    decoder.push(relative(logits))
    path = decoder.best()
    assert path is not None
    assert tuple(path.labels.tolist()) == encode(said)
    assert path.score == 0.0
    assert decoder.ended
    best = logits[:, :-1].argmax(axis=1)
    for label, first, last in zip(path.labels, path.first, path.last, strict=True):
        assert (best[first : last + 1] == label).all()


def test_what_may_go_on_has_not_ended():
    decoder = UtteranceDecoder(graph_of([["n", "ow"], ["n", "ow", "t"]]))
    assert not decoder.ended
    assert decoder.best() is None
    decoder.push(relative(spoken(["n", "ow"], noise=0.3)))
    assert decoder.best() is not None
    assert not decoder.ended  # a t may come
    decoder.reset()
    decoder.push(relative(spoken(["n", "ow", "t"], noise=0.3)))
    assert decoder.ended
    assert decoder.ended_score == decoder.best_score == 0.0


def test_an_utterance_is_bounded():
    decoder = UtteranceDecoder(graph_of([["n"]]), longest=30)
    scores = relative(spoken(["n"], before=30))
    decoder.push(scores[:30])
    assert decoder.full
    with pytest.raises(ValueError, match="at most 30 frames"):
        decoder.push(scores[:1])
    decoder.reset()
    decoder.push(scores[:1])


def test_numbers_that_are_none_count_as_the_worst():
    logits = spoken(["n", "ow"])
    logits[3] = np.nan
    logits[4, 5] = -np.inf
    logits[5, 6] = np.inf
    with np.errstate(invalid="ignore"):
        scores = relative(logits)
    assert np.isfinite(scores).all()
    assert scores.min() >= LOWEST
    assert scores.max() <= 0
