"""Logits as a phoneme network would give them for a string of phonemes that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.arrays import Float32
from kws.phonemes.graph import encode
from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS, VOICE_INDEX


def spoken(
    phonemes: Sequence[str],
    seed: int = 0,
    before: int = 10,
    after: int = 10,
    noise: float = 1.0,
    margin: float = 8.0,
) -> Float32:
    """Return logits (frames, outputs): each phoneme for 1 or 2 frames, with blanks between."""
    random = np.random.default_rng(seed)
    said = [BLANK_INDEX] * before
    for label in encode(phonemes):
        said += [label] * int(random.integers(1, 3)) + [BLANK_INDEX] * int(random.integers(1, 5))
    said += [BLANK_INDEX] * after
    logits = random.normal(0, noise, (len(said), len(OUTPUTS))).astype(np.float32)
    logits[np.arange(len(said)), said] += margin
    speech = np.arange(len(said))
    logits[:, VOICE_INDEX] = np.where((speech >= before) & (speech < len(said) - after), 5.0, -5.0)
    return logits
