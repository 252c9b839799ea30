"""What a student of wake words hears, and which windows are drawn of it."""

from __future__ import annotations

import numpy as np
import pytest

from kws.packaged import packaged_model
from kws.spotter import KeywordSpotter
from kws_deploy.students.micro import STRIDE
from kws_deploy.wake_words.fit import RESULTS, FitConfig, WindowSampler
from kws_deploy.wake_words.streams import (
    LARGEST_LOGIT,
    LONGEST_PIECE,
    NEAR,
    NOTHING,
    STEP,
    HeardStream,
    Recording,
    hear,
    to_bytes,
    to_frames,
)
from kws_training.augmentation.augment import Augmentation

#: Nothing happens to a recording but the quiet around it.
PLAIN = Augmentation(speed=0.0, noise=0.0, gain=(0.0, 0.0))


def as_it_comes(numbers, count, what):
    return numbers


def recording(seconds: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(round(seconds * 16000)) * 2000).astype(
        np.int16
    )


@pytest.fixture(scope="module")
def heard() -> HeardStream:
    """Two phrases, one of them twice, and what is none; the teacher is no teacher of these."""
    recordings = [
        Recording(recording(1.0, 1), 0, 3200, 12800),
        Recording(recording(1.5, 2), 1, 1600, 20000),
        Recording(recording(20.0, 3)),
    ]
    teacher = KeywordSpotter(packaged_model("commands-small"), keywords=["yes", "no"])
    return hear(recordings, 2, [teacher], PLAIN, [], [], 8, as_it_comes)


def test_student_and_teacher_are_heard_at_the_same_times(heard: HeardStream) -> None:
    results = len(heard.said)
    assert len(heard.frames) == STRIDE * results
    assert heard.frames.dtype == np.uint8
    assert heard.teacher_logits.shape == (results, 4)  # of this teacher, all labels
    assert np.abs(heard.teacher_logits).max() <= LARGEST_LOGIT
    assert 25 < heard.hours * 3600 < 32
    assert LONGEST_PIECE < 20 * 16000, "the long recording is not cut"


def test_each_phrase_is_due_as_often_as_it_is_heard(heard: HeardStream) -> None:
    said = heard.said
    for number in (0, 1):
        due = np.concatenate([[0], said == number, [0]]).astype(int)
        begins, ends = np.flatnonzero(np.diff(due) > 0), np.flatnonzero(np.diff(due) < 0)
        assert len(begins) == 2
        # from 40 ms before the end to 0.4 s after it
        assert set(ends - begins) <= {14, 15}
    assert (said == NEAR).sum() > 50
    assert (said == NOTHING).sum() > 300
    assert np.isin(said, [0, 1, NEAR, NOTHING]).all()


def test_bytes_are_what_an_int8_network_sees() -> None:
    frames = np.array([0.0, STEP / 2.1, 13.0, 26.0, 30.0], np.float32)
    assert to_bytes(frames).tolist() == [0, 0, 128, 255, 255]
    np.testing.assert_allclose(to_frames(to_bytes(frames)), frames.clip(0, 26), atol=STEP / 2)


def test_windows_are_those_of_the_stream(heard: HeardStream) -> None:
    frames = 60 + STRIDE * (RESULTS - 1)
    sampler = WindowSampler(heard, frames)
    assert sorted(sampler.phrases.tolist()) == [0, 0, 1, 1]
    config = FitConfig(positives=6, negatives=5, mined=4)
    mined = sampler.negatives[:3]
    batch = sampler.batch(np.random.default_rng(0), config, mined)
    phrases, teacher = batch.targets
    (due,) = batch.weights
    assert batch.inputs.shape == (15, frames, 1, 40)
    assert phrases.shape == (15, 4)
    assert phrases[:6].sum() == 6
    assert not phrases[6:].any()
    assert (due[:6].sum(axis=1) >= 6).all()
    assert not due[6:].any()
    assert teacher.shape == (15, RESULTS, 4)
    end = int(sampler.negatives[-1])
    window = sampler.frames(np.array([end]))[0, :, 0]
    np.testing.assert_array_equal(
        window, to_frames(heard.frames[STRIDE * (end + 1) - frames : STRIDE * (end + 1)])
    )
    # before the stream there is silence
    assert not sampler.frames(np.array([0]))[0, : frames - STRIDE].any()
