"""Phrases that were typed are found in a stream, with the score of all paths together."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.phonemes.graph import encode
from kws.phonemes.pronunciations import pronounce_phrase
from kws.phonemes.symbols import BLANK_INDEX
from kws.phonemes.viterbi import UNREACHED, log_posteriors
from kws.typed.matching import PhraseMatcher, PhraseScores
from kws.typed.model import typed_model

from ...phoneme_network import phoneme_model
from ..phonemes.synthetic import spoken
from ..phonemes.test_viterbi import SIGNS, logits_of

WORDS = st.lists(
    st.lists(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=2), min_size=1, max_size=2),
    min_size=1,
    max_size=2,
)


def phrase_of(words):
    return tuple(tuple(tuple(signs) for signs in word) for word in words)


def by_trying(phrase, scores):
    """Return the score of all alignments that say a phrase and end with the last frame."""
    wanted = {encode(itertools.chain.from_iterable(one)) for one in itertools.product(*phrase)}
    alphabet = [BLANK_INDEX, *encode(SIGNS)]
    found = []
    for first in range(len(scores)):
        for said in itertools.product(alphabet, repeat=len(scores) - first):
            if said[0] == BLANK_INDEX or said[-1] == BLANK_INDEX:
                continue
            if tuple(one for one, _ in itertools.groupby(said) if one != BLANK_INDEX) in wanted:
                found.append(sum(scores[first + n, one] for n, one in enumerate(said)))
    return np.logaddexp.reduce(found) if found else -math.inf


@given(WORDS, WORDS, st.integers(0, 10**6), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_the_score_is_that_of_trying_all(words, others, seed, frames):
    phrases = phrase_of(words), phrase_of(others)
    scores = log_posteriors(logits_of(seed, frames))
    followed = PhraseScores(phrases, "it.tflite")
    for frame in scores:
        followed.push(frame)
    for number, phrase in enumerate(phrases):
        each = [by_trying(tuple((w,) for w in one), scores) for one in itertools.product(*phrase)]
        if max(each) == -math.inf:
            assert followed.totals[number] < UNREACHED / 2
            continue
        # ways to say it that end with one node of the graph count together
        assert max(each) - 1e-3 <= followed.totals[number] <= by_trying(phrase, scores) + 1e-3
        assert 1 <= followed.ages[number] <= frames


def test_a_phrase_is_found_wherever_it_is_said():
    words = pronounce_phrase("good night")
    said = [sign for word in words for sign in word[0]]
    logits = np.concatenate(
        [spoken(["t", "ow", "m"], 1), spoken(said, 2, noise=0.5), spoken(["n", "ay"], 3)]
    )
    followed = PhraseScores((words,), "it.tflite")
    totals, ages = [], []
    for frame in log_posteriors(logits):
        followed.push(frame)
        totals.append(float(followed.totals[0]))
        ages.append(float(followed.ages[0]))
    best = int(np.argmax(totals))
    first = len(spoken(["t", "ow", "m"], 1)) + 10
    assert totals[best] > -0.5
    assert abs(best + 1 - ages[best] - first) <= 2  # a phoneme of two frames may begin with either
    assert sorted(totals)[-4] < -3


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(0, 30))
@settings(max_examples=25, deadline=None)
def test_steps_of_any_size_and_a_state_in_between_give_the_same(sizes, cut):
    model = typed_model(phoneme_model(), ["good night", "the light"])
    logits = spoken(["g", "uh", "d", "n", "ay", "t", "dh", "ax", "l", "ay", "t"], 5, noise=2.0)
    whole = PhraseMatcher(model).push(logits)
    matcher = PhraseMatcher(model)
    pieces, at = [], 0
    for size in [*sizes, len(logits)]:
        pieces.append(matcher.push(logits[at : at + size]))
        at += size
        if at >= cut:
            other = PhraseMatcher(model)
            other.state = matcher.state
            matcher, cut = other, len(logits)
    assert (np.concatenate(pieces) == whole).all()


def test_a_model_without_phrases_is_refused():
    with pytest.raises(Exception, match="has no phrases that were typed"):
        PhraseMatcher(phoneme_model())
