"""Negatives as one endless stream of frames: what a device hears between wake words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.activity import LN_PER_DB
from kws.arrays import Int64, UInt8

from ..augmentation.spectra import WindowMaker
from ..data.images import to_frames, to_images

#: Highest grey level of the noise between recordings: 27 dB above digital silence.
FAINT_LEVEL = 62
#: Frames between two recordings, at most: a second.
MAX_GAP_FRAMES = 100
#: Frames of the loudest piece of a recording, against which noise is measured: a tenth of a second.
LOUDEST_FRAMES = 10
#: Frames of a piece of noise, ten seconds, and pieces that are drawn at once, at least.
NOISE_FRAMES = 1000
NOISE_PIECES = 20
#: Frames per hour, at 100 frames per second.
FRAMES_PER_HOUR = 360_000


@dataclass(frozen=True)
class NegativeStream:
    """Recordings one after another.

    Attributes
    ----------
    images : uint8 (frames, bands)
        Grey levels of the word base's front end; 0 is digital silence.
    """

    images: UInt8

    @classmethod
    def join(cls, recordings: Sequence[UInt8], seed: int) -> NegativeStream:
        """Join recordings in random order.

        Half of them follow at once, as words of a sentence. Between the others is up to a second
        of digital silence or of faint noise, whose edges must not be detected either.

        Parameters
        ----------
        recordings : sequence of uint8 (frames, bands)
            Grey levels of each.
        seed : int
            Seed of the order and of what is between the recordings.
        """
        rng = np.random.default_rng(seed)
        pieces = []
        for number in rng.permutation(len(recordings)):
            pieces.append(recordings[number])
            if rng.random() < 0.5:
                gap = (int(rng.integers(1, MAX_GAP_FRAMES)), recordings[number].shape[1])
                level = int(rng.integers(1, FAINT_LEVEL)) if rng.random() < 0.5 else 1
                pieces.append(rng.integers(level // 2, level, gap, np.uint8))
        return cls(np.concatenate(pieces))

    @property
    def hours(self) -> float:
        """Length in hours."""
        return len(self.images) / FRAMES_PER_HOUR

    def windows(self, starts: Int64, length: int) -> UInt8:
        """Return windows of the stream, whose end is followed by its beginning.

        Parameters
        ----------
        starts : int64 (n,)
            First frame of each.
        length : int
            Number of frames.

        Returns
        -------
        uint8 (n, length, bands)
        """
        windows: UInt8 = self.images[(starts[:, None] + np.arange(length)) % len(self.images)]
        return windows

    def draw(self, rng: np.random.Generator, count: int, length: int) -> UInt8:
        """Draw windows anywhere in the stream.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where they begin.
        count : int
            Number of windows.
        length : int
            Number of frames of each.

        Returns
        -------
        uint8 (count, length, bands)
        """
        return self.windows(rng.integers(0, len(self.images), count), length)


def vary_negatives(recordings: Sequence[UInt8], maker: WindowMaker, seed: int) -> list[UInt8]:
    """Return recordings as other voices would say them: at other tempos, by other vocal tracts.

    A network fires several times less on recordings that it learned from than on others, and
    about half as often on these (docs/experiments/wake_words.md).

    Parameters
    ----------
    recordings : sequence of uint8 (frames, bands)
        Grey levels of each.
    maker : WindowMaker
        Varies frames.
    seed : int
        Seed of the tempos and vocal tracts.

    Returns
    -------
    list of uint8 (frames, bands)
        One for each recording, longer or shorter than it.
    """
    rng = np.random.default_rng((seed, 2))
    varied = []
    for recording in recordings:
        # room for what is said more slowly
        room = np.pad(to_frames(recording), ((0, len(recording) // 4 + 1), (0, 0)), "edge")
        frames, tempo = maker.vary(rng, room[None])
        varied.append(to_images(frames[0, : max(1, round(len(recording) / tempo[0]))]))
    return varied


def in_noise(recordings: Sequence[UInt8], maker: WindowMaker, snr: float, seed: int) -> list[UInt8]:
    """Return recordings with noise under them.

    Parameters
    ----------
    recordings : sequence of uint8 (frames, bands)
        Grey levels of each.
    maker : WindowMaker
        Draws the noise.
    snr : float
        Signal-to-noise ratio in decibels: the power of the loudest tenth of a second, within the
        front end's band, over the mean power of the noise.
    seed : int
        Seed of the noise.

    Returns
    -------
    list of uint8 (frames, bands)
        One for each recording, as long as it.
    """
    rng = np.random.default_rng((seed, 3))
    noisy = []
    noise = np.zeros((0, 1), np.float32)
    for recording in recordings:
        frames = to_frames(recording)
        if len(noise) < len(frames):
            # drawn for many recordings at once: most are short
            count = max(NOISE_PIECES, -(-len(frames) // NOISE_FRAMES))
            noise = maker.noise(rng, count, NOISE_FRAMES).reshape(-1, frames.shape[1])
        power = np.exp(frames).mean(axis=1)
        starts = np.arange(0, max(1, len(power) - LOUDEST_FRAMES + 1), LOUDEST_FRAMES)
        pieces = np.add.reduceat(power, starts) / np.diff([*starts, len(power)])
        level = np.log(pieces.max()) - snr * LN_PER_DB
        noisy.append(to_images(np.logaddexp(frames, noise[: len(frames)] + level)))
        noise = noise[len(frames) :]
    return noisy
