"""Some of a model's keywords: what the others say counts as unknown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.errors import ModelError
from kws.selection import Selection

LABELS = ("_silence_", "_unknown_", "down", "no", "up", "yes")


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_labels_keep_the_model_s_order():
    assert Selection(LABELS, ["yes", "no"], True).labels == ("_silence_", "_unknown_", "no", "yes")


def test_all_keywords_change_nothing():
    logits = np.random.default_rng(0).normal(0, 3, (5, 6)).astype(np.float32)
    np.testing.assert_allclose(Selection(LABELS, LABELS[2:], True)(logits), logits, atol=1e-6)


def test_a_word_that_is_not_selected_is_unknown():
    logits = np.zeros((1, 6), np.float32)
    logits[0, LABELS.index("up")] = 20
    selection = Selection(LABELS, ["yes", "no"], True)
    assert selection.labels[int(selection(logits)[0].argmax())] == "_unknown_"


def test_unknown_is_the_mean_of_likelihoods():
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4, 0.6, 0.5]], np.float32))
    selected = np.exp(Selection(LABELS, ["yes"], True)(logits))[0]
    np.testing.assert_allclose(selected, [0.1, (0.2 + 0.3 + 0.4 + 0.6) / 4, 0.5], rtol=1e-5)


@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=6, max_size=6),
    st.sets(st.sampled_from(LABELS[2:]), min_size=1),
)
def test_any_logits(values, keywords):
    selection = Selection(LABELS, sorted(keywords), True)
    out = softmax(selection(np.array([values], np.float32)))
    assert out.shape == (1, 2 + len(keywords))
    assert np.isfinite(out).all()
    assert out.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "keywords", "reason"),
    [
        (LABELS, ["maybe"], "is no keyword"),
        (LABELS, ["_unknown_"], "is no keyword"),
        (LABELS, [], "no keyword is selected"),
        (("_silence_", "no", "yes"), ["no"], "_unknown_"),
    ],
)
def test_refused(labels, keywords, reason):
    with pytest.raises(ModelError, match=reason):
        Selection(labels, keywords, True)


def test_wake_words_that_are_not_selected_are_left_out():
    selection = Selection(("one", "two", "three"), ["three", "one"], False)
    assert selection.labels == ("one", "three")
    np.testing.assert_array_equal(selection(np.array([[1, 2, 3]], np.float32)), [[1, 3]])
