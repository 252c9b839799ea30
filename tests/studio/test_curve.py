"""The curve of what `kws evaluate --json` says."""

import pytest

from kws_studio.curve import read_curve

FIGURES = {
    "operating_points": [{"keyword": "a", "recordings": 10, "hours": 2.0, "threshold": 0.5}],
    "curves": [
        {
            "keyword": "a",
            "thresholds": [0.9, 0.8, 0.7, 0.5],
            "misses": [5, 5, 3, 0],
            "false_accepts": [0, 0, 1, 4],
        }
    ],
}


def test_each_point_says_what_it_means_in_a_day() -> None:
    points = read_curve(FIGURES, "a")
    assert [point.threshold for point in points] == [0.8, 0.7, 0.5]
    values = points[-1].to_dict()
    assert values["miss_rate"] == 0
    assert values["per_hour"] == 2
    assert values["per_day"] == pytest.approx(48)
    low, high = values["per_day_interval"]
    assert low < 48 < high


@pytest.mark.parametrize("figures", [None, [], {}, {"curves": []}, {"curves": [{"keyword": "a"}]}])
def test_what_is_no_curve_gives_none(figures: object) -> None:
    assert read_curve(figures, "a") == []
    assert read_curve(FIGURES, "b") == []
