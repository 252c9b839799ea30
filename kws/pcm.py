"""Samples as 16-bit integers (PCM), as files and microphones have them, and as float32."""

from __future__ import annotations

import numpy as np

from .arrays import Float32, Int16

#: Integers are divided by this, so that the lowest, -32768, becomes -1.
FULL_SCALE = 32768
#: Floats are multiplied by this, so that 1 becomes the highest integer.
HIGHEST = 32767
#: Floats beyond this are integers that were never divided by `FULL_SCALE`. Float recordings and
#: mixes may go beyond 1, but hardly beyond this (24 dB above full scale); 16-bit integers do in a
#: quiet room already (66 dB below full scale).
LARGEST_FLOAT = 16.0


def to_float32(samples: Int16) -> Float32:
    """Turn 16-bit samples into floats.

    Parameters
    ----------
    samples : int16 (n,)
        Samples of any rate; any shape.

    Returns
    -------
    float32 (n,)
        Samples in -1 .. 1, without any rounding.

    Examples
    --------
    >>> to_float32(np.array([-32768, 0, 16384], np.int16))
    array([-1. ,  0. ,  0.5], dtype=float32)
    """
    # one pass without an array in between: this is done to every block of a stream
    floats: Float32 = np.multiply(samples, np.float32(1 / FULL_SCALE), dtype=np.float32)
    return floats


def to_int16(samples: Float32, *, nearest: bool = False) -> Int16:
    """Turn floats into 16-bit samples.

    Parameters
    ----------
    samples : float32 (n,)
        Samples of any rate; any shape. What is beyond -1 .. 1 is clipped.
    nearest : bool
        Round to the nearest integer; else towards zero.

    Returns
    -------
    int16 (n,)
        Samples in -32767 .. 32767: two bytes each, an hour at 16 kHz is 115 MB.

    Examples
    --------
    >>> to_int16(np.array([-2.0, 0.0, 0.5], np.float32))
    array([-32767,      0,  16383], dtype=int16)
    >>> to_int16(np.array([0.5], np.float32), nearest=True)
    array([16384], dtype=int16)
    """
    scaled = np.clip(samples, -1, 1) * HIGHEST
    return (np.rint(scaled) if nearest else scaled).astype(np.int16)
