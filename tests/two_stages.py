"""Model files of wake words that no training made: in one stage, and in two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kws.metadata import DetectorDefaults, StreamingContract, Verifier
from kws.modelfile import ModelFile, pack, parse_model
from kws.packaged import packaged_model

from .one_layer import one_layer_network

#: Logit from which the verifier is asked.
GATE_LOGIT = 10.0


def window_network(frames: int, bands: int, labels: int, seed: int = 0) -> bytes:
    """Return a TFLite network that gives logits (1, 1, labels) of one window: a verifier.

    It is a single layer, so that each logit depends on every frame of the window.
    """
    size = frames * bands
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(labels, size), scale=0.5 / size**0.5).astype(np.float32)
    return one_layer_network(frames, 1, weights)


def wake_word_model() -> ModelFile:
    """Return the word base, each of its words taken for a wake word."""
    words = packaged_model("words")
    labels = tuple(label.strip("_") for label in words.metadata.labels)
    defaults = DetectorDefaults(0.24, 1.0, 1.2, dict.fromkeys(labels, 0.5))
    metadata = replace(
        words.metadata,
        task="wake-words",
        labels=labels,
        detector=defaults,
        operating_points=(),
        arrays={},
    )
    return parse_model(pack(words.network, metadata), "wake.tflite")


def two_stage_model() -> ModelFile:
    """Return the same with a verifier that hears the latest 1.6 s again."""
    first = wake_word_model()
    labels, bands = first.metadata.labels, first.metadata.front_end.bands
    verifier = Verifier(
        # a softmax was trained to give these logits: as scores of their own they are all high
        gates=dict.fromkeys(labels, float(1 / (1 + np.exp(-GATE_LOGIT)))),
        weight=0.4,
        limit=5.0,
        alone=dict.fromkeys(labels, 0.7),
        streaming=StreamingContract(160, 160, "frames", "logits", ()),
        network=window_network(160, bands, len(labels)),
    )
    metadata = replace(first.metadata, verifier=verifier)
    return parse_model(pack(first.network, metadata), "two.tflite")
