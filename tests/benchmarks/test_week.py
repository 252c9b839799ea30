import json
import math

import numpy as np
import pytest


@pytest.fixture(scope="module")
def week(benchmark_module):
    return benchmark_module("week")


def test_hours_begin_alike_and_go_on_otherwise(week):
    first, second = week.hours(0, 2)
    (again,) = week.hours(1, 2)
    assert len(first) == week.HOUR
    same = week.SAME * week.STRETCH
    assert np.array_equal(first[:same], second[:same])
    assert not np.array_equal(first[same:], second[same:])
    assert np.array_equal(second, again)


def detections(hours, off=0.0):
    """A word in the first minute of each hour, and one later; that of the last hour may be off."""
    found = []
    for hour in range(hours):
        at = 3600.0 * hour + (off if hour == hours - 1 else 0.0)
        found += [["yes", 0.9, at + 12.3, at + 12.8], ["no", 0.9, at + 100.0 + hour, at + 101.0]]
    return found


def test_drift_is_found_and_a_missing_word_too(week):
    assert week.drift_of(detections(168), 168) == (0.0, 1)
    drift, _ = week.drift_of(detections(168, off=0.001), 168)
    assert drift == pytest.approx(0.001)
    assert week.drift_of(detections(5)[:-2], 5) == (math.inf, 1)


def test_too_few_hours_are_refused(benchmark):
    done = benchmark("week.py", "--hours", 1)
    assert done.returncode == 2
    assert done.stderr == "week: give two hours or more, and slices of one or more\n"


@pytest.mark.slow
def test_three_hours(benchmark, tmp_path):
    out = tmp_path / "week.json"
    done = benchmark("week.py", "--hours", 3, "--slice-hours", 1, "--out", out)
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(out.read_text())
    assert result["same_in_slices"]
    assert result["drift_ms"] == 0
    assert result["hours_compared"] == 3
    assert result["detections"] > 300
    assert len(set(result["state_bytes"])) == 1
