"""Kinds of negatives, by their folders."""

from pathlib import Path

import pytest

from kws_training.data.dataset import Clip
from kws_training.wake_words.kinds import OTHERS, hours_by_kind, kinds_of


def kinds(**hours):
    """Kinds of one recording in each folder, as long as said; ``_`` stands for ``/``."""
    clips = [Clip(Path("/d", *name.split("_"), "x.wav"), "_unknown_", "", "") for name in hours]
    return kinds_of(clips, list(hours.values()))


def test_kinds_are_the_folders_below_what_holds_them_all():
    assert kinds(a=0.2, a_deep=0.2, b=0.2) == ["a", "a", "b"]


def test_a_folder_of_long_folders_is_several_kinds():
    found = kinds(speech_orders=0.7, speech_calls=0.2, words_yes=0.09, words_no=0.3, other=1.0)
    assert found == ["speech/orders", "speech/calls", "words", "words", "other"]


def test_of_a_minute_nothing_can_be_told():
    assert kinds(a=0.06, b=0.2, c=0.06) == [OTHERS, "b", OTHERS]
    assert kinds(a=0.01, b=0.2, c=0.02, d=0.3) == ["d", "b", "d", "d"]
    assert kinds(a=0.01, b=0.02) == [OTHERS, OTHERS]


def test_one_folder_is_one_kind():
    clips = [Clip(Path(f"/d/a/{name}.wav"), "_unknown_", "", "") for name in "xy"]
    assert kinds_of(clips, [0.01, 0.01]) == ["a", "a"]
    assert kinds_of([], []) == []


def test_hours_by_kind():
    assert list(hours_by_kind(["b", "a", "b"], [0.1, 0.2, 0.3]).items()) == [
        ("a", 0.2),
        ("b", pytest.approx(0.4)),
    ]
