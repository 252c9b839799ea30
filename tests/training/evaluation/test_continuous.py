"""Recordings as streams: where each is, whose it is, and what is between them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.calibration.scores import Trace
from kws.metadata import DetectorDefaults
from kws_training.data.dataset import DataError
from kws_training.evaluation.blocks import FAINT
from kws_training.evaluation.conditions import CLEAN, RATE
from kws_training.evaluation.continuous import (
    LATENESS,
    PlacedPositive,
    PlacedRecording,
    StreamScores,
    hits,
    score_negatives,
    score_positives,
)
from kws_training.evaluation.detection import judge
from kws_training.evaluation.positives import Positive


def quietly(numbers, total, what):
    return numbers


def write(path: Path, seconds: float = 1.0, level: float = 0.1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(int(10 * seconds))
    soundfile.write(path, rng.normal(0, level, round(seconds * RATE)), RATE)
    return path


class Recorder(KeywordSpotter):
    """A spotter that keeps what it hears."""

    def reset(self):
        super().reset()
        if len(getattr(self, "pieces", ())) > 1:  # the end of a stream: it is kept
            self.stream = np.concatenate(self.pieces)
        self.pieces = []

    def process_posteriors(self, samples):
        self.pieces.append(np.array(samples))
        return super().process_posteriors(samples)


@pytest.fixture(scope="module")
def spotter():
    return Recorder.default()


def test_positives_in_a_stream(spotter, tmp_path):
    paths = [write(tmp_path / f"{n}.wav", 1 + n / 2) for n in range(3)]
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "zeros.wav", np.zeros(RATE), RATE)
    positives = [
        Positive(paths[0], "yes"),
        Positive(tmp_path / "bad.wav", "yes"),
        Positive(paths[1], "yes", 0.2, 0.6),
        Positive(tmp_path / "zeros.wav", "yes"),
        Positive(paths[2], "yes"),
    ]
    heard = score_positives(spotter, positives, CLEAN, 0, quietly)
    assert [one.path.name for one in heard.skipped] == ["bad.wav", "zeros.wav"]
    assert heard.seconds == pytest.approx(1 + 1.5 + 2)
    assert len(heard.positives) == 3
    stream = spotter.stream
    for one, path in zip(heard.positives, paths, strict=True):
        samples = soundfile.read(path)[0]
        first = round(one.at * RATE)
        part = stream[first : first + len(samples)]
        assert np.corrcoef(part, samples)[0, 1] > 0.99
        before = stream[first - RATE : first]
        assert 0.3 * FAINT < before.std() < 3 * FAINT  # faint noise, no digital silence
    assert heard.positives[0].first == heard.positives[0].at
    assert heard.positives[0].last == pytest.approx(heard.positives[0].at + 1 + LATENESS)
    assert heard.positives[1].first == pytest.approx(heard.positives[1].at + 0.2)
    assert heard.positives[1].last == pytest.approx(heard.positives[1].at + 0.6 + LATENESS)
    assert heard.positives[1].word_end == pytest.approx(heard.positives[1].at + 0.6)
    assert heard.positives[0].last < heard.positives[1].first
    with pytest.raises(DataError, match=r"none of the 1 recordings could be used: .*bad\.wav"):
        score_positives(spotter, positives[1:2], CLEAN, 0, quietly)


def test_negatives_in_a_stream(spotter, tmp_path):
    paths = [write(tmp_path / f"{n}.wav", seconds) for n, seconds in enumerate((2.0, 65.0, 1.0))]
    (tmp_path / "bad.wav").write_bytes(b"")
    heard = score_negatives(spotter, [*paths, tmp_path / "bad.wav"], CLEAN, 0, quietly)
    assert heard.seconds == pytest.approx(68)
    assert [one.path.name for one in heard.skipped] == ["bad.wav"]
    assert heard.place(1.0) == (paths[0], pytest.approx(1.0))
    path, at = heard.place(50.0)
    assert path == paths[1]
    samples = soundfile.read(path)[0][round(at * RATE) :][:RATE]
    assert np.corrcoef(spotter.stream[50 * RATE : 51 * RATE], samples)[0, 1] > 0.99
    # a part of them
    part = score_negatives(spotter, paths, CLEAN, 0, quietly, most_seconds=10.0)
    assert len(part.recordings) == 2
    assert part.seconds < 40


def said(at: float, keyword: str = "a") -> PlacedPositive:
    return PlacedPositive(Positive(Path(f"{at}.wav"), keyword), at, at, at + 1 + LATENESS, at + 0.8)


def test_events_and_recordings():
    found = hits(
        [said(at).span for at in (10, 20, 30)], np.array([5.0, 10.5, 11.5, 19.9, 31.9, 32.1])
    )
    np.testing.assert_array_equal(found.times, [10.5, np.nan, 31.9])
    assert found.misses == 1
    # a second event in a recording is none outside
    assert found.others.tolist() == [5.0, 19.9, 32.1]
    nothing = hits([said(10).span], np.zeros(0))
    assert nothing.misses == 1


def test_judging_counts_by_hand():
    """Two keywords, each said twice; the recordings of the one are negatives of the other."""
    step = 0.1

    def heard(peaks, seconds, said_=(), sources=None):
        scores = np.zeros((round(seconds / step), 2), np.float32)
        for at, label, score in peaks:
            scores[round(at / step) : round(at / step) + 3, label] = score
        trace = Trace(scores, step, seconds, exclusive=False)
        where = sources or tuple(PlacedRecording(one.positive.path, one.at) for one in said_)
        return StreamScores(trace, said_, where, seconds, ())

    spotter = KeywordSpotter.default()
    metadata = replace(
        spotter.metadata,
        task="wake-words",
        labels=("a", "b"),
        detector=DetectorDefaults(step, 0.5, 2.0, {"a": 0.5, "b": 0.5}),
        operating_points=(),
    )
    hour = 3600.0
    negatives = heard(
        [(100, 0, 0.7), (200, 0, 0.9), (300, 1, 0.4)],
        hour,
        sources=(PlacedRecording(Path("x.wav"), 0.0), PlacedRecording(Path("y.wav"), 150.0)),
    )
    positives = {
        "a": heard([(10.5, 0, 0.95), (20.5, 0, 0.8)], hour, (said(10), said(20))),
        "b": heard([(10.5, 1, 0.6), (20.5, 1, 0.3), (30, 0, 0.97)], hour, (said(10), said(20))),
    }
    report = judge(metadata, positives, negatives)
    a, b = report.keywords
    own = a.points[0]
    # in the negatives and in the recordings of b: two hours
    assert (own.misses, own.recordings, own.false_accepts, own.hours) == (0, 2, 3, 2.0)
    assert own.false_accepts_per_hour == 1.5
    tenth, half, one = a.points[1:]
    assert (tenth.target, tenth.supported, tenth.false_accepts) == (0.1, False, 0)
    assert tenth.threshold > 0.97
    assert tenth.misses == 2
    assert (half.supported, half.false_accepts, half.misses) == (True, 1, 1)
    assert 0.9 < half.threshold <= 0.95
    assert (one.false_accepts, one.misses) == (2, 0)
    assert 0.7 < one.threshold <= 0.9
    places = [(place.path.name, round(place.at, 1)) for place in a.false_accepts]
    assert places == [("20.wav", 10.1), ("y.wav", 50.1), ("x.wav", 100.1)]
    assert b.points[0].misses == 1
    assert b.points[0].false_accepts == 0
    assert [(place.path.name, round(place.score, 2)) for place in b.misses] == [("20.wav", 0.3)]
    # the event comes with the column that completes it: 10.6 + (window - hop) for words to 10.8
    late = metadata.front_end.window_seconds - metadata.front_end.hop_seconds
    assert a.latencies == pytest.approx([-0.2 + late, -0.2 + late], abs=1e-6)
    figures = report.to_dict()
    assert figures["hours"] == 1.0
    assert figures["recordings"] == 4
    assert len(figures["operating_points"]) == 8
    assert set(figures["latency_after_word_end"]) == {"median", "p95"}
    (drawn,) = [one for one in figures["curves"] if one["keyword"] == a.keyword]
    assert drawn == a.curve.to_dict(a.keyword)
    assert drawn["misses"] == a.curve.misses.tolist()
    # the curve agrees with the points
    at = np.searchsorted(-a.curve.thresholds, -half.threshold)
    assert (a.curve.false_accepts[at], a.curve.misses[at]) == (1, 1)


def test_each_second_of_negatives_counts_once_and_silence_never(spotter, tmp_path):
    rng = np.random.default_rng(0)
    speech = rng.normal(0, 0.05, 20 * RATE)
    for name, samples in (
        ("a", speech),
        ("b", speech),
        ("c", np.concatenate([rng.normal(0, 0.05, 10 * RATE), speech[: 10 * RATE]])),
        ("d", np.zeros(30 * RATE)),
    ):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
    paths = [tmp_path / f"{name}.wav" for name in "abcd"]
    heard = score_negatives(spotter, paths, CLEAN, 0, quietly)
    assert 30 <= heard.seconds < 36
    assert {one.path.stem for one in heard.recordings} == {"a", "c", "d"}
    reasons = {skip.path.stem: skip.reason for skip in heard.skipped}
    assert reasons["b"] == "20.00 s of it were heard before: they count once"
    assert "heard before" in reasons["c"]
    assert "nothing but digital silence" in reasons["d"]
    assert "a" not in reasons
    with pytest.raises(DataError, match="nothing but digital silence"):
        score_negatives(spotter, paths[3:], CLEAN, 0, quietly)


def test_places_are_those_of_the_recording_where_some_of_it_is_left_out(spotter, tmp_path):
    rng = np.random.default_rng(0)
    old, new = rng.normal(0, 0.05, 20 * RATE), rng.normal(0, 0.05, 10 * RATE)
    for name, samples in (("a", old), ("b", np.concatenate([old, new]))):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
    heard = score_negatives(spotter, [tmp_path / "a.wav", tmp_path / "b.wav"], CLEAN, 0, quietly)
    last = heard.recordings[-1]
    assert last.path.stem == "b"
    assert 14 < last.offset <= 20
    path, within = heard.place(last.at + 2)
    assert (path.stem, within) == ("b", pytest.approx(last.offset + 2))


def test_a_recording_of_a_keyword_counts_once(spotter, tmp_path):
    for name in ("a.wav", "b.wav"):
        write(tmp_path / name)
    positives = [Positive(tmp_path / name, "yes") for name in ("a.wav", "b.wav")]
    heard = score_positives(spotter, positives, CLEAN, 0, quietly)
    assert [one.positive.path.name for one in heard.positives] == ["a.wav"]
    (skip,) = heard.skipped
    assert skip.reason == f"is the same as {tmp_path / 'a.wav'}: it counts once"


def test_how_often_the_verifier_is_asked_is_counted(two_stages, wake_words, tmp_path):
    paths = [write(tmp_path / "long.wav", 4.0, 0.3)]
    spotter = KeywordSpotter(two_stages)
    once = score_negatives(spotter, paths, CLEAN, 0, quietly)
    again = score_negatives(spotter, paths, CLEAN, 0, quietly)
    assert once.verifications == again.verifications  # of each stream, not of the spotter's life
    assert 2 * once.verifications == spotter.verifications
    assert (
        score_negatives(KeywordSpotter(wake_words), paths, CLEAN, 0, quietly).verifications is None
    )
    own = score_positives(spotter, [Positive(paths[0], "yes")], CLEAN, 0, quietly)
    report = judge(two_stages.metadata, {"yes": own}, once)
    values = report.to_dict()
    assert values["verifications_per_hour"] == pytest.approx(once.verifications / report.hours)
    assert once.verifications > 0
