"""Hysteresis on scores made by hand, and one label for a clip."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.metadata import SegmenterDefaults
from kws.segmenter import Segment, Segmenter, join_columns

LABELS = ("_silence_", "rain", "dog")
SILENCE, RAIN, DOG = range(3)
STEP = 0.1


def segmenter(
    smoothing: float = STEP, release: float = 0.5, shortest: float = 0.0, gap: float = 0.0
) -> Segmenter:
    defaults = SegmenterDefaults(smoothing, release, shortest, gap, {"rain": 0.6, "dog": 0.8})
    return Segmenter(LABELS, defaults, STEP)


def rain(*scores: float) -> list[np.ndarray]:
    return [np.array([1 - score, score, 0.0], np.float32) for score in scores]


def run(segmenter: Segmenter, rows: list[np.ndarray]) -> list[Segment]:
    found = [segment for row in rows for segment in segmenter.update(row)]
    return found + segmenter.flush()


def spans(found: list[Segment]) -> list[tuple[float, float]]:
    return [(segment.start, segment.end) for segment in found]


def test_a_sound() -> None:
    (one,) = run(segmenter(), rain(0, 0, 0.7, 0.9, 0.8, 0, 0))
    assert one == Segment(RAIN, pytest.approx(0.9), 2, 5)


def test_on_above_the_threshold_off_below_the_release() -> None:
    # it begins where it passes the release, if it reaches the threshold later
    assert spans(run(segmenter(), rain(0, 0.2, 0.4, 0.7, 0.4, 0.31, 0.2, 0))) == [(2, 6)]
    assert not run(segmenter(), rain(*[0.59] * 50))
    assert spans(run(segmenter(), rain(0.6))) == [(0, 1)]
    assert spans(run(segmenter(release=1.0), rain(0.4, 0.7, 0.59, 0.6))) == [(1, 2), (3, 4)]


def test_thresholds_of_each_label() -> None:
    rows = [np.array([0, 0.1, s], np.float32) for s in (0, 0.7, 0)]
    assert not run(segmenter(), rows)
    rows[1][DOG] = 0.85
    assert [one.label for one in run(segmenter(), rows)] == [DOG]


def test_gaps_are_bridged() -> None:
    rows = rain(0.9, 0.9, 0, 0, 0, 0.7, 0, 0, 0, 0, 0.9)
    assert spans(run(segmenter(gap=0.2), rows)) == [(0, 2), (5, 6), (10, 11)]
    (first, second) = run(segmenter(gap=0.3), rows)
    assert (first.start, first.end, first.score) == (0, 6, pytest.approx(0.9))
    assert spans([second]) == [(10, 11)]
    assert spans(run(segmenter(gap=0.4), rows)) == [(0, 11)]


def test_a_stretch_that_never_reaches_the_threshold_bridges_nothing() -> None:
    rows = rain(0.9, 0, 0.4, 0.4, 0.4, 0, 0.9)
    assert spans(run(segmenter(gap=0.1), rows)) == [(0, 1), (6, 7)]


def test_short_sounds_are_dropped_after_gaps_are_bridged() -> None:
    rows = rain(0.9, 0, 0.9, 0, 0, 0, 0, 0.9)
    assert spans(run(segmenter(shortest=0.3, gap=0.1), rows)) == [(0, 3)]
    assert not run(segmenter(shortest=0.2), rows)


def test_a_sound_is_told_when_it_cannot_go_on() -> None:
    one = segmenter(gap=0.2)
    told = [len(one.update(row)) for row in rain(0.9, 0.9, 0, 0, 0, 0)]
    assert told == [0, 0, 0, 0, 1, 0]


def test_smoothing_is_the_mean_and_its_delay_is_taken_back() -> None:
    rows = rain(0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0)
    (one,) = run(segmenter(smoothing=0.3, release=1.0), rows)
    assert (one.start, one.end) == (4, 9)
    assert not run(segmenter(smoothing=0.3), rain(0, 0, 1, 0, 0))


def test_flush_ends_an_open_sound_and_the_time_runs_on() -> None:
    one = segmenter(gap=1.0)
    assert run(one, rain(0, 0.9, 0.9)) == [Segment(RAIN, pytest.approx(0.9), 1, 3)]
    assert run(one, rain(0, 0.9, 0)) == [Segment(RAIN, pytest.approx(0.9), 4, 5)]
    assert one.flush() == []
    one.reset()
    assert spans(run(one, rain(0.9, 0))) == [(0, 1)]


def test_reset_forgets() -> None:
    one = segmenter(smoothing=0.3)
    for row in rain(1, 1, 1):
        one.update(row)
    one.reset()
    assert run(one, rain(0, 0, 0)) == []


score = st.floats(0, 1, width=32)
setting = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7])


@settings(max_examples=150, deadline=None)
@given(
    scores=st.lists(st.tuples(score, score), max_size=80),
    smoothing=setting,
    release=st.floats(0.1, 1),
    shortest=setting,
    gap=setting,
    cut=st.integers(0, 80),
)
def test_properties(
    scores: list[tuple[float, float]],
    smoothing: float,
    release: float,
    shortest: float,
    gap: float,
    cut: int,
) -> None:
    rows = [np.array([0, *pair], np.float32) for pair in scores]
    one = segmenter(smoothing, release, shortest, gap)
    found = run(one, rows)
    window = max(1, round(smoothing / STEP))
    for label, threshold in ((RAIN, 0.6), (DOG, 0.8)):
        mine = [segment for segment in found if segment.label == label]
        for segment in mine:
            assert 0 <= segment.start <= segment.end <= len(rows)
            assert np.float32(threshold) <= segment.score <= 1 + 1e-6
            if window == 1:
                columns = [row[label] for row in rows][int(segment.start) : int(segment.end)]
                assert max(columns) == pytest.approx(segment.score)
                assert len(columns) * STEP >= shortest - 1e-6
        for before, after in pairwise(mine):
            assert after.start >= before.end
            assert (after.start - before.end) * STEP > gap - 1e-6 or window > 1
    # what came earlier does not depend on what comes later
    again = segmenter(smoothing, release, shortest, gap)
    early = [segment for row in rows[:cut] for segment in again.update(row)]
    assert early == found[: len(early)]
    again.reset()
    assert run(again, rows) == found


# --- one label for a clip ---


def test_quiet_columns_do_not_count() -> None:
    posteriors = np.array([[0.99, 0.005, 0.005]] * 9 + [[0.05, 0.05, 0.9]], np.float32)
    joined = join_columns(posteriors, LABELS)
    assert joined.argmax() == DOG
    assert joined.sum() == pytest.approx(1)


def test_silence_stays_silence() -> None:
    assert join_columns(np.array([[1, 0, 0]] * 3, np.float32), LABELS).argmax() == SILENCE


def test_without_silence_it_is_the_mean() -> None:
    posteriors = np.array([[0.2, 0.8], [0.6, 0.4]], np.float32)
    assert join_columns(posteriors, ("rain", "dog")) == pytest.approx([0.4, 0.6])
