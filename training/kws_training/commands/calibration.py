"""Streams that are representative of what a model of commands hears, by which int8 is scaled."""

from __future__ import annotations

import numpy as np

from kws.arrays import Float32
from kws.frontend import log_mel

from ..augmentation.augment import Augmentation
from .features import WindowSource

#: Streams of augmented windows.
STREAMS = 16
#: Windows in each of them.
WINDOWS_PER_STREAM = 3


def calibration_streams(source: WindowSource) -> Float32:
    """Make representative streams: augmented windows, and the front end's extremes.

    Parameters
    ----------
    source : WindowSource
        Makes windows of the recordings to train with.

    Returns
    -------
    float32 (streams, frames, bands)
        Front-end frames. The last two streams are digital silence, and the first one at full scale.
    """
    rng = np.random.default_rng(source.seed)
    out = []
    for _ in range(STREAMS):
        numbers = rng.integers(len(source.clips), size=WINDOWS_PER_STREAM)
        audio = [source.window(int(n), 1, Augmentation())[0] for n in numbers]
        out.append(np.concatenate(audio))
    out.append(np.zeros_like(out[0]))
    out.append(out[0] / max(1e-9, float(np.abs(out[0]).max())))
    return np.stack([log_mel(stream, source.front_end) for stream in out])
