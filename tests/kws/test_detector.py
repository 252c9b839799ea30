"""From scores to detections, on scores made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.detector import Detector, Event
from kws.metadata import DetectorDefaults

LABELS = ("_silence_", "_unknown_", "yes", "no")
SILENCE, UNKNOWN, YES, NO = range(4)
STEP = 0.08


def detector(
    smoothing: float = STEP, refractory: float = 0.8, yes: float = 0.6, no: float = 0.6
) -> Detector:
    defaults = DetectorDefaults(smoothing, refractory, 1.0, {"yes": yes, "no": no})
    return Detector(LABELS, defaults, STEP)


def scores(label: int, score: float, rest: int = SILENCE) -> np.ndarray:
    row = np.zeros(len(LABELS), np.float32)
    row[rest] = 1 - score
    row[label] = score if label != rest else 1
    return row


def run(detector: Detector, rows: list[np.ndarray]) -> list[Event]:
    return [event for row in rows for event in detector.update(row)]


QUIET = scores(SILENCE, 1.0)


def test_a_word() -> None:
    (event,) = run(detector(), [QUIET] * 10 + [scores(YES, 0.9)] * 3 + [QUIET] * 10)
    assert event == Event(YES, pytest.approx(0.9), 11)


def test_nothing_is_nothing() -> None:
    assert not run(detector(), [QUIET] * 100)
    assert not run(detector(), [scores(YES, 0.5)] * 100)
    assert not run(detector(), [np.zeros(4, np.float32)] * 100)


def test_a_long_plateau_is_one_detection() -> None:
    assert len(run(detector(refractory=0.2), [scores(YES, 0.9)] * 500)) == 1


def test_a_plateau_with_dips_above_half_the_threshold_is_one_detection() -> None:
    rows = ([scores(YES, 0.9)] * 20 + [scores(YES, 0.31)] * 5) * 10
    assert len(run(detector(yes=0.6, refractory=0.2), rows)) == 1


def test_rearmed_below_half_the_threshold() -> None:
    rows = ([scores(YES, 0.9)] * 20 + [scores(YES, 0.29)] * 5) * 10
    assert len(run(detector(yes=0.6, refractory=0.2), rows)) == 10


def test_refractory_period() -> None:
    word = [scores(YES, 0.9)] * 2 + [QUIET] * 3
    events = run(detector(refractory=0.8), word * 12)  # every 0.4 s
    assert [event.step for event in events] == [1, 11, 21, 31, 41, 51]
    assert len(run(detector(refractory=0.4), word * 12)) == 12
    assert len(run(detector(refractory=0.0), word * 12)) == 12


@pytest.mark.parametrize("refractory", [1.0, 0.9, 0.04, 0.081])
def test_refractory_period_that_is_no_whole_number_of_steps(refractory: float) -> None:
    events = run(detector(refractory=refractory), [scores(YES, 0.9), QUIET] * 100)
    gaps = np.diff([event.step for event in events]) * STEP
    assert gaps.min() >= refractory - 1e-9
    assert gaps.max() <= refractory + 2 * STEP


def test_refractory_period_is_of_each_keyword() -> None:
    rows = [scores(YES, 0.9), QUIET, scores(NO, 0.9), QUIET, scores(YES, 0.9), QUIET]
    events = run(detector(refractory=5.0), rows)
    assert [(event.label, event.step) for event in events] == [(YES, 1), (NO, 3)]


def test_still_high_after_the_refractory_period_is_not_detected() -> None:
    rows = [scores(YES, 0.9)] * 2 + [QUIET] * 2 + [scores(YES, 0.9)] * 100
    # the second rise is within the period, and armed: it is detected when the period ends
    events = run(detector(refractory=0.8), rows)
    assert [event.step for event in events] == [1, 11]


def test_thresholds_of_each_keyword() -> None:
    rows = [scores(YES, 0.7)] * 3 + [QUIET] * 3 + [scores(NO, 0.7)] * 3 + [QUIET] * 3
    assert [event.label for event in run(detector(yes=0.8, no=0.6), rows)] == [NO]
    assert [event.label for event in run(detector(yes=0.6, no=0.8), rows)] == [YES]
    assert [event.label for event in run(detector(yes=0.7, no=0.7), rows)] == [YES, NO]


def test_a_score_at_the_threshold_is_enough() -> None:
    assert run(detector(yes=0.75), [scores(YES, 0.75, rest=UNKNOWN)])
    assert not run(detector(yes=1.0), [scores(YES, np.nextafter(np.float32(1), np.float32(0)))])
    assert run(detector(yes=1.0), [scores(YES, 1.0)])


def test_only_the_highest() -> None:
    row = np.array([0.0, 0.55, 0.45, 0.0], np.float32)
    assert not run(detector(yes=0.3), [row] * 10)
    row = np.array([0.0, 0.1, 0.44, 0.46], np.float32)
    assert [event.label for event in run(detector(yes=0.3, no=0.4), [row] * 10)] == [NO]


def test_labels_in_underscores_are_never_detected() -> None:
    assert not run(detector(yes=0.0, no=0.0), [scores(UNKNOWN, 1.0)] * 50)
    assert not run(detector(yes=0.0, no=0.0), [scores(SILENCE, 1.0)] * 50)


def test_smoothing_is_the_mean() -> None:
    window = detector(smoothing=4 * STEP, yes=0.6)
    rows = [scores(YES, score) for score in (0.4, 0.8, 0.6, 0.7, 0.1)]
    assert [bool(window.update(row)) for row in rows] == [False, False, False, True, False]
    window = detector(smoothing=4 * STEP, yes=0.625)
    (event,) = run(window, [*rows[:4], QUIET])
    assert event.score == pytest.approx(0.625)
    assert event.step == 4


def test_smoothing_takes_no_single_spike() -> None:
    rows = [QUIET] * 10 + [scores(YES, 1.0)] + [QUIET] * 10
    assert run(detector(smoothing=STEP), rows)
    assert not run(detector(smoothing=3 * STEP), rows)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    rows = [scores(YES, 0.5)] * 50 + [scores(NO, 0.85)] * 3
    (event,) = run(detector(smoothing=3 * STEP), rows)
    assert event == Event(NO, pytest.approx(0.85), 53)


def test_smoothing_shorter_than_a_step() -> None:
    assert len(run(detector(smoothing=0.0), [scores(YES, 0.9)] * 3)) == 1


def test_reset() -> None:
    again = detector(smoothing=3 * STEP, refractory=10.0)
    rows = [scores(YES, 0.9)] * 5
    first = run(again, rows)
    assert len(first) == 1
    assert not run(again, rows)
    again.reset()
    assert run(again, rows) == first


def test_scores_are_copied() -> None:
    window = detector(smoothing=3 * STEP)
    row = scores(YES, 0.9)
    window.update(row)
    row[:] = 0
    window.update(scores(YES, 0.9))
    assert window.update(scores(YES, 0.9))


rows_of_scores = st.lists(
    st.tuples(st.sampled_from([SILENCE, UNKNOWN, YES, NO]), st.floats(0, 1, width=32)),
    max_size=150,
)


@settings(max_examples=200, deadline=None)
@given(
    rows=rows_of_scores,
    smoothing=st.floats(0, 0.5),
    refractory=st.floats(0, 3),
    threshold=st.floats(0.01, 1),
)
def test_properties(
    rows: list[tuple[int, float]], smoothing: float, refractory: float, threshold: float
) -> None:
    events = run(
        detector(smoothing, refractory, threshold, threshold),
        [scores(label, score) for label, score in rows],
    )
    for event in events:
        assert event.label in (YES, NO)
        assert 1 <= event.step <= len(rows)
        assert np.float32(threshold) <= event.score <= 1 + 1e-6
        assert not math.isnan(event.score)
    for keyword in (YES, NO):
        steps = [event.step for event in events if event.label == keyword]
        assert all(gap * STEP >= refractory - 1e-6 for gap in np.diff(steps))
