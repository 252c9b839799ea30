"""Figures of clips, against cases that can be counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws_training.data.dataset import Clip, DataError, Skipped
from kws_training.evaluation.evaluate import count_results, judge_clips, known_clips
from kws_training.evaluation.groups import check_column, columns_of, group_results, useful_columns
from kws_training.evaluation.results import ClipResult


def clip(label, speaker="anna", word=None, **columns):
    return Clip(Path(f"data/{label}/{speaker}.wav"), label, word or label, speaker, columns)


def result(said, heard, score=0.9, speaker="anna", **columns):
    return ClipResult(clip(said, speaker, **columns), heard, score)


def test_clips_through_the_model_in_the_package():
    spotter = KeywordSpotter.default()
    rng = np.random.default_rng(0)
    audio = [rng.integers(-300, 300, 16000).astype(np.int16) for _ in range(4)]
    clips = [
        Clip(Path(str(n)), label, label, str(n))
        for n, label in enumerate(["_silence_", "_silence_", "_silence_", "yes"])
    ]
    skipped = [Skipped(Path("bad.wav"), "is empty")]
    report = judge_clips(spotter, clips, audio, skipped, lambda numbers, *_: numbers)
    assert report.clips == 4
    labels = [figures.label for figures in report.classes]
    assert sum(map(sum, report.confusion)) == 4
    assert report.confusion[labels.index("yes")][labels.index("yes")] == 0  # it is noise
    assert report.to_dict()["skipped"] == [{"file": "bad.wav", "reason": "is empty"}]
    assert [one.clip for one in report.results] == clips
    yes = report.results[3]
    assert not yes.right
    assert 1 / 12 <= yes.score <= 1
    assert yes.heard == spotter.classify(audio[3]).label


def test_counts_by_hand():
    results = [result("yes", "yes"), result("yes", "no"), result("no", "no"), result("no", "no")]
    report = count_results(results, ("_silence_", "no", "yes"), [])
    assert report.accuracy == 0.75
    assert [one.label for one in report.classes] == ["no", "yes"]
    assert report.confusion == ((2, 0), (1, 1))
    no, yes = report.classes
    assert (no.precision, no.recall, no.clips) == (2 / 3, 1.0, 2)
    assert (yes.precision, yes.recall, yes.clips) == (1.0, 0.5, 2)
    assert yes.recall_interval[0] < 0.5 < yes.recall_interval[1]
    assert report.interval[0] < 0.75 < report.interval[1]


def test_a_label_that_is_heard_but_never_said_has_a_row():
    report = count_results([result("yes", "no")], ("no", "yes"), [])
    assert report.confusion == ((0, 0), (1, 0))
    assert report.classes[0].clips == 0


def test_surest_mistake_comes_first():
    results = [result("a", "b", 0.5), result("a", "a", 0.99), result("a", "b", 0.8)]
    report = count_results(results, ("a", "b"), [])
    assert [one.score for one in report.mistakes] == [0.8, 0.5]


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


def test_what_the_model_has_no_label_for_is_left_out():
    known, left_out = known_clips([clip("rain"), clip("_unknown_", word="car")], ("rain", "dog"))
    assert [one.label for one in known] == ["rain"]
    assert left_out[0].reason == "is of 'car', which the model has no label for"
    with pytest.raises(DataError, match="no label for car: it knows rain, dog"):
        known_clips([clip("_unknown_", word="car")], ("rain", "dog"))
