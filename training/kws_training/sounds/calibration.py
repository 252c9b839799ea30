"""Streams that are representative of what a model of sounds hears, by which int8 is scaled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.arrays import Float32, Int16
from kws.frontend import YAMNET, log_mel
from kws.pcm import to_float32

#: Streams of clips, at most.
STREAMS = 24
#: Seconds of a stream.
STREAM_SECONDS = 6.0


def calibration_streams(audio: Sequence[Int16], seed: int) -> Float32:
    """Make representative streams: clips over and over, and the front end's extremes.

    Parameters
    ----------
    audio : sequence of int16 (samples,)
        Clips, 16 kHz.
    seed : int
        Seed of which clips are taken.

    Returns
    -------
    float32 (streams, frames, bands)
        Front-end frames. The last two streams are digital silence, and the first one at full scale.
    """
    rng = np.random.default_rng(seed)
    length = round(STREAM_SECONDS * YAMNET.sample_rate)
    numbers = rng.permutation(len(audio))[:STREAMS]
    streams = [to_float32(np.resize(audio[n], length)) for n in numbers]
    streams.append(np.zeros(length, np.float32))
    streams.append(streams[0] / max(1e-9, float(np.abs(streams[0]).max())))
    return np.stack([log_mel(stream, YAMNET) for stream in streams])
