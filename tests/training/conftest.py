"""Made-up weights and words, so that the training side is tested without data."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from kws_training.networks import yamnet_file

RATE = 16000


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory) -> Iterator[None]:
    """No test, and no process that one starts, writes into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KWS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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
        for spec in yamnet_file.architecture():
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


@pytest.fixture(scope="session")
def made_speech_embedding(tmp_path_factory) -> Path:
    """The speech embedding's architecture with random weights, as the original's TFLite."""
    import tensorflow as tf
    from keras import Input, Model, layers, ops

    from kws.console import quiet
    from kws_training.networks import speech_file

    rng = np.random.default_rng(5)
    pools = iter(speech_file.POOLS)
    ends = set(np.cumsum([2 * pairs for pairs in speech_file.PAIRS]).tolist())
    x = frames = Input(batch_shape=(1, 76, 32, 1))
    shapes = speech_file.kernel_shapes()
    for number, shape in enumerate(shapes):
        if number == 0:
            x = layers.ZeroPadding2D((0, 1))(x)
        padding = "same" if shape[:2] == (1, 3) else "valid"
        layer = layers.Conv2D(shape[3], shape[:2], padding=padding)
        x = layer(x)
        scale = np.sqrt(2 / np.prod(shape[:3]))
        layer.set_weights([rng.normal(0, scale, shape), rng.normal(0, 0.3, shape[3])])
        if number < len(shapes) - 1:
            x = ops.maximum(ops.leaky_relu(x, speech_file.SLOPE), speech_file.LEAST)
        if number in ends:
            x = layers.MaxPooling2D((next(pools), 2))(x)
    path = tmp_path_factory.mktemp("speech") / "made.tflite"
    with quiet():
        path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(Model(frames, x)).convert())
    return path


@pytest.fixture(scope="session")
def word_images():
    """Log-mel images of the made-up words, four each by 24 speakers."""
    from kws_training.data.images import WordImages, image_of

    rng = np.random.default_rng(3)
    rows = [
        (kind, f"s{who}")
        for kind in ("rise", "fall", "shake")
        for who in range(24)
        for _ in range(4)
    ]
    return WordImages(
        np.stack([image_of(word(kind, rng)) for kind, _ in rows]),
        np.array([kind for kind, _ in rows]),
        np.array([who for _, who in rows]),
        np.full(len(rows), ""),
    )


@pytest.fixture(scope="session")
def noise_bank() -> np.ndarray:
    """Log-mel frames of made-up noise."""
    from kws.frontend import WORDS, log_mel

    return log_mel(np.random.default_rng(4).normal(0, 0.02, 4 * RATE).astype(np.float32), WORDS)


@pytest.fixture(scope="session")
def tiny_base(request, made_once, tmp_path_factory) -> Path:
    """A word base of a few hundred weights that has seen the made-up words."""
    from kws.modelfile import pack
    from kws_training.networks.word_base import BaseShape
    from kws_training.word_base.data import WordBaseSources
    from kws_training.word_base.defaults import FitConfig, WordBaseOptions
    from kws_training.word_base.train import train

    def write(path: Path) -> None:
        words, noise = map(request.getfixturevalue, ("word_images", "noise_bank"))
        shape = BaseShape(stem=4, width=12, features=16, fine=(3,), coarse=(5, 5), pool=3)
        config = FitConfig(epochs=12, batch=16, phonemes=0.0)
        options = WordBaseOptions(validation=0.1, shape=shape, fit=config)
        folder = tmp_path_factory.mktemp("base")
        made = train(WordBaseSources(words, None, noise), options, folder).model
        path.write_bytes(pack(made.network, made.metadata))

    return made_once("tiny_base.tflite", write)
