"""Events at every threshold are the detector's own; thresholds and intervals by hand and chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import KeywordSpotter
from kws.calibration.scores import Trace, Track, trace, trace_blocks, track
from kws.calibration.thresholds import calibrate, lowest_threshold, threshold_for, thresholds_grid
from kws.detector import Detector
from kws.errors import KwsError
from kws.metadata import DetectorDefaults
from kws.modelfile import ModelFile

STEP = 0.04
#: Seconds from column to column where there are hours of them.
SLOW = 0.5
LABELS = ("_silence_", "_unknown_", "yes", "no")


def made_trace(seed: int, columns: int, labels: int, exclusive: bool) -> Trace:
    """Scores that wander up and down, as those of a network do, some of them 0 or 1 exactly."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (columns, labels)).cumsum(axis=0) * 0.5 + rng.normal(0, 3, labels)
    logits = 12 * np.sin(logits)
    if exclusive:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
    else:
        scores = 1 / (1 + np.exp(-logits))
    scores = np.where(rng.random(scores.shape) < 0.02, np.round(scores), scores)
    return Trace(scores.astype(np.float32), STEP, columns * STEP, exclusive)


def detected(one: Trace, labels: tuple[str, ...], defaults: DetectorDefaults) -> list[list[float]]:
    """What the shipping detector says, column after column."""
    detector = Detector(labels, defaults, one.column_seconds, one.exclusive)
    found: list[list[float]] = [[] for _ in labels]
    for column in one.scores:
        for event in detector.update(column):
            found[event.label].append(event.step * one.column_seconds)
    return found


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    labels=st.integers(1, 5),
    exclusive=st.booleans(),
    window=st.integers(1, 20),
    refractory=st.floats(0, 2),
    threshold=st.floats(0.001, 1),
    on_a_score=st.booleans(),
)
def test_events_are_those_of_the_detector(
    seed, labels, exclusive, window, refractory, threshold, on_a_score
):
    names = tuple("abcde"[:labels])
    one = made_trace(seed, 400, labels, exclusive)
    defaults = DetectorDefaults(window * STEP, refractory, 1.0, {})
    if on_a_score:  # a score that is the threshold exactly passes, and half of it does not re-arm
        smoothed = track(one, names, defaults, "a").smoothed
        threshold = min(1.0, float(smoothed[seed % 400]) * (1 + seed % 2) or threshold)
    defaults = DetectorDefaults(window * STEP, refractory, 1.0, dict.fromkeys(names, threshold))
    for name, times in zip(names, detected(one, names, defaults), strict=True):
        scores = track(one, names, defaults, name)
        assert scores.events(threshold).tolist() == times
        assert scores.count(threshold) == len(times)


@pytest.mark.parametrize("labels", [1, 2, 7])
@pytest.mark.parametrize("window", [1, 3, 8, 9, 16, 130])
def test_smoothing_is_the_detectors_to_the_last_bit(labels, window):
    one = made_trace(3, 300, labels, exclusive=False)
    names = tuple(f"word {n}" for n in range(labels))
    defaults = DetectorDefaults(window * STEP, 0.0, 1.0, dict.fromkeys(names, 0.5))
    detector = Detector(names, defaults, STEP)
    means = []
    for column in one.scores:
        detector.update(column)
        means.append(detector._scores.mean(axis=0))
    for number, name in enumerate(names):
        smoothed = track(one, names, defaults, name).smoothed
        assert np.array_equal(smoothed, np.array(means)[:, number])


def peaks(heights: list[float], every: float = 10.0) -> Trace:
    """One label; a rectangle of score of 0.2 s every so many seconds, from 0."""
    scores = np.zeros((round(every / STEP) * len(heights), 1), np.float32)
    for number, height in enumerate(heights):
        start = round((number + 0.5) * every / STEP)
        scores[start : start + 5] = height
    return Trace(scores, STEP, len(scores) * STEP, exclusive=False)


BARE = DetectorDefaults(STEP, 0.5, 1.0, {})


def test_the_lowest_threshold_for_a_rate_lies_between_two_events():
    heights = [0.3, 0.5, 0.6, 0.9, 0.95, 0.7]
    one = peaks(heights)  # a minute
    for most, (below, above) in enumerate([(0.95, 1), (0.9, 0.95), (0.7, 0.9), (0.6, 0.7)]):
        threshold = threshold_for([one], ("a",), BARE, "a", 60 * most)
        assert below < threshold < above
        assert track(one, ("a",), BARE, "a").count(threshold) == most
    # two recordings are two minutes: half as many events each
    assert 0.7 < threshold_for([one, one], ("a",), BARE, "a", 120) < 0.9


def test_scores_near_one_are_told_apart():
    sure = [1 - 10.0**-n for n in (2, 3, 4, 5, 6)]
    threshold = threshold_for([peaks(sure)], ("a",), BARE, "a", 2 * 60 / (50 / 60))
    assert sure[2] < threshold < sure[3]


def test_a_score_that_never_falls_is_not_taken_for_a_quiet_one():
    """One event in all, as it never re-arms: but just above, there are many."""
    rng = np.random.default_rng(0)
    scores = (0.62 + 0.28 * np.sin(np.arange(5000) / 3)).astype(np.float32)[:, None]
    one = Trace(scores * rng.uniform(0.9, 1, scores.shape).astype(np.float32), STEP, 200.0, False)
    low = lowest_threshold([track(one, ("a",), BARE, "a")], 1)
    assert track(one, ("a",), BARE, "a").count(0.01) == 1
    assert low is not None
    assert low > 0.8


def test_a_threshold_leaves_room_for_the_detector_to_be_armed_again():
    """A score that rests at 0.01: no event at 0.011, but after the first none ever again."""
    scores = np.full((10_000, 1), 0.01, np.float32)
    one = Trace(scores, STEP, 400.0, exclusive=False)
    low = lowest_threshold([track(one, ("a",), BARE, "a")], 0)
    assert low is not None
    assert 0.02 < low < 0.03


def test_a_rate_that_no_threshold_gives():
    one = peaks([1.0, 1.0, 1.0])
    assert threshold_for([one], ("a",), BARE, "a", 0.0) == 1.0
    assert lowest_threshold([track(one, ("a",), BARE, "a")], 2) is None


def test_thresholds_are_thresholds():
    grid = thresholds_grid()
    assert np.all(np.diff(grid) > 0)
    assert 0 < grid[0] < 0.001
    assert grid[-1] == 1.0
    assert 200 < len(grid) < 400
    assert np.array_equal(grid, grid.astype(np.float32))


def test_ten_hours():
    """In output frames of 40 ms, all thresholds: too many for a loop over frames and thresholds."""
    rng = np.random.default_rng(0)
    scores = rng.random((900_000, 1), np.float32) ** 8
    one = Trace(scores, STEP, 36000.0, exclusive=False)
    threshold = threshold_for([one], ("a",), DetectorDefaults(0.2, 1.0, 1.0, {}), "a", 0.5)
    assert 0 < threshold < 1


def test_a_keyword_that_the_model_does_not_have():
    with pytest.raises(KwsError, match="it has _silence_, _unknown_, yes, no"):
        track(made_trace(0, 10, 4, True), LABELS, BARE, "maybe")


def test_a_trace_of_the_demo(model: ModelFile, demo):
    """The columns that process and flush see, so that the events are the same."""
    spotter = KeywordSpotter(model)
    one = trace(spotter, demo.samples)
    assert one.seconds == pytest.approx(len(demo.samples) / 16000)
    labels, defaults = spotter.metadata.labels, spotter.metadata.detector
    spotter.reset()
    said = [*spotter.process(demo.samples), *spotter.flush()]
    for keyword in spotter.keywords:
        found = track(one, labels, defaults, keyword).events(defaults.thresholds[keyword])
        times = [d for d in said if d.keyword == keyword]
        assert len(found) == len(times)
        for at, detection in zip(found, times, strict=True):
            assert detection.start < at < detection.end + 1


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_trace_is_the_same_in_pieces(model: ModelFile, rate):
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.01, 5 * rate).astype(np.float32)
    spotter = KeywordSpotter(model, sample_rate=rate)
    whole = trace(spotter, samples)
    pieces = trace_blocks(spotter, np.split(samples, [1, 700, 2 * rate, 4 * rate + 3]))
    assert whole.scores.shape == pieces.scores.shape
    assert np.allclose(whole.scores, pieces.scores, atol=1e-3)
    assert pieces.seconds == whole.seconds == 5.0
    # nothing of a stream is left behind for the next
    assert np.array_equal(trace(spotter, samples).scores, whole.scores)


def poisson_track(rng: np.random.Generator, hours: float, per_hour: float) -> Track:
    """Events at random, each with a height that an exponential distribution gives."""
    columns = round(hours * 3600 / SLOW)
    smoothed = np.zeros(columns, np.float32)
    at = rng.integers(0, columns, rng.poisson(per_hour * hours))
    smoothed[at] = 1 - np.exp(-rng.exponential(1.0, len(at)) - 0.1)
    return Track(smoothed, np.ones(columns, np.bool_), 1, SLOW, hours * 3600)


@pytest.mark.parametrize(("hours", "rate"), [(6.2, 0.5), (3.0, 2.0), (2.0, 10.0)])
def test_a_calibrated_threshold_keeps_its_promise_on_fresh_hours(hours, rate):
    rng = np.random.default_rng(0)
    kept, counts = [], []
    for _ in range(50):
        one = calibrate([poisson_track(rng, hours, 30.0)], "a", rate)
        assert one.interval[0] <= one.false_accepts_per_hour <= rate
        fresh = poisson_track(rng, hours, 30.0)
        kept.append(fresh.count(one.threshold) <= rate * hours)
        counts.append(fresh.count(one.threshold))
    assert np.mean(kept) >= 0.9
    assert np.mean(counts) > 0.25 * rate * hours  # and not by never firing


def test_the_lowest_threshold_without_a_margin_breaks_the_promise():
    """Which is why there is one."""
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(50):
        threshold = lowest_threshold([poisson_track(rng, 3.0, 30.0)], 6)
        kept.append(poisson_track(rng, 3.0, 30.0).count(threshold) <= 6)
    assert np.mean(kept) < 0.75


def test_events_in_bursts_are_given_more_room():
    rng = np.random.default_rng(1)
    calm = poisson_track(rng, 10.0, 30.0)
    quiet = calm.smoothed.copy()
    quiet[: 6 * len(quiet) // 10] = 0  # all of them in four of the ten hours
    bursts = replace(calm, smoothed=quiet)
    assert calibrate([bursts], "a", 2.0).count < calibrate([calm], "a", 2.0).count


def test_audio_that_is_too_short_to_promise():
    rng = np.random.default_rng(0)
    with pytest.raises(KwsError, match=r"5\.90 h of audio are too short .* give at least 6 h"):
        calibrate([poisson_track(rng, 5.9, 30.0)], "a", 0.5)
    with pytest.raises(KwsError, match=r"0\.00 h of audio are too short"):
        calibrate([], "a", 0.5)
    assert calibrate([poisson_track(rng, 6.0, 30.0)], "a", 0.5).count == 0


def test_a_keyword_that_is_said_all_the_time():
    scores = np.tile(np.float32([1, 0]), 5000)
    sure = Track(scores, np.ones(10_000, np.bool_), 1, 2.2, 22_000.0)
    with pytest.raises(KwsError, match="even at the highest threshold"):
        calibrate([sure], "a", 0.5)


def test_events_of_wake_words_are_what_the_spotter_detects(model: ModelFile, demo):
    """Of phrases that do not compete nothing is dropped, whatever the sound was taken for."""
    names = tuple(label.strip("_") for label in model.metadata.labels)
    old = model.metadata.detector
    detector = replace(old, thresholds=dict.fromkeys(names, 0.9))
    metadata = replace(
        model.metadata, task="wake-words", labels=names, detector=detector, operating_points=()
    )
    spotter = KeywordSpotter(replace(model, metadata=metadata))
    said = [*spotter.process(demo.samples), *spotter.flush()]
    one = trace(spotter, demo.samples)
    assert not one.exclusive
    assert len(said) > 10
    for name in names:
        assert track(one, names, detector, name).count(0.9) == sum(
            detection.keyword == name for detection in said
        )
