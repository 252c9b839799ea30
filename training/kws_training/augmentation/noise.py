"""Noise in the log-mel spectrum of more kinds than anyone recorded, for training wake words.

A wake word must not be confused with the noise of places that nobody recorded for training. A few
minutes of noise heard again and again are learned by heart. The same noise through other rooms and
microphones, two noises at once, and made-up sounds with onsets, tones and rhythms are not
(`docs/experiments/wake_words.md`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.activity import LN_PER_DB
from kws.arrays import Float32, UInt8

from ..data.images import to_frames
from .spectra import WindowMaker, coloured_frames, curves, warp

#: Share of the windows whose noise is recorded.
RECORDED = 0.6
#: Share of the other windows whose noise is composed; the rest is coloured noise.
COMPOSED = 0.6
#: Largest relative change of the frequencies of a noise, as a natural logarithm.
WARP = 0.3
#: Largest change of the level of a band of a noise, in decibels.
EQUALISATION = 8.0
#: Share of the windows with a second noise.
SECOND = 0.3
#: Range of the level of the second noise against the first, in decibels.
SECOND_LEVEL = (-12.0, 3.0)
#: Sounds of which a composed noise is made.
PARTS = 3
#: People who talk at once in babble, at least and at most.
TALKERS = (3, 7)
#: Frames in which the same people talk: ten seconds.
TALK_FRAMES = 1000
#: Decibels by which one of them is quieter than another, at most.
TALK_LEVELS = 10.0


class NoisyWindowMaker(WindowMaker):
    """Makes windows of a stream, with noise that is recorded and changed, composed or coloured."""

    def noise(self, rng: np.random.Generator, count: int, length: int) -> Float32:
        """Draw noise whose mean power is 1.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of all that is random.
        count : int
            Number of pieces.
        length : int
            Frames of each piece.

        Returns
        -------
        float32 (count, length, bands)
            ln(power).
        """
        bands = self.noise_bank.shape[1]
        kinds = rng.random(count)
        recorded = kinds < RECORDED
        composed = kinds >= 1 - (1 - RECORDED) * COMPOSED
        coloured = ~recorded & ~composed
        out = np.empty((count, length, bands), np.float32)
        # a piece may begin near the end and go on at the beginning
        starts = rng.integers(0, len(self.noise_bank), recorded.sum())
        rows = (starts[:, None] + np.arange(length)) % len(self.noise_bank)
        out[recorded] = self.noise_bank[rows]
        out[coloured] = coloured_frames(rng, int(coloured.sum()), length, bands)
        out[composed] = composed_frames(rng, int(composed.sum()), length, bands)
        out = warp(out, np.exp(rng.uniform(-WARP, WARP, count)).astype(np.float32))
        out = _to_unit(out + curves(rng, count, bands, EQUALISATION * LN_PER_DB))
        second = np.flatnonzero(rng.random(count) < SECOND)
        level = rng.uniform(*SECOND_LEVEL, (len(second), 1, 1)).astype(np.float32) * LN_PER_DB
        out[second] = np.logaddexp(out[second], out[rng.permutation(count)[: len(second)]] + level)
        return _to_unit(out)


def composed_frames(rng: np.random.Generator, count: int, length: int, bands: int) -> Float32:
    """Make up noise of `PARTS` sounds each.

    A sound is broad, of random colour, or a tone that is one to several bands wide. It is struck
    now and then and dies away within 20 to 400 ms, or swells and fades 0.5 to 20 times a second.
    Its bands scatter as those of `coloured_frames` do.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all that is random.
    count : int
        Number of pieces.
    length : int
        Frames of each piece.
    bands : int
        Bands of a frame.

    Returns
    -------
    float32 (count, length, bands)
        ln(power), of any level.
    """
    power = np.full((count, length, bands), 1e-4, np.float32)
    for _ in range(PARTS):
        broad = curves(rng, count, bands, 15.0 * LN_PER_DB)
        centre, width = rng.uniform(0, bands, (count, 1, 1)), rng.uniform(0.5, 3.0, (count, 1, 1))
        tone = -np.minimum(((np.arange(bands) - centre) / width) ** 2 / 2, 6.0)
        colour = np.where(rng.random((count, 1, 1)) < 0.5, tone, broad)
        swell = np.where(
            rng.random((count, 1)) < 0.5, _strikes(rng, count, length), _waves(rng, count, length)
        )
        level = rng.uniform(-4.0, 0.0, (count, 1, 1))
        power += np.exp(swell[..., None] + colour + level).astype(np.float32)
    power *= rng.standard_gamma(3.0, power.shape, dtype=np.float32) / 3.0
    return np.asarray(np.log(power + 1e-9), np.float32)


def babble_frames(rng: np.random.Generator, recordings: Sequence[UInt8], length: int) -> Float32:
    """Make babble of recordings: several people who talk at once, others every ten seconds.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws who talks, from where on and how loudly.
    recordings : sequence of uint8 (frames, bands)
        Grey levels of speech, which follow one another.
    length : int
        Number of frames.

    Returns
    -------
    float32 (length, bands)
        ln(power); the mean power of every ten seconds is 1.
    """
    speech = np.concatenate(recordings)
    pieces = [np.zeros((0, speech.shape[1]), np.float32)]
    for _ in range(-(-length // TALK_FRAMES)):
        count = int(rng.integers(*TALKERS))
        starts = rng.integers(0, len(speech), count)
        talk = to_frames(speech[(starts[:, None] + np.arange(TALK_FRAMES)) % len(speech)])
        loud = np.percentile(talk.max(2), 90, axis=1)[:, None, None]
        down = rng.uniform(0, TALK_LEVELS, (count, 1, 1)) * LN_PER_DB
        joined = np.log(np.exp(talk - loud - down).sum(0, keepdims=True)).astype(np.float32)
        pieces.append(_to_unit(joined)[0])
    return np.concatenate(pieces)[:length]


def _strikes(rng: np.random.Generator, count: int, length: int) -> Float32:
    """Draw the level (count, length) of sounds struck 0.3 to 8 times a second that die away."""
    struck = rng.random((count, length)) < rng.uniform(0.003, 0.08, (count, 1))
    strength = np.where(struck, rng.exponential(1.0, (count, length)), 0.0)
    kept = np.exp(-1.0 / rng.uniform(2.0, 40.0, count))
    energy = np.empty((count, length), np.float32)
    now = np.full(count, 0.05)
    for frame in range(length):
        now = now * kept + strength[:, frame]
        energy[:, frame] = now
    return np.asarray(np.log(energy + 1e-3), np.float32)


def _waves(rng: np.random.Generator, count: int, length: int) -> Float32:
    """Draw levels (count, length) that rise and fall by up to 11 dB around their mean."""
    rate, phase = rng.uniform(0.005, 0.2, (count, 1)), rng.uniform(0.0, 2 * np.pi, (count, 1))
    depth = rng.uniform(0.0, 2.5, (count, 1))
    wave = depth * np.sin(2 * np.pi * rate * np.arange(length) + phase)
    return wave.astype(np.float32)


def _to_unit(frames: Float32) -> Float32:
    """Bring the mean power of each clip (n, length, bands) to 1."""
    level = np.log(np.exp(frames).mean((1, 2), keepdims=True) + 1e-9)
    return np.asarray(frames - level, np.float32)
