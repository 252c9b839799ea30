"""Signal-to-noise ratios: which part of a recording is compared with which part of the noise.

A ratio says nothing without that: the same noise is several decibels lower by one reference than by
another (docs/evaluate.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kws.arrays import Float32

#: What a ratio is measured by.
SnrReference = Literal["loudest", "third", "peak"]
#: The reference where nobody names one.
DEFAULT_REFERENCE: SnrReference = "loudest"
#: What each compares with what. Picovoice: `mixer.py` of Picovoice/wake-word-benchmark.
SNR_REFERENCES: dict[SnrReference, str] = {
    "loudest": "power of a recording's loudest tenth of a second over the noise's mean power",
    "third": "mean power of a recording's loudest third of frames of 32 ms over the noise's mean "
    "power",
    "peak": "power of a recording's loudest frame of 32 ms over that of the noise's loudest, as "
    "Picovoice's wake-word-benchmark has it",
}
#: Samples of a tenth of a second, and of a frame, at 16 kHz.
TENTH = 1600
FRAME = 512


@dataclass(frozen=True)
class Ratio:
    """A signal-to-noise ratio, and what it is measured by.

    Attributes
    ----------
    decibels : float
        The ratio.
    reference : {"loudest", "third", "peak"}
        What it is measured by.
    """

    decibels: float
    reference: SnrReference

    @property
    def described(self) -> str:
        """The ratio and its definition, such as "10 dB (loudest: power of …)"."""
        return f"{self.decibels:g} dB ({defined(self.reference)})"

    def to_dict(self) -> dict[str, float | str]:
        """Return the ratio as plain JSON values.

        Returns
        -------
        dict
            ``snr``, ``snr_reference`` and ``snr_definition``.
        """
        return {"snr": self.decibels, **definition(self.reference)}


def defined(reference: SnrReference) -> str:
    """Say what a reference compares with what.

    Parameters
    ----------
    reference : {"loudest", "third", "peak"}
        The reference.

    Returns
    -------
    str
        Its name and meaning, such as "loudest: power of …".
    """
    return f"{reference}: {SNR_REFERENCES[reference]}"


def definition(reference: SnrReference) -> dict[str, str]:
    """Return a reference and its meaning as plain JSON values.

    Parameters
    ----------
    reference : {"loudest", "third", "peak"}
        The reference.

    Returns
    -------
    dict
        ``snr_reference`` and ``snr_definition``.
    """
    return {"snr_reference": reference, "snr_definition": SNR_REFERENCES[reference]}


def loudness(samples: Float32, piece: int = TENTH) -> float:
    """Measure the mean power of the loudest piece of audio.

    Parameters
    ----------
    samples : float32 (n,)
        The audio.
    piece : int
        Samples in a piece; 0.1 s at 16 kHz by default. Shorter audio is one piece.

    Returns
    -------
    float
        Mean of the squares, 0 of nothing.
    """
    return float(_powers(samples, piece).max(initial=0.0))


def signal_power(samples: Float32, reference: SnrReference) -> float:
    """Measure a recording as a reference has it.

    Parameters
    ----------
    samples : float32 (n,)
        The recording at 16 kHz.
    reference : {"loudest", "third", "peak"}
        What is measured.

    Returns
    -------
    float
        Mean of the squares of that part, 0 of nothing.
    """
    if reference == "loudest":
        return loudness(samples)
    powers = np.sort(_powers(samples, FRAME))
    count = 1 if reference == "peak" else math.ceil(len(powers) / 3)
    return float(powers[-count:].mean()) if len(powers) else 0.0


def noise_power(noise: Float32, reference: SnrReference) -> float:
    """Measure noise as a reference has it.

    Parameters
    ----------
    noise : float32 (n,)
        The noise at 16 kHz.
    reference : {"loudest", "third", "peak"}
        What is measured.

    Returns
    -------
    float
        Mean of the squares of that part, 0 of nothing.
    """
    if reference == "peak":
        return loudness(noise, FRAME)
    return float(np.mean(np.square(noise))) if len(noise) else 0.0


def _powers(samples: Float32, piece: int) -> Float32:
    """Return the mean power of each whole piece; of all samples if they are fewer."""
    if len(samples) < piece:
        return np.array([np.mean(np.square(samples))] if len(samples) else [], np.float32)
    pieces = samples[: len(samples) // piece * piece].reshape(-1, piece)
    return np.asarray(np.square(pieces).mean(axis=1))
