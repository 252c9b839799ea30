"""The latest samples of a stream, in memory that is taken once."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32, Int16
from ..pcm import to_int16


class SampleRing:
    """Keeps the latest samples of a stream as 16-bit integers.

    Parameters
    ----------
    samples : int
        How many.

    Attributes
    ----------
    position : int
        Samples of the stream so far.

    Examples
    --------
    >>> ring = SampleRing(3)
    >>> ring.push(np.array([0.0, 1.0, 0.0, -1.0], np.float32))
    >>> ring.between(0, 4)
    array([ 32767,      0, -32767], dtype=int16)
    """

    def __init__(self, samples: int) -> None:
        self._ring = np.zeros(samples, np.int16)
        self.position = 0

    def push(self, samples: Float32) -> None:
        """Take the next samples.

        Parameters
        ----------
        samples : float32 (n,)
            In -1 .. 1; any n.
        """
        size = len(self._ring)
        self.position += len(samples)
        latest = to_int16(samples[-size:], nearest=True)
        at = (self.position - len(latest)) % size
        first = latest[: size - at]
        self._ring[at : at + len(first)] = first
        self._ring[: len(latest) - len(first)] = latest[len(first) :]

    def between(self, start: int, end: int) -> Int16:
        """Return what is left of the samples between two positions.

        Parameters
        ----------
        start, end : int
            Samples of the stream before the first and before the one behind the last.

        Returns
        -------
        int16 (n,)
            A copy; n is at most ``end - start``.
        """
        start = max(start, 0, self.position - len(self._ring))
        end = min(end, self.position)
        index = np.arange(start, max(start, end)) % len(self._ring)
        return self._ring[index]
