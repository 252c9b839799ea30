"""Telephones and codecs on log-mel frames: what is between a microphone and who listens.

A recording that came by telephone lacks the lowest and the highest bands, and a codec at a low rate
gives the bands other levels than they had. Whether a window came so must be no sign of a phrase: so
phrases and everything else are sent through, alike.
"""

from __future__ import annotations

import numpy as np

from kws.activity import LN_PER_DB
from kws.arrays import Float32
from kws.frontend import LogMelConfig, mel_axis

#: Range of the lower and of the upper edge of the band, in Hz, around the 300 and the 3,400 of
#: ITU-T G.712.
LOWER_EDGE = (150.0, 350.0)
UPPER_EDGE = (2800.0, 3800.0)
#: Width of an edge in Hz, in which the level falls from 27 to 73 % of `STOP` (in decibels).
LOWER_WIDTH = 20.0
UPPER_WIDTH = 60.0
#: Decibels by which what is outside of the band is lower. Through `effects.telephone_band` spoken
#: orders lose 29 to 43 dB below 200 Hz, 10 dB at 270 Hz, and nothing within it (median of the loud
#: frames of 40 recordings: `pytest -s -k spoken_orders` on
#: `tests/training/augmentation/test_channels.py`).
STOP = 36.0
#: Share of the windows whose band is limited; the others go through a codec with the whole band.
NARROW = 0.6
#: Range of the standard deviation, in decibels, by which a codec changes a band of a frame. Of
#: the same frames, from the lower to the higher bands: mu-law 1 to 3, Opus 2, MP3 2 to 4, GSM 3 to
#: 5 (at the lowest rates that recordings are given; the same command).
SCATTER = (0.0, 5.0)
#: How much more the highest band scatters than the lowest.
TILT = 2.0


def send(rng: np.random.Generator, frames: Float32, front_end: LogMelConfig) -> Float32:
    """Send windows through telephones and codecs that are drawn.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the edges of the band, and what a codec changes.
    frames : float32 (n, length, bands)
        The windows as ln(power).
    front_end : LogMelConfig
        The front end that they are from.

    Returns
    -------
    float32 (n, length, bands)
        The changed windows, within the front end's range.
    """
    count, _, bands = frames.shape
    centres = mel_axis(front_end)[1][1:-1]
    hertz = 700 * (np.exp(centres / 1127) - 1)  # the inverse of `mel`
    lower, upper = (rng.uniform(*edge, (count, 1, 1)) for edge in (LOWER_EDGE, UPPER_EDGE))
    outside = _step((lower - hertz) / LOWER_WIDTH) + _step((hertz - upper) / UPPER_WIDTH)
    narrow = rng.random((count, 1, 1)) < NARROW
    sent = frames - np.where(narrow, STOP * LN_PER_DB * outside, 0.0)
    deviation = rng.uniform(*SCATTER, (count, 1, 1)) * np.linspace(1 / TILT, 1, bands) * LN_PER_DB
    sent += deviation * rng.standard_normal(frames.shape, dtype=np.float32)
    return np.clip(sent, front_end.floor, front_end.ceiling).astype(np.float32)


def _step(x: np.ndarray) -> np.ndarray:
    """Return 0 far below 0, and 1 far above it."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))
