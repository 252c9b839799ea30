"""Clips: labels, what teachers say of waveforms, and how often each is drawn."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.frontend import WORDS
from kws.modelfile import read_model
from kws_deploy.distillation.examples import (
    UNLABELLED,
    UNLABELLED_SHARE,
    StudentData,
    join,
    labelled,
    recorded,
    taught,
    unlabelled,
)
from kws_training.data.dataset import Clip
from kws_training.data.images import WordImages, to_frames, to_images
from kws_training.data.recordings import ClipSet


def quiet(numbers, total, what):
    return numbers


MODEL = read_model(str(resources.files("kws") / "models" / "commands.tflite"))
LABELS = MODEL.metadata.labels


@pytest.fixture
def part():
    rng = np.random.default_rng(0)
    said = ["yes", "no", "_unknown_", "yes"]
    clips = [Clip(Path(f"{n}.wav"), label, label, f"s{n}") for n, label in enumerate(said)]
    audio = [(rng.normal(0, 3000, 16000)).astype(np.int16) for _ in clips]
    return ClipSet(clips, audio, [])


def images(words, sets=None):
    count = len(words)
    return WordImages(
        np.zeros((count, 98, 40), np.uint8),
        np.array(words),
        np.array([f"i{n}" for n in range(count)]),
        np.array(sets or [""] * count),
    )


def test_images_of_left_out_speakers_and_of_test_lists_stay_out():
    found = labelled(images(["yes", "bird", "no", "up"], ["", "", "", "test"]), LABELS, 0.0, {"i2"})
    assert found.labels.tolist() == [LABELS.index("yes"), 1]
    assert np.isnan(found.teacher_posteriors).all()


def test_recordings_keep_their_labels(part):
    found = recorded(part, LABELS)
    assert [LABELS[n] for n in found.labels] == ["yes", "no", "_unknown_", "yes"]
    assert found.images.shape == (4, 98, WORDS.bands)
    assert (unlabelled(part, LABELS).labels == UNLABELLED).all()
    assert len(unlabelled(ClipSet([], [], []), LABELS).images) == 0


def test_teachers_of_waveforms_judge_what_the_student_gets(part):
    teacher = KeywordSpotter(MODEL)
    noise = [np.random.default_rng(1).normal(0, 0.1, 40000).astype(np.float32)]
    found = taught(part, LABELS, [teacher], 2, 1.0, noise, 0, quiet)
    assert len(found.images) == 8
    scores = teacher.classify(part.audio[1]).scores
    assert found.teacher_posteriors[1] == pytest.approx(
        [scores[label] for label in LABELS], abs=1e-5
    )
    assert not np.array_equal(found.images[1], found.images[5])  # the second copy is augmented
    softer = taught(part, LABELS, [teacher, teacher], 1, 4.0, noise, 0, quiet)
    assert softer.teacher_posteriors.sum(axis=1) == pytest.approx(1)
    assert softer.teacher_posteriors[1].max() < found.teacher_posteriors[1].max()


def test_shares_are_between_as_often_as_they_are_and_equally_often():
    words = ["yes"] * 100 + ["no"] * 4 + ["bird"] * 90 + ["cat"] * 10
    data = labelled(images(words), LABELS, 0.0, set())
    shares = data.shares
    said = np.array(words)
    assert shares.sum() == pytest.approx(1)
    assert shares[said == "yes"].sum() / shares[said == "no"].sum() == pytest.approx(5)
    assert shares[said == "bird"].sum() / shares[said == "cat"].sum() == pytest.approx(3)
    free = StudentData(
        data.images[:7], np.full(7, UNLABELLED), np.full(7, ""), data.teacher_posteriors[:7]
    )
    both = join([data, free])
    assert both.shares[-7:].sum() == pytest.approx(UNLABELLED_SHARE)
    assert both.shares.sum() == pytest.approx(1)


def test_grey_levels_and_frames_are_the_same_thing():
    grey = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_images(to_frames(grey)), grey)
    assert to_frames(grey)[0] == pytest.approx(WORDS.floor)
    assert to_frames(grey)[-1] == pytest.approx(WORDS.ceiling, abs=1e-4)
