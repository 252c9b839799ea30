"""Made-up weights and words, so that the training side is tested without data."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from kws_training import yamnet_file

RATE = 16000


def word(kind: str, rng: np.random.Generator) -> np.ndarray:
    """A second with a made-up word in it: a rising, a falling or a trembling tone."""
    length = int(rng.uniform(0.35, 0.5) * RATE)
    time = np.arange(length) / RATE
    base = rng.uniform(300, 450)
    pitch = {
        "rise": base * (1 + 4 * time),
        "fall": base * (3 - 4 * time),
        "shake": base * (2 + np.sign(np.sin(2 * np.pi * 12 * time))),
    }[kind]
    tone = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / RATE)) * np.hanning(length)
    samples = rng.normal(0, 0.001, RATE)
    start = rng.integers(1000, RATE - length - 1000)
    samples[start : start + length] += rng.uniform(0.1, 0.4) * tone
    return samples.astype(np.float32)


@pytest.fixture(scope="session")
def make_word():
    return word


@pytest.fixture(scope="session")
def words(tmp_path_factory) -> Path:
    """Folder of made-up words by ten speakers: rise, fall, and shake as ``_unknown_``."""
    folder = tmp_path_factory.mktemp("words")
    rng = np.random.default_rng(0)
    for kind, label in (("rise", "rise"), ("fall", "fall"), ("shake", "_unknown_")):
        (folder / label).mkdir()
        for speaker in range(10):
            for take in range(3):
                name = folder / label / f"speaker{speaker}_nohash_{take}.wav"
                soundfile.write(name, word(kind, rng), RATE)
    return folder


@pytest.fixture(scope="session")
def speech(tmp_path_factory) -> Path:
    """Folder of longer recordings without a keyword: only trembling tones, and one is damaged."""
    folder = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(2)
    for number in range(8):
        samples = np.concatenate([word("shake", rng) for _ in range(4)])
        soundfile.write(folder / f"talk{number}.wav", samples, RATE)
    (folder / "damaged.wav").write_bytes(b"")
    return folder


@pytest.fixture(scope="session")
def made_yamnet(tmp_path_factory) -> Path:
    """YAMNet's architecture with random weights of sensible size, in the layout of the .h5."""
    path = tmp_path_factory.mktemp("yamnet") / "made.h5"
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for spec in yamnet_file._architecture():
            inputs = np.prod(spec.shape[:2]) * (1 if spec.depthwise else spec.shape[2])
            kernel = rng.normal(0, np.sqrt(2 / inputs), spec.shape)
            name = "depthwise_kernel" if spec.depthwise else "kernel"
            file[f"{spec.name}/{spec.name}/{name}:0"] = kernel.astype(np.float32)
            for variable, value in (("beta", 0), ("moving_mean", 0), ("moving_variance", 1)):
                file[f"{spec.name}/bn/{spec.name}/bn/{variable}:0"] = np.full(
                    spec.outputs, value, np.float32
                )
        file["dense/dense/kernel:0"] = np.zeros((1024, 521), np.float32)
        file["dense/dense/bias:0"] = np.zeros(521, np.float32)
    return path
