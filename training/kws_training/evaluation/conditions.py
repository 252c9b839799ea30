"""Acoustic conditions between a recording and the microphone: noise, room, level, telephone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32

from ..augmentation.background import add_noise, draw_noise
from ..augmentation.snr import DEFAULT_REFERENCE, Ratio, SnrReference

#: Samples per second of the streams.
RATE = 16000


@dataclass(frozen=True)
class Condition:
    """What is between a recording and the microphone.

    Attributes
    ----------
    noise : sequence of float32 (n,)
        Recordings of noise at 16 kHz.
    snr : float
        Signal-to-noise ratio in decibels; infinite without noise.
    reference : {"loudest", "third", "peak"}
        What the ratio is measured by (`augmentation.snr.SNR_REFERENCES`).
    responses : sequence of float32 (n,)
        Impulse responses of rooms at 16 kHz; each recording is in one of them.
    gain : float
        Change of level in decibels.
    telephone : bool
        Whether everything goes through the telephone's band.
    """

    noise: Sequence[Float32] = ()
    snr: float = np.inf
    reference: SnrReference = DEFAULT_REFERENCE
    responses: Sequence[Float32] = ()
    gain: float = 0.0
    telephone: bool = False

    @property
    def ratio(self) -> Ratio | None:
        """The signal-to-noise ratio, with what it is measured by; None without noise."""
        return Ratio(self.snr, self.reference) if np.isfinite(self.snr) else None

    def apply(self, rng: np.random.Generator, samples: Float32) -> Float32:
        """Change a recording as this condition does.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws the room and the noise.
        samples : float32 (n,)
            The recording at 16 kHz.

        Returns
        -------
        float32 (n,)
            The changed recording, as long and in time with it.
        """
        from ..augmentation.effects import reverberate, transmit

        if self.responses:
            response = self.responses[int(rng.integers(len(self.responses)))]
            samples = reverberate(samples, response)
        if np.isfinite(self.snr):
            noise = draw_noise(rng, self.noise, len(samples), 0.0)[1]
            samples = add_noise(samples, noise, self.snr, self.reference)
        if self.gain:
            # what is too loud is clipped, as by a microphone
            samples = np.clip(samples * np.float32(10 ** (self.gain / 20)), -1, 1)
        return transmit(samples, True, None, None) if self.telephone else samples


#: Recordings as they are.
CLEAN = Condition()
