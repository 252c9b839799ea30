"""The learning curve in a model file, which nobody has checked before."""

import pytest

from kws_training.data.dataset import DataError
from kws_training.reports.curve import LearningCurve, last_step, measure_of, read_curve
from kws_training.reports.page import curve_section


def point(recordings=100, accuracy=0.9, clips=200):
    return {"recordings": recordings, "accuracy": accuracy, "clips": clips}


def test_points_are_sorted_and_have_intervals():
    points = read_curve({"learning_curve": [point(400, 0.95), point(100, 0.5)]})
    assert [one.recordings for one in points] == [100, 400]
    low, high = points[0].interval
    assert low < 0.5 < high
    assert high - low == pytest.approx(0.14, abs=0.01)


def test_a_model_without_a_curve_has_no_points():
    assert read_curve({"recipe": {}}) == ()


def test_last_step_in_a_sentence():
    points = read_curve({"learning_curve": [point(100, 0.5), point(400, 0.95)]})
    assert last_step(LearningCurve(points, measure_of("commands"))) == (
        "From 100 to 400 recordings the accuracy went from 50.0 % to 95.0 % (+45.0 points)."
    )
    flat = read_curve({"learning_curve": [point(100, 0.94), point(400, 0.95)]})
    assert "with intervals that overlap" in last_step(LearningCurve(flat, "accuracy"))


def test_of_wake_words_it_is_the_share_that_is_found():
    points = read_curve({"learning_curve": [point(10, 0.5), point(20, 0.95)]})
    curve = LearningCurve(points, measure_of("wake-words"))
    assert "the share found went from 50.0 % to 95.0 %" in last_step(curve)
    section = curve_section(curve)
    assert "Share found over the number of recordings" in section
    assert "accuracy" not in section.lower()


@pytest.mark.parametrize(
    "curve",
    [
        "no list",
        {"recordings": 3},
        [point()] * 101,
        [point(), point()],
        [[100, 0.9, 200]],
        [{"recordings": 100, "accuracy": 0.9}],
        [point(recordings=0)],
        [point(recordings=1.5)],
        [point(recordings=True)],
        [point(recordings=10**400)],
        [point(accuracy=1.1)],
        [point(accuracy=float("nan"))],
        [point(accuracy="0.9")],
        [point(accuracy=[[]])],
        [point(clips=-1)],
        [point(clips="<script>")],
    ],
)
def test_what_is_no_curve_is_refused_in_a_short_line(curve):
    with pytest.raises(DataError, match="learning_curve") as error:
        read_curve({"learning_curve": curve})
    assert len(str(error.value)) < 160
