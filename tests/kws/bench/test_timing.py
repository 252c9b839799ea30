"""Times of steps: what is measured, not how long it takes here."""

from __future__ import annotations

import gc
from dataclasses import astuple, replace

import numpy as np
import pytest

from kws import KwsError
from kws.bench import timing
from kws.frontend import log_mel
from kws.modelfile import ModelFile


def test_the_summary_is_of_measured_times() -> None:
    taken = np.arange(1, 1001, dtype=np.int64) * 1000
    np.random.default_rng(0).shuffle(taken)
    times = timing.summary(taken, 2)
    assert times.median == pytest.approx(500.5e-6)
    assert times.p90 == pytest.approx(901e-6)
    assert times.p99 == pytest.approx(991e-6)
    assert times.largest == pytest.approx(1e-3)
    assert (times.steps, times.threads) == (1000, 2)


def test_of_few_steps_p99_is_the_largest() -> None:
    times = timing.summary(np.array([5, 9, 7], np.int64), 1)
    assert times.p99 == times.largest == pytest.approx(9e-9)


def test_the_collector_is_off_while_time_is_taken_only() -> None:
    seen = []
    assert gc.isenabled()
    timing.measure(lambda number: seen.append((number, gc.isenabled())), 3, first=7)
    assert seen == [(7, False), (8, False), (9, False)]
    assert gc.isenabled()


def test_the_collector_comes_back_after_an_error() -> None:
    def fail(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        timing.measure(fail, 3)
    assert gc.isenabled()


def test_each_step_is_measured_alone() -> None:
    """A time for each step, of which the longest is the one that did most."""
    work = {4: 200_000}
    taken = timing.measure(lambda number: sum(range(work.get(number, 10))), 8)
    assert taken.shape == (8,)
    assert taken.min() > 0
    assert taken.argmax() == 4


def test_the_frames_are_real(model: ModelFile) -> None:
    """Frames as the offline front end gives them for the same noise, every step another."""
    frames = timing.noise_frames(model)
    front_end, streaming = model.metadata.front_end, model.metadata.streaming
    assert frames.shape == (timing.PREPARED, streaming.frames, front_end.bands)
    samples = timing.noise(model).reshape(-1)
    whole = log_mel(samples, front_end)
    np.testing.assert_array_equal(frames.reshape(-1, front_end.bands)[: len(whole)], whole)
    assert len({step.tobytes() for step in frames}) == timing.PREPARED
    assert frames.std() > 0.5  # no silence, no clipped bands
    np.testing.assert_array_equal(timing.noise(model), timing.noise(model))


@pytest.mark.parametrize(
    "times",
    [timing.network_times, timing.front_end_times, timing.detector_times, timing.spotter_times],
)
def test_each_part_of_the_shipped_model(model: ModelFile, times: object) -> None:
    found = times(model, steps=40)  # type: ignore[operator]
    assert found.steps == 40
    assert found.threads == 1
    assert 0 < found.median <= found.p90 <= found.p99 <= found.largest
    assert all(isinstance(value, float) for value in astuple(found)[:4])


def test_threads_are_said(model: ModelFile) -> None:
    assert timing.network_times(model, steps=5, threads=2).threads == 2
    assert timing.spotter_times(model, steps=5, threads=2).threads == 2


def test_a_step_of_the_spotter_is_one_step_of_the_network(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is timed as a whole step does the work of exactly one, not none and not two."""
    from kws.network import StreamingNetwork

    done = []
    step = StreamingNetwork.step

    def counted(self: StreamingNetwork, frames: np.ndarray) -> np.ndarray:
        done.append(1)
        return step(self, frames)

    work = timing.spotter_work(model)
    timing.warm_up(work)
    monkeypatch.setattr(StreamingNetwork, "step", counted)
    timing.measure(work, 30)
    assert len(done) == 30


def test_sounds_and_wake_words_have_a_detector_too(model: ModelFile) -> None:
    from kws.metadata import DetectorDefaults, SegmenterDefaults

    old = model.metadata.detector
    assert isinstance(old, DetectorDefaults)
    thresholds = old.thresholds
    sounds = SegmenterDefaults(0.5, 0.5, 0.1, 0.2, thresholds)
    for metadata in (
        replace(model.metadata, task="sounds", detector=sounds),
        replace(model.metadata, task="wake-words"),
    ):
        assert timing.detector_times(replace(model, metadata=metadata), steps=5).steps == 5


def test_no_steps_are_refused(model: ModelFile) -> None:
    with pytest.raises(KwsError, match="0 steps"):
        timing.network_times(model, steps=0)
