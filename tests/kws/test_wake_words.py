"""Wake words: each phrase has a score of its own, whatever the others have."""

from dataclasses import replace

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.detector import Detector
from kws.errors import ModelError
from kws.metadata import DetectorDefaults
from kws.modelfile import ModelFile, pack, parse_model
from kws.posteriors import sigmoid

from .conftest import RATE, Demo

DEFAULTS = DetectorDefaults(0.2, 1.0, 2.0, {"one": 0.5, "two": 0.9})


def test_two_keywords_at_once():
    detector = Detector(("one", "two"), DEFAULTS, 0.1, exclusive=False)
    rows = np.array([[0.9, 1.0]] * 4, np.float32)
    events = [(event.label, event.step) for row in rows for event in detector.update(row)]
    assert events == [(0, 2), (1, 2)]


def test_keywords_that_compete_are_one_at_a_time():
    detector = Detector(("one", "two"), DEFAULTS, 0.1)
    rows = np.array([[0.9, 1.0]] * 4, np.float32)
    events = [(event.label, event.step) for row in rows for event in detector.update(row)]
    assert events == [(1, 2)]


def test_sigmoid_stays_below_one():
    scores = sigmoid(np.array([-1e4, -2, 0, 2, 15, 1e4], np.float32))
    expected = [0, 0.119203, 0.5, 0.880797, 1, 1]
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert scores.max() < 1


def test_posteriors_are_independent(wake_words: ModelFile, demo: Demo):
    scores = KeywordSpotter(wake_words).posteriors(demo.samples)
    assert ((scores >= 0) & (scores < 1)).all()
    assert np.ptp(scores.sum(axis=1)) > 0.1


def test_stream_and_detector_tell_the_same(wake_words: ModelFile, demo: Demo):
    spotter = KeywordSpotter(wake_words)
    samples = np.concatenate([demo.samples, np.zeros(2 * RATE, np.float32)])
    posteriors = spotter.posteriors(samples)
    metadata = wake_words.metadata
    detector = Detector(metadata.labels, metadata.detector, spotter.column_seconds, False)
    wanted = [metadata.labels[e.label] for row in posteriors for e in detector.update(row)]
    found = []
    for start in range(0, len(samples), 1000):
        found += spotter.process(samples[start : start + 1000])
    assert [one.keyword for one in found] == wanted
    assert wanted


def test_some_of_the_phrases(wake_words: ModelFile, demo: Demo):
    every, two = KeywordSpotter(wake_words), KeywordSpotter(wake_words, keywords=["yes", "no"])
    assert two.keywords == ("no", "yes")
    rows = [wake_words.metadata.labels.index(word) for word in two.keywords]
    scores = every.posteriors(demo.samples)
    np.testing.assert_array_equal(two.posteriors(demo.samples), scores[:, rows])


def test_classify_names_a_phrase_or_nothing(wake_words: ModelFile, demo: Demo):
    spotter = KeywordSpotter(wake_words, keywords=["yes"], thresholds={"yes": 1.0})
    assert spotter.classify(np.zeros(RATE, np.float32)).label == "_unknown_"
    found = KeywordSpotter(wake_words).classify(demo.samples)
    assert found.label in wake_words.metadata.labels
    assert found.score == max(found.scores.values())


def test_labels_of_wake_words_are_keywords(wake_words: ModelFile):
    labels = ("_unknown_", *wake_words.metadata.labels[1:])
    thresholds = dict.fromkeys(labels[1:], 0.5)
    detector = replace(wake_words.metadata.detector, thresholds=thresholds)
    content = pack(
        wake_words.network, replace(wake_words.metadata, labels=labels, detector=detector)
    )
    with pytest.raises(ModelError, match="must be a keyword"):
        parse_model(content, "wake.tflite")
