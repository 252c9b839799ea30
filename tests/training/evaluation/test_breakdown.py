"""False accepts by kind, and misses by group, counted by hand."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.calibration.scores import Trace
from kws_training.data.dataset import DataError
from kws_training.evaluation.breakdown import (
    NOT_GIVEN,
    check_group,
    count_by_kind,
    group_positives,
    kinds_of,
)
from kws_training.evaluation.continuous import PlacedPositive, PlacedRecording, StreamScores
from kws_training.evaluation.detection_results import Curve, KeywordResult
from kws_training.evaluation.positives import find_positives


def write(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(160), 16000)


def result(keyword, found=(), false_accepts=()):
    nothing = np.zeros(0)
    curve = Curve(nothing, nothing.astype(int), nothing.astype(int))
    times = np.array(false_accepts, float)
    return KeywordResult(keyword, (), curve, (), (), (), np.array(found, bool), times)


def stream(recordings=(), counted=None, positives=()):
    trace = Trace(np.zeros((0, 1), np.float32), 0.1, 0.0, exclusive=False)
    return StreamScores(trace, positives, recordings, 0.0, (), counted or {})


def test_a_kind_is_the_folder_that_was_given_or_the_one_below(tmp_path):
    calls, speech = tmp_path / "calls", tmp_path / "speech"
    paths = calls / "a.wav", speech / "orders" / "b.wav", speech / "moods" / "deep" / "c.wav"
    write(*paths)
    assert [kinds_of([calls, speech], None)[path] for path in paths] == ["calls", "orders", "moods"]
    assert kinds_of([paths[1]], None) == {paths[1]: "orders"}  # a recording in place of a folder


def test_a_kind_is_what_the_manifest_says(tmp_path):
    write(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.wav")
    (tmp_path / "manifest.csv").write_text("path,accent\na.wav,north\nb.wav,\n")
    kinds = kinds_of([tmp_path], "accent")
    assert {path.name: kind for path, kind in kinds.items()} == {
        "a.wav": "north",
        "b.wav": NOT_GIVEN,
        "c.wav": NOT_GIVEN,
    }
    with pytest.raises(DataError, match="has a column 'mood': there are accent, label"):
        kinds_of([tmp_path], "mood")


def test_false_accepts_by_kind():
    a, b, c = (Path(name) for name in "abc")
    kinds = {a: "calls", b: "orders", c: "calls"}
    negatives = stream(
        (PlacedRecording(a, 0.0), PlacedRecording(b, 100.0), PlacedRecording(c, 150.0)),
        {a: 1800.0, b: 360.0, c: 1800.0},
    )
    results = result("hey", false_accepts=[50.0, 120.0]), result("ho", false_accepts=[130.0, 149.0])
    orders, calls = count_by_kind(results, negatives, kinds)
    assert (orders.kind, orders.hours, orders.per_hour) == ("orders", 0.1, 30.0)
    assert orders.false_accepts == {"hey": 1, "ho": 2}
    assert orders.worst_keyword == "ho"
    assert (calls.kind, calls.hours, calls.count, calls.per_hour) == ("calls", 1.0, 1, 1.0)
    low, high = calls.interval
    assert low == pytest.approx(0.0253, abs=1e-4)
    assert high == pytest.approx(5.572, abs=1e-3)


def test_misses_by_group(tmp_path):
    names = "anna_nohash_0.wav", "anna_nohash_1.wav", "bert_nohash_0.wav"
    write(*(tmp_path / "hey" / name for name in names))
    found, _ = find_positives([tmp_path], ["hey"])
    check_group(found, "speaker")
    with pytest.raises(DataError, match="has a column 'age': there are speaker"):
        check_group(found, "age")
    placed = tuple(PlacedPositive(one, 0.0, 0.0, 1.0, 1.0) for one in found)
    groups = group_positives(
        [result("hey", found=[True, False, True])], {"hey": stream(positives=placed)}, "speaker"
    )
    assert [(one.group, one.accuracy, one.clips) for one in groups] == [
        ("anna", 0.5, 2),
        ("bert", 1.0, 1),
    ]
