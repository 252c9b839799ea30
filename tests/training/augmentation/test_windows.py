"""What each result of a window should be."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kws_training.augmentation.windows import NEITHER, WindowShape, window_targets

LABELS = ("_silence_", "_unknown_", "yes", "no")
SHAPE = WindowShape(receptive_field=100, stride=10, results=5)


def targets(first, last, label=2):
    return window_targets(SHAPE, np.array([first]), np.array([last]), np.array([label]), LABELS)[
        0
    ].tolist()


def test_a_word_inside_every_result_is_the_word_everywhere():
    assert targets(45, 95) == [2, 2, 2, 2, 2]


def test_a_word_that_enters_is_unknown_then_neither_then_the_word():
    # 40 frames; the results end after 100, 110, … frames and see 10, 20, 30, 40, 40 of them
    assert targets(90, 130) == [1, 1, NEITHER, 2, 2]


def test_a_word_that_leaves():
    assert targets(0, 40) == [2, NEITHER, 1, 1, 0]


def test_no_word_is_silence():
    assert targets(200, 240) == [0] * 5
    assert targets(45, 95, label=0) == [0] * 5


@given(st.integers(-200, 300), st.integers(1, 200), st.sampled_from([1, 2, 3]))
def test_targets_are_the_word_only_where_it_is_seen(first, length, label):
    for number, target in enumerate(targets(first, first + length, label)):
        start = number * SHAPE.stride
        seen = min(start + 100, first + length) - max(start, first)
        if target == label and label != 1:
            assert seen >= 0.95 * length
        if target == 0:
            assert seen <= 0.02 * length
