"""Streams that are representative of what a word base hears, by which int8 is scaled."""

from __future__ import annotations

import numpy as np

from kws.arrays import Float32, UInt8
from kws.frontend import WORDS

from ..augmentation.spectra import WindowMaker
from ..data.images import to_frames

#: Streams of words.
STREAMS = 16
#: Words in each of them.
WORDS_PER_STREAM = 3
#: Frames of the window of a word.
WINDOW_FRAMES = 160
#: Frames of its window that a result sees.
FIELD_FRAMES = 140
#: Frames of noise after the words.
NOISE_FRAMES = 80


def calibration_streams(maker: WindowMaker, images: UInt8, seed: int) -> Float32:
    """Make representative streams: words, noise, and the front end's extremes.

    Parameters
    ----------
    maker : WindowMaker
        Augments frames.
    images : uint8 (n, 98, 40)
        Words to train on.
    seed : int
        Seed of what is drawn.

    Returns
    -------
    float32 (streams, frames, bands)
        ln(power). The last two streams are digital silence, and the first one at full scale.
    """
    rng = np.random.default_rng(seed)
    streams = []
    for _ in range(STREAMS):
        clips = to_frames(images[rng.integers(len(images), size=WORDS_PER_STREAM)])
        windows = maker.words(rng, clips, clips[::-1], WINDOW_FRAMES, FIELD_FRAMES)
        noise = maker.silence(rng, 1, NOISE_FRAMES)[0]
        streams.append(np.concatenate([*windows.frames, noise]))
    streams.append(np.full_like(streams[0], WORDS.floor))
    streams.append(streams[0] + WORDS.ceiling - streams[0].max())
    return np.stack(streams)
