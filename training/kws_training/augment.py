"""Augmentation of waveforms: time shift, speed, gain, noise at a signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .spectra import LN_PER_DB, curves, mask, warp

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """Ranges and probabilities.

    Attributes
    ----------
    speed : float
        Largest relative change of speed (and pitch).
    gain : float
        Largest change of level, in decibels.
    noise : float
        Probability of added noise.
    snr : (float, float)
        Range of the signal-to-noise ratio, in decibels, against the loudest tenth of a second.
    warp : float
        Largest relative change of the vocal tract's length.
    equalisation : float
        Largest change of the level of a band, in decibels.
    masks : float
        Probability of each SpecAugment mask.
    """

    speed: float = 0.1
    gain: float = 10.0
    noise: float = 0.5
    snr: tuple[float, float] = (0.0, 30.0)
    warp: float = 0.1
    equalisation: float = 6.0
    masks: float = 0.3


def loudness(samples: Float32, piece: int = 1600) -> float:
    """Return the mean power of the loudest piece (0.1 s at 16 kHz)."""
    if len(samples) < piece:
        return float(np.mean(np.square(samples))) if len(samples) else 0.0
    pieces = samples[: len(samples) // piece * piece].reshape(-1, piece)
    return float(np.square(pieces).mean(axis=1).max())


def coloured_noise(rng: np.random.Generator, samples: int) -> Float32:
    """Draw noise whose power falls by 0 to 6 dB per octave: white to brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples).astype(np.float32))
    slope = np.arange(1, len(spectrum) + 1, dtype=np.float32) ** -rng.uniform(0.0, 1.0)
    return np.fft.irfft(spectrum * slope, samples).astype(np.float32)


def noise_piece(rng: np.random.Generator, recorded: Sequence[Float32], samples: int) -> Float32:
    """Cut a piece out of recorded noise, or draw coloured noise where there is none."""
    if not recorded or rng.random() < 0.2:
        return coloured_noise(rng, samples)
    source = recorded[rng.integers(len(recorded))]
    if len(source) <= samples:
        return np.resize(source, samples)
    start = rng.integers(len(source) - samples)
    return source[start : start + samples]


def change_speed(rng: np.random.Generator, samples: Float32, most: float) -> Float32:
    """Play a recording faster or slower by up to ``most``, with its pitch."""
    import soxr

    rate = int(16000 * np.exp(rng.uniform(-most, most)))
    return np.asarray(soxr.resample(samples, rate, 16000, quality="MQ"), np.float32)


def add_noise(window: Float32, noise: Float32, snr: float) -> Float32:
    """Add noise at a ratio to the loudest tenth of a second of the window, in decibels."""
    power = float(np.mean(np.square(noise)))
    if power <= 0.0:
        return window
    wanted = max(loudness(window), 1e-7) * 10 ** (-snr / 10)
    return (window + noise * np.float32(np.sqrt(wanted / power))).astype(np.float32)


@dataclass(frozen=True)
class Placed:
    """A recording in a window of a stream.

    Attributes
    ----------
    window : float32 (n,)
    start : int
        Sample of the window at which the recording starts.
    stretch : float
        How much longer the recording has become.
    """

    window: Float32
    start: int
    stretch: float


def augment(
    rng: np.random.Generator,
    samples: Float32,
    length: int,
    starts: tuple[int, int],
    recorded_noise: Sequence[Float32],
    augmentation: Augmentation | None,
) -> Placed:
    """Place a recording at random in a window of a stream, with all that may happen to it.

    Parameters
    ----------
    rng : numpy.random.Generator
    samples : float32 (n,)
        The recording, 16 kHz.
    length : int
        Samples in the window.
    starts : (int, int)
        The recording starts at a random sample of the window between these.
    recorded_noise : sequence of float32 arrays
    augmentation : Augmentation or None
        None places the recording and does nothing else.
    """
    before = len(samples)
    if augmentation is not None:
        samples = change_speed(rng, samples, augmentation.speed)
    first = min(starts[0], max(0, length - len(samples)))
    start = int(rng.integers(first, max(first, min(starts[1], length - len(samples))) + 1))
    window = np.zeros(length, np.float32)
    part = samples[: length - start]
    window[start : start + len(part)] = part
    if augmentation is not None:
        if rng.random() < augmentation.noise:
            noise = noise_piece(rng, recorded_noise, length)
            window = add_noise(window, noise, rng.uniform(*augmentation.snr))
        gain = rng.uniform(-augmentation.gain, augmentation.gain)
        window *= np.float32(10 ** (gain / 20))
        np.clip(window, -1.0, 1.0, out=window)
    return Placed(window, start, len(samples) / max(1, before))


def perturb(
    rng: np.random.Generator, frames: Float32, offset: float, augmentation: Augmentation
) -> Float32:
    """Change log-mel frames as other voices, rooms and microphones would.

    Parameters
    ----------
    rng : numpy.random.Generator
    frames : float32 (n, time, bands)
        ``log(magnitude + offset)``.
    offset : float
        The front end's.
    augmentation : Augmentation
    """
    count, _, bands = frames.shape
    most = augmentation.warp
    frames = warp(frames, np.exp(rng.uniform(-most, most, count)).astype(np.float32))
    gain = curves(rng, count, bands, augmentation.equalisation * LN_PER_DB / 2)
    magnitude = np.maximum(np.exp(frames) - np.float32(offset), 0)
    frames = np.log(magnitude * np.exp(gain) + np.float32(offset))
    mask(rng, frames, augmentation.masks)
    return frames
