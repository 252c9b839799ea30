"""Background noise for waveforms: cut from recordings or made up, and added at a given ratio."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.arrays import Float32

from .snr import DEFAULT_REFERENCE, SnrReference, noise_power, signal_power

#: Share of the pieces of `noise_piece` that are tones, unless said otherwise.
TONES = 0.05


def coloured_noise(rng: np.random.Generator, samples: int) -> Float32:
    """Draw noise whose power falls by 0 to 6 dB per octave: white to brown.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the noise and its slope.
    samples : int
        Length in samples.

    Returns
    -------
    float32 (samples,)
        Noise of any level.
    """
    spectrum = np.fft.rfft(rng.standard_normal(samples).astype(np.float32))
    slope = np.arange(1, len(spectrum) + 1, dtype=np.float32) ** -rng.uniform(0.0, 1.0)
    return np.fft.irfft(spectrum * slope, samples).astype(np.float32)


def tones(rng: np.random.Generator, samples: int) -> Float32:
    """Draw one to three sine tones, 100 to 7500 Hz, each steady or switched on and off.

    Their hard edges sound like the hiss of an s or the burst of a t to a network that has never
    heard tones.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the tones.
    samples : int
        Length in samples at 16 kHz.

    Returns
    -------
    float32 (samples,)
        The sum of the tones, each of an amplitude up to 1.
    """
    time = np.arange(samples, dtype=np.float64) / 16000
    mixed = np.zeros(samples)
    for _ in range(rng.integers(1, 4)):
        hertz = 100 * 75 ** rng.random()  # as many octaves low as high
        phase = rng.uniform(0, 2 * np.pi)
        tone = rng.uniform(0.2, 1) * np.sin(2 * np.pi * hertz * time + phase)
        if rng.random() < 0.7:
            # a stay is 30 to 600 ms on average, its length as accidental as can be
            mean = 0.03 * 20 ** rng.random()
            stays = rng.exponential(mean, 2 + int(2 * samples / 16000 / mean))
            switched = np.searchsorted(np.cumsum(stays), time) + rng.integers(2)
            tone *= switched % 2
        mixed += tone
    return mixed.astype(np.float32)


def draw_noise(
    rng: np.random.Generator, recorded: Sequence[Float32], samples: int, tones_share: float
) -> tuple[str, Float32]:
    """Cut a piece out of recorded noise, or make one.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws what it is, and from where.
    recorded : sequence of float32 (n,)
        Recordings of noise at 16 kHz; without any, noise is made.
    samples : int
        Length of the piece in samples.
    tones_share : float
        Share of the pieces that are tones, 0 .. 1.

    Returns
    -------
    kind : str
        "tones", "coloured", or "recorded" and the number of the recording.
    noise : float32 (samples,)
        The piece; a short recording is repeated.
    """
    if tones_share > 0 and rng.random() < tones_share:
        return "tones", tones(rng, samples)
    if not recorded or rng.random() < 0.2:
        return "coloured", coloured_noise(rng, samples)
    number = int(rng.integers(len(recorded)))
    source = recorded[number]
    if len(source) <= samples:
        return f"recorded {number}", np.resize(source, samples)
    start = rng.integers(len(source) - samples)
    return f"recorded {number}", source[start : start + samples]


def noise_piece(
    rng: np.random.Generator,
    recorded: Sequence[Float32],
    samples: int,
    tones_share: float = TONES,
) -> Float32:
    """Cut a piece out of recorded noise, or make one, as `draw_noise` does.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws what it is, and from where.
    recorded : sequence of float32 (n,)
        Recordings of noise at 16 kHz.
    samples : int
        Length of the piece in samples.
    tones_share : float
        Share of the pieces that are tones, 0 .. 1.

    Returns
    -------
    float32 (samples,)
        The piece.
    """
    return draw_noise(rng, recorded, samples, tones_share)[1]


def add_noise(
    window: Float32, noise: Float32, snr: float, reference: SnrReference = DEFAULT_REFERENCE
) -> Float32:
    """Add noise at a ratio to a window.

    Parameters
    ----------
    window : float32 (n,)
        The audio at 16 kHz.
    noise : float32 (n,)
        The noise, of any level. Digital silence changes nothing.
    snr : float
        Signal-to-noise ratio in decibels.
    reference : {"loudest", "third", "peak"}
        What the ratio is measured by (`snr.SNR_REFERENCES`).

    Returns
    -------
    float32 (n,)
        Both together.
    """
    power = noise_power(noise, reference)
    if power <= 0.0:
        return window
    wanted = max(signal_power(window, reference), 1e-7) * 10 ** (-snr / 10)
    return (window + noise * np.float32(np.sqrt(wanted / power))).astype(np.float32)
