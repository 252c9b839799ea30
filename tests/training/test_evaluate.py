"""Figures of clips and streams, against cases that can be counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.modelfile import DetectorDefaults
from kws_training.dataset import Clip, Skipped
from kws_training.evaluate import (
    ScoredStream,
    Word,
    choose_thresholds,
    count,
    judge_clips,
    operating_points,
    rate_interval,
    score_stream,
    share_interval,
)

LABELS = ("_silence_", "_unknown_", "yes", "no")
STEP = 0.1


def defaults(**thresholds):
    return DetectorDefaults(smoothing=STEP, refractory=0.5, longest=1.0, thresholds=thresholds)


def stream(words, peaks, seconds=60):
    """Silence, but for ``peaks``: (time, label, score), each 0.4 s long."""
    posteriors = np.zeros((int(seconds / STEP), len(LABELS)), np.float32)
    posteriors[:, 0] = 1.0
    for at, label, score in peaks:
        columns = slice(round(at / STEP) - 1, round(at / STEP) + 3)
        posteriors[columns] = 0
        posteriors[columns, 0] = 1 - score
        posteriors[columns, LABELS.index(label)] = score
    return ScoredStream(posteriors, STEP, STEP, tuple(words))


WORDS = (Word("yes", 5, 6), Word("no", 10, 11), Word("yes", 20, 21), Word("_unknown_", 30, 31))


def test_hits_misses_and_false_accepts():
    heard = stream(WORDS, [(5.8, "yes", 0.9), (10.8, "no", 0.7), (30.5, "yes", 0.8)])
    counts = count(heard, LABELS, defaults(yes=0.6, no=0.6), "yes")
    assert (counts.hits, counts.words, counts.false_accepts) == (1, 2, 1)
    counts = count(heard, LABELS, defaults(yes=0.85, no=0.85), "yes")
    assert (counts.hits, counts.words, counts.false_accepts) == (1, 2, 0)
    counts = count(heard, LABELS, defaults(yes=0.85, no=0.85), "no")
    assert (counts.hits, counts.words, counts.false_accepts) == (0, 1, 0)


def test_a_second_detection_in_a_word_is_a_false_accept():
    long = (Word("yes", 5, 8),)
    heard = stream(long, [(5.8, "yes", 0.9), (7.5, "yes", 0.9)])
    counts = count(heard, LABELS, defaults(yes=0.6, no=0.6), "yes")
    assert (counts.hits, counts.false_accepts) == (1, 1)


def test_detection_long_after_the_word_is_no_hit():
    heard = stream(WORDS[:1], [(9, "yes", 0.9)])
    counts = count(heard, LABELS, defaults(yes=0.6, no=0.6), "yes")
    assert (counts.hits, counts.false_accepts) == (0, 1)


def test_threshold_lies_between_words_and_false_accepts():
    heard = stream(WORDS, [(5.8, "yes", 0.75), (20.8, "yes", 0.75), (30.5, "yes", 0.65)])
    assert choose_thresholds(heard, LABELS, defaults(yes=0.5, no=0.5))["yes"] == 0.7


def test_operating_points_state_hours_and_intervals():
    heard = stream(WORDS, [(5.8, "yes", 0.9), (30.5, "yes", 0.9)], seconds=360)
    points = {p.keyword: p for p in operating_points(heard, LABELS, defaults(yes=0.6, no=0.6))}
    assert points["yes"].hours == pytest.approx(0.1)
    assert points["yes"].false_accepts_per_hour == pytest.approx(10)
    assert points["yes"].miss_rate == 0.5
    assert points["yes"].recordings == 2
    assert points["no"].miss_rate == 1.0


def test_intervals():
    # no event in h hours bounds the rate by 3.69 / h (two-sided; the one-sided bound is 3 / h)
    assert rate_interval(0, 2.0) == pytest.approx((0, 3.689 / 2), rel=1e-3)
    assert rate_interval(10, 1.0) == pytest.approx((4.795, 18.39), rel=1e-3)
    assert share_interval(0, 10) == pytest.approx((0, 0.3085), rel=1e-3)
    assert share_interval(10, 10) == pytest.approx((0.6915, 1), rel=1e-3)
    assert share_interval(5, 100) == pytest.approx((0.0164, 0.1128), abs=1e-3)


def test_clips_and_streams_through_the_model_in_the_package():
    spotter = KeywordSpotter.default()
    rng = np.random.default_rng(0)
    audio = [rng.integers(-300, 300, 16000).astype(np.int16) for _ in range(4)]
    clips = [Clip(Path(str(n)), label, label, str(n)) for n, label in enumerate(
        ["_silence_", "_silence_", "_silence_", "yes"])]  # fmt: skip
    skipped = [Skipped(Path("bad.wav"), "is empty")]
    report = judge_clips(spotter, clips, audio, skipped, lambda numbers, *_: numbers)
    assert report.clips == 4
    labels = [figures.label for figures in report.classes]
    assert sum(map(sum, report.confusion)) == 4
    assert report.confusion[labels.index("yes")][labels.index("yes")] == 0  # it is noise
    assert report.to_dict()["skipped"] == [{"file": "bad.wav", "reason": "is empty"}]
    scored = score_stream(spotter, clips, audio, 0)
    assert len(scored.words) == 4
    assert scored.hours * 3600 == pytest.approx(4 * 1.6 + 2, abs=1.3)
