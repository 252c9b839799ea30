"""A student learns made-up words from images and a teacher, as a process."""

import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.modelfile import read_model
from kws_deploy.material import labelled
from kws_training.data.images import read_images, second_of, to_frames, to_images

DEFAULT = resources.files("kws") / "models" / "commands.tflite"
LABELS = read_model(str(DEFAULT)).metadata.labels


def tone(rng, pitch):
    time = np.arange(8000) / 16000
    samples = rng.normal(0, 0.001, 16000)
    samples[4000:12000] += 0.2 * np.sin(2 * np.pi * pitch * (1 + rng.uniform(-0.05, 0.05)) * time)
    return samples.astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Tones by ten speakers under the names of the package's commands, and noise."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number, word in enumerate(LABELS[2:]):
        (folder / "words" / word).mkdir(parents=True)
        for speaker in range(10):
            name = folder / "words" / word / f"s{speaker}_nohash_0.wav"
            soundfile.write(name, tone(rng, 300 * 1.25**number), 16000)
    (folder / "noise").mkdir()
    soundfile.write(folder / "noise" / "hiss.wav", rng.normal(0, 0.01, 16000 * 10), 16000)
    np.savez(
        folder / "images.npz",
        x=rng.integers(0, 255, (30, 98, 40), dtype=np.uint8),
        label=np.array(["bird"] * 30),
        speaker=np.array([f"i{n}" for n in range(30)]),
    )
    return folder


def test_distill(data, tmp_path):
    output = tmp_path / "student.tflite"
    result = subprocess.run(
        [sys.executable, "-m", "kws", "distill",
         str(DEFAULT), "--data", str(data / "words"),
         "--noise", str(data / "noise"), "--features", str(data / "images.npz"),
         "--output", str(output), "--width", "16", "--epochs", "2", "--copies", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "teacher: " in result.stdout
    assert "student: " in result.stdout
    model = read_model(output)
    assert model.metadata.labels == LABELS
    assert model.metadata.front_end == WORDS
    assert len(model.network) < 40_000
    assert set(model.metadata.detector.thresholds) == set(LABELS[2:])
    assert KeywordSpotter(model).process(np.zeros(16000, np.int16)) == []


def test_images_and_frames_are_the_same_thing():
    images = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_images(to_frames(images)), images)
    assert to_frames(images)[0] == pytest.approx(WORDS.floor)
    assert to_frames(images)[-1] == pytest.approx(WORDS.ceiling, abs=1e-4)


def test_images_of_left_out_speakers_stay_out(data):
    material = labelled(read_images(data / "images.npz"), LABELS, 0.0, {"i0", "i1"})
    assert len(material.images) == 28
    assert set(material.labels) == {1}
    assert (material.targets.sum(axis=1) == 1).all()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", b"text"])
def test_damaged_images(tmp_path, content):
    path = tmp_path / "images.npz"
    path.write_bytes(content)
    with pytest.raises(KwsError, match=r"images\.npz"):
        read_images(path)


def test_images_with_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, x=np.array([object()]), label=np.array(["a"]), speaker=np.array(["b"]))
    with pytest.raises(KwsError, match=r"images\.npz"):
        read_images(path)


def test_a_second_of_any_recording():
    for length in (0, 1, 15999, 16000, 40000):
        assert len(second_of(np.ones(length, np.int16))) == 16000
