"""Tells what is wrong with the sound of a microphone: nothing but zeros, a constant, clipping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Float32

#: Size of a sample, of 1, from which it counts as clipped, and share of clipped samples in a chunk
#: from which the chunk does. Loud speech that clips has a few in a hundred.
FULL_SCALE = 0.999
CLIPPED_SHARE = 0.25


@dataclass(frozen=True)
class _Fault:
    """A fault of sound.

    Attributes
    ----------
    name : str
        What it is.
    seconds : float
        How long it has to last, without a break, to be told.
    advice : str
        What may be wrong.
    """

    name: str
    seconds: float
    advice: str


_SILENT = _Fault("digital silence", 10.0, "is the microphone muted?")
_CONSTANT = _Fault("a constant", 1.0, "is the microphone plugged in and its driver right?")
_CLIPPED = _Fault("sound at full scale", 2.0, "is its gain too high, or the cable loose?")


class SoundWatch:
    """Watches chunks of sound and tells, in a line, when a fault has begun and when it has ended.

    Parameters
    ----------
    sample_rate : int
        Of the sound, in Hz.

    Attributes
    ----------
    faults : int
        How many faults were told.

    Examples
    --------
    >>> watch = SoundWatch(16000)
    >>> watch.push(np.zeros(160000, np.float32))
    'nothing but digital silence comes: is the microphone muted?'
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._fault: _Fault | None = None
        self._samples = 0  # of the fault that goes on
        self._told = False
        self.faults = 0

    def push(self, samples: Float32) -> str | None:
        """Take the next chunk.

        Parameters
        ----------
        samples : float32 (n,)
            Mono audio in -1 .. 1.

        Returns
        -------
        str or None
            A line where a fault has lasted long enough to be told, or a told one has ended.
        """
        if not len(samples):
            return None
        fault, line = _fault_of(samples), None
        if fault is not self._fault:
            if self._told and self._fault is not None:
                line = f"sound comes again after {self.seconds:.0f} s of {self._fault.name}"
            self._fault, self._samples, self._told = fault, 0, False
        self._samples += len(samples)
        if fault is not None and not self._told and self.seconds >= fault.seconds:
            self._told = True
            self.faults += 1
            line = f"nothing but {fault.name} comes: {fault.advice}"
        return line

    @property
    def seconds(self) -> float:
        """How long what comes now has lasted: a fault, or sound without any."""
        return self._samples / self._rate


def _fault_of(samples: Float32) -> _Fault | None:
    """Return what is wrong with a chunk; None if nothing is."""
    low, high = float(samples.min()), float(samples.max())
    if low == high:
        return _SILENT if low == 0 else _CONSTANT
    if max(high, -low) < FULL_SCALE:
        return None
    clipped = np.count_nonzero(np.abs(samples) >= FULL_SCALE)
    return _CLIPPED if clipped >= CLIPPED_SHARE * len(samples) else None
