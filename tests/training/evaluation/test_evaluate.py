"""Figures of clips, against cases that can be counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws_training.cli.evaluate import class_lines
from kws_training.data.dataset import Clip, DataError, Skipped
from kws_training.evaluation.evaluate import count_results, judge_clips, known_clips
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


def test_a_class_without_clips_has_no_recall_and_one_never_heard_no_precision():
    report = count_results([result("yes", "no")], ("no", "yes"), [])
    no, yes = report.classes
    assert (no.recall, no.recall_interval) == (None, None)
    assert (no.precision, yes.recall) == (0.0, 0.0)
    assert (yes.precision, yes.precision_interval) == (None, None)
    written = json.loads(json.dumps(report.to_dict()))["classes"]
    assert written["no"]["recall"] is written["no"]["recall_interval"] is None
    lines = class_lines(report)[-2:]
    assert [line.split()[1:4] for line in lines] == [["0.0%", "–", "0"], ["–", "0.0%", "1"]]


def test_surest_mistake_comes_first():
    results = [result("a", "b", 0.5), result("a", "a", 0.99), result("a", "b", 0.8)]
    report = count_results(results, ("a", "b"), [])
    assert [one.score for one in report.mistakes] == [0.8, 0.5]


def test_what_the_model_has_no_label_for_is_left_out():
    known, left_out = known_clips([clip("rain"), clip("_unknown_", word="car")], ("rain", "dog"))
    assert [one.label for one in known] == ["rain"]
    assert left_out[0].reason == "is of 'car', which the model has no label for"
    with pytest.raises(DataError, match="no label for car: it knows rain, dog"):
        known_clips([clip("_unknown_", word="car")], ("rain", "dog"))
