"""A recording as a line of characters: where it is loud, and where the sound in question is."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32

#: From quiet to loud.
BLOCKS = " ▁▂▃▄▅▆▇█"
#: Decibels below the loudest part that are drawn.
RANGE = 40.0


def picture(samples: Float32, start: float, end: float, sample_rate: int, width: int = 64) -> str:
    """Draw a recording as two lines of characters.

    Parameters
    ----------
    samples : float32 (n,)
        In -1 .. 1.
    start, end : float
        Where the sound in question is, in seconds.
    sample_rate : int
        In Hz.
    width : int
        Characters.

    Returns
    -------
    str
        Levels over time, and below them a line under the sound.

    Examples
    --------
    >>> loud = np.concatenate([np.zeros(4), np.ones(4)]).astype(np.float32)
    >>> print(picture(loud, 1.0, 2.0, 4, width=4))
      ██
      ──
    """
    parts = np.array_split(samples, width)
    power = np.array([float(np.mean(np.square(part))) if len(part) else 0.0 for part in parts])
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    shares = np.clip(1 + (decibels - decibels.max()) / RANGE, 0, 1)
    levels = "".join(BLOCKS[round(share * (len(BLOCKS) - 1))] for share in shares)
    seconds = max(len(samples) / sample_rate, 1e-9)
    first, last = (round(at / seconds * width) for at in (start, end))
    return f"{levels}\n{' ' * first}{'─' * max(1, last - first)}"
