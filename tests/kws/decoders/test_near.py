"""What is nearly detected: peaks between a share of the threshold and the threshold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import KeywordSpotter
from kws.decoders.near import NearWatch
from kws.detections import Detection
from kws.group import SpotterGroup
from kws.metadata import WAKE_WORDS, DetectorDefaults
from kws.modelfile import ModelFile, pack, parse_model
from kws.packaged import packaged_model

LABELS = ("one", "two", "_unknown_")


def watched(rows, detected=()) -> list[tuple[str, float]]:
    """Peaks of rows of scores; ``detected`` has the steps in which the first label fires."""
    watch = NearWatch(LABELS, {"one": 0.8, "two": 0.4}, 0.5)
    found = []
    for step, row in enumerate(rows):
        watch.update(
            np.array(row, np.float32),
            [0] if step in detected else [],
            lambda label, score: Detection(LABELS[label], score, 0.0, 1.0),
        )
        found += [(near.keyword, round(near.score, 3)) for _, near in watch.take()]
    return found


def test_a_peak_is_told_when_it_has_ended_with_its_highest_score() -> None:
    assert watched([[0.3, 0, 1], [0.5, 0, 1], [0.7, 0, 1], [0.45, 0, 1]]) == []
    assert watched([[0.5, 0, 1], [0.7, 0, 1], [0.45, 0, 1], [0.3, 0, 1]]) == [("one", 0.7)]


def test_each_keyword_has_its_own_level_and_other_labels_none() -> None:
    assert watched([[0.3, 0.3, 1], [0.3, 0.1, 1]]) == [("two", 0.3)]


def test_a_peak_in_which_it_was_detected_is_none_and_the_next_one_is() -> None:
    rows = [[0.5, 0, 0], [0.9, 0, 0], [0.6, 0, 0], [0.1, 0, 0], [0.5, 0, 0], [0.1, 0, 0]]
    assert watched(rows, detected=[1]) == [("one", 0.5)]
    assert watched(rows) == [("one", 0.9), ("one", 0.5)]


def test_a_peak_is_told_once() -> None:
    watch = NearWatch(LABELS, {"one": 0.8}, 0.5)
    for row in ([0.5, 0, 0], [0, 0, 0]):
        watch.update(np.float32(row), [], lambda *_: Detection("one", 0.5, 0, 1))
    assert len(watch.take()) == 1
    assert watch.take() == []


#: Share of the threshold from which scores of the word base are near it.
SHARE = 0.9998


@pytest.fixture(scope="module")
def wake_words() -> ModelFile:
    """The word base, its words taken for wake words: its scores crowd below 1."""
    model = packaged_model("words")
    labels = tuple(label.strip("_") for label in model.metadata.labels)
    defaults = DetectorDefaults(0.24, 1.0, 1.2, dict.fromkeys(labels, 0.99999))
    metadata = replace(
        model.metadata, task=WAKE_WORDS, labels=labels, detector=defaults, operating_points=()
    )
    return parse_model(pack(model.network, metadata), "wake.tflite")


def near_of(spotter, samples, sizes=(1280,)) -> tuple[list[Detection], list[Detection]]:
    """What fires and what nearly does, the samples given in pieces of these sizes, by turns."""
    fired, near, at, turn = [], [], 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        fired += spotter.process(samples[at : at + size])
        near += spotter.take_near()
        at, turn = at + size, turn + 1
    fired += spotter.flush()
    near += spotter.take_near()
    spotter.reset()
    return fired, near


@pytest.mark.parametrize(("name", "share"), [("commands", 0.5), ("wake", SHARE)])
def test_watching_changes_no_detection(name, share, wake_words, demo) -> None:
    model = wake_words if name == "wake" else packaged_model()
    spotter = KeywordSpotter(model)
    before, none = near_of(spotter, demo.samples)
    assert before
    assert none == []
    spotter.watch_near(share)
    fired, near = near_of(spotter, demo.samples)
    assert fired == before
    assert near
    thresholds = model.metadata.detector.thresholds
    for one in near:
        assert share * thresholds[one.keyword] <= one.score < thresholds[one.keyword]
        assert 0 <= one.start < one.end <= len(demo.samples) / 16000 + 0.1


@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=4))
def test_chunks_of_any_size_give_the_same(sizes, wake_words, demo) -> None:
    spotter = KeywordSpotter(wake_words)
    spotter.watch_near(SHARE)
    samples = demo.samples[: 6 * 16000]
    assert near_of(spotter, samples, sizes) == near_of(spotter, samples)


def test_a_group_is_near_where_its_models_are(wake_words, demo) -> None:
    models = [wake_words, replace(wake_words, path="other.tflite"), packaged_model()]
    alone = []
    for model in models:
        spotter = KeywordSpotter(model)
        spotter.watch_near(SHARE)
        alone.append([replace(one, model=model.path) for one in near_of(spotter, demo.samples)[1]])
    group = SpotterGroup(models)
    group.watch_near(SHARE)
    _, near = near_of(group, demo.samples)
    assert alone[0]
    for model, expected in zip(models, alone, strict=True):
        assert [one for one in near if one.model == model.path] == expected
