"""Streams that are representative of what a wake-word model hears, by which int8 is scaled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.arrays import Float32, UInt8
from kws.frontend import WORDS

from ..data.images import to_frames
from .negatives import NegativeStream
from .windows import WakeWindow, WakeWindowMaker

#: Training windows in a stream.
WINDOWS_PER_STREAM = 3
#: Streams of negatives as they are.
NEGATIVE_STREAMS = 8


def calibration_streams(
    maker: WakeWindowMaker, negatives: Sequence[UInt8], window: WakeWindow, seed: int
) -> Float32:
    """Make representative streams: training windows, negatives, the front end's extremes.

    Parameters
    ----------
    maker : WakeWindowMaker
        Makes training windows.
    negatives : sequence of uint8 (frames, bands)
        Grey levels of each recording without the phrases.
    window : WakeWindow
        Shape of the training windows.
    seed : int
        Seed of what is drawn.

    Returns
    -------
    float32 (streams, frames, bands)
        ln(power). The last two streams are digital silence, and the first one at full scale.
    """
    rng = np.random.default_rng((seed, 1))
    stream = NegativeStream.join(negatives, seed)
    nothing = np.empty((0, window.frames, WORDS.bands), np.uint8)
    length = WINDOWS_PER_STREAM * window.frames
    frames = maker.batch(rng, stream, nothing).frames[:, :, 0]
    whole = len(frames) // WINDOWS_PER_STREAM * WINDOWS_PER_STREAM
    windows = frames[:whole].reshape(-1, length, WORDS.bands)
    plain = to_frames(stream.draw(rng, NEGATIVE_STREAMS, length))
    floor = np.full_like(windows[:1], WORDS.floor)
    loud = windows[:1] + WORDS.ceiling - windows[0].max()
    return np.concatenate([windows, plain, floor, loud]).astype(np.float32)
