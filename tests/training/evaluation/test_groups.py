"""Accuracy by group: the worst first, the small ones marked."""

from pathlib import Path

import pytest

from kws_training.data.dataset import Clip, DataError
from kws_training.evaluation.groups import check_column, columns_of, group_results, useful_columns
from kws_training.evaluation.results import ClipResult


def clip(label, speaker="anna", word=None, **columns):
    return Clip(Path(f"data/{label}/{speaker}.wav"), label, word or label, speaker, columns)


def result(said, heard, score=0.9, speaker="anna", **columns):
    return ClipResult(clip(said, speaker, **columns), heard, score)


def test_worst_group_first_and_few_are_marked():
    results = (
        [result("a", "a", speaker="good")] * 12
        + [result("a", "b", speaker="poor")] * 3
        + [result("a", "a", speaker="poor")] * 9
        + [result("a", "b", speaker="once")]
    )
    groups = group_results(results, "speaker")
    assert [group.group for group in groups] == ["once", "poor", "good"]
    assert [group.few for group in groups] == [True, False, False]
    assert groups[1].accuracy == 0.75
    assert groups[1].interval[0] < 0.75 < groups[1].interval[1]
    assert groups[1].to_dict()["clips"] == 12


def test_clips_without_a_value_are_a_group():
    results = [result("a", "a", room="hall"), result("a", "b")]
    assert [group.group for group in group_results(results, "room")] == ["", "hall"]


def test_speakers_that_nobody_knows_are_no_groups():
    unknown = Clip(Path("data/a/1.wav"), "a", "a", "a/1.wav")
    assert columns_of([unknown]) == ("word",)
    with pytest.raises(DataError, match="'speaker': there are word; --speaker-rule"):
        check_column([unknown], "speaker")
    groups = group_results([ClipResult(unknown, "a", 0.9), result("a", "a")], "speaker")
    assert {group.group for group in groups} == {"", "anna"}


def test_columns_that_there_are_are_listed():
    clips = [clip("a", room="hall", note=""), clip("a", device="phone")]
    assert columns_of(clips) == ("speaker", "word", "device", "room")
    check_column(clips, "room")
    with pytest.raises(DataError, match="'mood': there are speaker, word, device, room"):
        check_column(clips, "mood")


def test_useful_columns_are_those_with_large_groups():
    clips = [clip("a", "anna" if n % 2 else "ben", room="hall", serial=str(n)) for n in range(40)]
    assert useful_columns(clips) == ("speaker",)
    words = [clip("_unknown_", word="cat" if n % 2 else "dog") for n in range(40)]
    assert useful_columns(words) == ("word",)
    labels = [clip("a" if n % 2 else "b") for n in range(40)]
    assert useful_columns(labels) == ()  # the words are the labels
