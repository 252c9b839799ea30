"""A phoneme network that no training made: each phoneme is a tone, in a mel band of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.arrays import Float32
from kws.frontend import WORDS
from kws.metadata import NO_DETECTOR, Metadata, StreamingContract
from kws.modelfile import ModelFile, pack, parse_model
from kws.phonemes.graph import encode
from kws.phonemes.pronunciations import pronunciations
from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS, PHONEME_TASK, VOICE_INDEX

from .one_layer import one_layer_network

#: Frames of an output frame: 20 ms.
FRAMES = 2
#: Output frames of a step.
COLUMNS = 2
#: ln(power) of a band from which its phoneme is more probable than the blank.
LEVEL = -1.0


def tone_network() -> bytes:
    """Return a TFLite network whose logits (1, 2, 42) are the levels of the bands of 4 frames."""
    bands = WORDS.bands
    size = FRAMES * bands
    weights = np.zeros((len(OUTPUTS), size), np.float32)
    for band in range(bands):
        weights[1 + band, band::bands] = 1.5 / FRAMES
    weights[VOICE_INDEX] = 3 / size
    bias = np.full(len(OUTPUTS), -1.5 * LEVEL, np.float32)
    bias[BLANK_INDEX], bias[VOICE_INDEX] = 0, 39
    return one_layer_network(FRAMES * COLUMNS, COLUMNS, weights, bias)


def phoneme_model() -> ModelFile:
    """Return the network as a model file of phonemes."""
    metadata = Metadata(
        task=PHONEME_TASK,
        labels=OUTPUTS,
        front_end=WORDS,
        streaming=StreamingContract(FRAMES * COLUMNS, FRAMES * COLUMNS, "frames", "logits", ()),
        detector=NO_DETECTOR,
    )
    return parse_model(pack(tone_network(), metadata), "tones.tflite")


def tones(
    phonemes: Sequence[str], before: float = 0.3, after: float = 0.3, seconds: float = 0.08
) -> Float32:
    """Return what a speaker of tones says: float32 (n,) at the rate of `WORDS`.

    Each phoneme is a tone in the middle of its band, with quiet as long as itself behind it.
    """
    rate = WORDS.sample_rate
    centres = band_centres()
    length = round(seconds * rate)
    time = np.arange(length) / rate
    fade = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 0.5
    pieces = [np.zeros(round(before * rate))]
    for label in encode(phonemes):
        pieces += [0.5 * fade * np.sin(2 * np.pi * centres[label - 1] * time), np.zeros(length)]
    pieces.append(np.zeros(round(after * rate)))
    return np.concatenate(pieces).astype(np.float32)


def phonemes_of(text: str) -> list[str]:
    """Return the phonemes of a text, each word said in the first of its ways."""
    return [sign for word in text.split() for sign in pronunciations(word)[0]]


def say(text: str, before: float, after: float) -> Float32:
    """Return a text as a speaker of tones says it, with seconds of silence around it."""
    return tones(phonemes_of(text), before, after)


def band_centres() -> list[float]:
    """Return the middle of each mel band, in Hz."""
    low, high = (1127 * np.log1p(hz / 700) for hz in (WORDS.low_hz, WORDS.high_hz))
    edges = np.linspace(low, high, WORDS.bands + 2)
    return [float(700 * np.expm1(mel / 1127)) for mel in edges[1:-1]]
