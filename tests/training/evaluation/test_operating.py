"""Thresholds and operating points, against cases that can be counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.intervals import rate_interval, share_interval
from kws.metadata import DetectorDefaults
from kws_training.data.dataset import Clip
from kws_training.evaluation.operating import (
    Counts,
    Found,
    Stream,
    Word,
    choose_thresholds,
    count,
    join_clips,
    operating_points,
)

LABELS = ("_silence_", "_unknown_", "yes", "no")
STEP = 0.1
WORDS = (Word("yes", 5, 6), Word("no", 10, 11), Word("yes", 20, 21), Word("_unknown_", 30, 31))


def test_hits_misses_and_false_accepts():
    heard = [Found("yes", 5.5), Found("no", 10.8), Found("yes", 30.5)]
    assert count(WORDS, heard, "yes") == Counts(hits=1, words=2, false_accepts=1)
    assert count(WORDS, heard, "no") == Counts(hits=1, words=1, false_accepts=0)
    assert count(WORDS, [], "no") == Counts(hits=0, words=1, false_accepts=0)


def test_a_second_detection_in_a_word_is_a_false_accept():
    heard = [Found("yes", 5.2), Found("yes", 5.9)]
    assert count(WORDS, heard, "yes") == Counts(hits=1, words=2, false_accepts=1)


def test_detection_before_or_long_after_the_word_is_no_hit():
    heard = [Found("yes", 4.9), Found("yes", 7.0)]
    assert count(WORDS, heard, "yes") == Counts(hits=0, words=2, false_accepts=2)


def posteriors(peaks, seconds=100):
    """Silence, but for ``peaks``: (time, label, score), each 0.4 s long."""
    columns = np.zeros((int(seconds / STEP), len(LABELS)), np.float32)
    columns[:, 0] = 1.0
    for at, label, score in peaks:
        rows = slice(round(at / STEP) - 1, round(at / STEP) + 3)
        columns[rows] = 0
        columns[rows, 0] = 1 - score
        columns[rows, LABELS.index(label)] = score
    return columns


def chosen(peaks, words):
    defaults = DetectorDefaults(STEP, 0.5, 1.0, {"yes": 0.5, "no": 0.5})
    return choose_thresholds(posteriors(peaks), STEP, words, LABELS, defaults)


def test_threshold_lies_between_words_and_false_accepts():
    words = [Word("yes", 10 * n, 10 * n + 1) for n in range(1, 7)]
    said = [(word.start + 0.5, "yes", 0.75) for word in words]
    noise = [(10 * n + 5, "yes", 0.62) for n in range(1, 7)]
    assert 0.62 < chosen(said + noise, words)["yes"] <= 0.75
    # without false accepts every threshold up to the words' score is as good: the middle
    assert 0.5 < chosen(said, words)["yes"] < 0.7


def test_threshold_stays_where_there_is_too_little_to_tell():
    words = [Word("yes", 10, 11), Word("yes", 20, 21)]
    assert chosen([(10.5, "yes", 0.9)], words) == {"yes": 0.5, "no": 0.5}


def test_hours_are_those_without_the_keyword():
    stream = Stream(np.zeros(16000 * 100, np.float32), 16000, WORDS)
    assert stream.hours_without("yes") * 3600 == pytest.approx(98)
    assert stream.hours_without("go") * 3600 == pytest.approx(100)


def test_intervals():
    # no event in h hours bounds the rate by 3.69 / h (two-sided; the one-sided bound is 3 / h)
    assert rate_interval(0, 2.0) == pytest.approx((0, 3.689 / 2), rel=1e-3)
    assert rate_interval(10, 1.0) == pytest.approx((4.795, 18.39), rel=1e-3)
    assert share_interval(0, 10) == pytest.approx((0, 0.3085), rel=1e-3)
    assert share_interval(10, 10) == pytest.approx((0.6915, 1), rel=1e-3)
    assert share_interval(5, 100) == pytest.approx((0.0164, 0.1128), abs=1e-3)


def test_a_stream_through_the_model_in_the_package():
    spotter = KeywordSpotter.default()
    rng = np.random.default_rng(0)
    audio = [rng.integers(-300, 300, 16000).astype(np.int16) for _ in range(4)]
    clips = [
        Clip(Path(str(n)), label, label, str(n))
        for n, label in enumerate(["_silence_", "_silence_", "_silence_", "yes"])
    ]
    stream = join_clips(clips, audio, 16000, 0)
    assert len(stream.words) == 4
    assert len(stream.samples) / 16000 == pytest.approx(4 * 1.6 + 2, abs=1.3)
    for word, number in zip(stream.words, np.random.default_rng(0).permutation(4), strict=True):
        assert word.label == clips[number].label
        part = stream.samples[round(word.start * 16000) :][:16000]
        assert np.corrcoef(part, audio[number])[0, 1] > 0.9
    # a keyword without recordings has no operating point; one that is missed has
    points = {point.keyword: point for point in operating_points(spotter, stream)}
    assert set(points) == {"yes"}
    assert points["yes"].miss_rate == 1.0
    assert points["yes"].recordings == 1
    assert points["yes"].miss_rate_interval[0] < 0.1
