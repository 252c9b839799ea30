"""Augmentation in the power spectrum: words become windows of a stream, without the waveform.

Everything here works on log-mel frames of a front end with ``spectrum="power"`` (natural
logarithm of power). Powers of independent sounds add up, a filter is a sum in the logarithm, and
the tail of a room is a decay along time, so that a batch costs a few array operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.activity import LN_PER_DB, sound_extent, sound_floor
from kws.arrays import Float32, Int64, UInt8

from ..data.images import to_frames

#: Decibels; sound this far below the loudest belongs to no word.
WORD_RANGE = 25
#: Masks along time, and as many along frequency, that SpecAugment puts on a clip.
MASKS = 2
#: Frames that a mask along time hides at most.
LONGEST_MASK = 10
#: Bands that a mask along frequency hides at most.
WIDEST_MASK = 6
#: Images in which words are located together.
LOCATED = 2000
#: Share of the noise that is cut out of recordings; the rest is of random colour.
RECORDED = 0.6


@dataclass(frozen=True)
class SpectralAugmentation:
    """Ranges and probabilities of the augmentation (decibels unless said otherwise).

    Attributes
    ----------
    stretch, warp : float
        Largest relative change of tempo and of vocal-tract length.
    gain : (float, float)
        Range of the change of level.
    equalisation : float
        Largest change of the level of a band (a smooth random curve).
    snr : (float, float)
        Range of the signal-to-noise ratio, against the loudest frames of the word.
    noise, neighbours, reverberation, masks : float
        Probabilities: of noise; of other words before and after; of a decaying tail; of each of
        two SpecAugment masks along time and two along frequency.
    """

    stretch: float = 0.15
    warp: float = 0.1
    gain: tuple[float, float] = (-12.0, 12.0)
    equalisation: float = 5.0
    snr: tuple[float, float] = (0.0, 30.0)
    noise: float = 0.7
    neighbours: float = 0.25
    reverberation: float = 0.3
    masks: float = 0.4


def word_extent(frames: Float32) -> tuple[Int64, Int64]:
    """Find where the word is in each clip, by energy.

    Parameters
    ----------
    frames : float32 (n, time, bands)
        Natural logarithm of power.

    Returns
    -------
    first, last : int64 (n,)
        The frames between which the level is within `WORD_RANGE` decibels of its maximum or, in
        a noisy clip, clear of the background (`kws.activity.sound_floor`).
    """
    level = np.log(np.exp(frames.astype(np.float32)).sum(-1))
    level = (level + np.roll(level, 1, 1) + np.roll(level, -1, 1)) / 3
    return sound_extent(level > sound_floor(level, WORD_RANGE * LN_PER_DB))


def locate_words(images: UInt8, before: int, after: int) -> tuple[Int64, Int64]:
    """Find where the words of images are, with a little of what is around them.

    Parameters
    ----------
    images : uint8 (n, time, bands)
        Grey levels, as `data.images` has them.
    before, after : int
        Frames that a word keeps of what is before and after it, where there are so many.

    Returns
    -------
    first, last : int64 (n,)
        The first and the last frame of each word.
    """
    first, last = np.empty((2, len(images)), np.int64)
    for start in range(0, len(images), LOCATED):
        part = slice(start, start + LOCATED)
        first[part], last[part] = word_extent(to_frames(images[part]))
    return np.maximum(first - before, 0), np.minimum(last + after, images.shape[1] - 1)


def retime(frames: Float32, tempo: Float32, length: int) -> Float32:
    """Read each clip at a tempo of its own, by linear interpolation.

    Parameters
    ----------
    frames : float32 (n, time, bands)
        The clips.
    tempo : float32 (n,)
        What was at frame f is at frame f / tempo then.
    length : int
        Frames of the result.

    Returns
    -------
    float32 (n, length, bands)
        The clips; after its end the last frame of a clip is repeated.
    """
    at = np.clip(np.arange(length) * tempo[:, None], 0, frames.shape[1] - 1.001)
    low = at.astype(np.int64)
    part = (at - low).astype(np.float32)[..., None]
    rows = np.arange(len(frames))[:, None]
    return np.asarray(frames[rows, low] * (1 - part) + frames[rows, low + 1] * part, np.float32)


def warp(frames: Float32, factor: Float32) -> Float32:
    """Scale the frequency axis of each clip, as another length of the vocal tract does.

    Parameters
    ----------
    frames : float32 (n, time, bands)
        The clips.
    factor : float32 (n,)
        Mel bands are read at their number times this.

    Returns
    -------
    float32 (n, time, bands)
        The clips, read between their bands by linear interpolation.
    """
    bands = frames.shape[2]
    at = np.clip(np.arange(bands) * factor[:, None], 0, bands - 1.001)
    low = at.astype(np.int64)
    part = (at - low).astype(np.float32)[:, None, :]
    lower = np.take_along_axis(frames, low[:, None, :], axis=2)
    upper = np.take_along_axis(frames, low[:, None, :] + 1, axis=2)
    return np.asarray(lower * (1 - part) + upper * part, np.float32)


def curves(rng: np.random.Generator, count: int, bands: int, size: float) -> Float32:
    """Draw smooth random curves over the bands.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws six points of each curve.
    count : int
        Number of curves.
    bands : int
        Bands of a frame.
    size : float
        No value is farther from 0 than this.

    Returns
    -------
    float32 (count, 1, bands)
        The curves, in the unit of ``size``.
    """
    knots = rng.uniform(-size, size, (count, 6)).astype(np.float32)
    at = np.linspace(0, 4.999, bands)
    low = at.astype(np.int64)
    part = (at - low).astype(np.float32)
    return (knots[:, low] * (1 - part) + knots[:, low + 1] * part)[:, None, :]


def mask(rng: np.random.Generator, frames: Float32, probability: float) -> None:
    """Put SpecAugment masks (arXiv 1904.08779) on clips, in place.

    Two masks of up to 10 frames and two of up to 6 bands, each with a probability. What is under a
    mask becomes the clip's mean.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the masks.
    frames : float32 (n, time, bands)
        The clips; they are changed.
    probability : float
        Of each mask, 0 .. 1.
    """
    count = len(frames)
    _, length, bands = frames.shape
    level = frames.mean((1, 2), keepdims=True)
    for _ in range(MASKS):
        for axis, size, most in ((1, length, LONGEST_MASK), (2, bands, WIDEST_MASK)):
            width = rng.integers(1, most + 1, count)
            width[rng.random(count) >= probability] = 0
            start = rng.integers(0, size - most, count)
            at = np.arange(size)
            hit = (at >= start[:, None]) & (at < (start + width)[:, None])
            np.copyto(frames, level, where=hit[:, :, None] if axis == 1 else hit[:, None, :])


def coloured_frames(rng: np.random.Generator, count: int, length: int, bands: int) -> Float32:
    """Draw stationary noise of random colour.

    The power of a band of Gaussian noise over about as many FFT bins as a mel band has is
    chi-square distributed with a few degrees of freedom: here 6.

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
        ln(power).
    """
    power = rng.standard_gamma(3.0, (count, length, bands), dtype=np.float32) / 3.0
    return np.asarray(np.log(power + 1e-3) + curves(rng, count, bands, 3.0), np.float32)


@dataclass(frozen=True)
class Windows:
    """A batch of windows of a stream with one word each.

    Attributes
    ----------
    frames : float32 (n, length, bands)
        ln(power), within the front end's range.
    first, last : int64 (n,)
        Frames of the window between which the word is.
    """

    frames: Float32
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


class WindowMaker:
    """Makes windows of a stream from clips of words and noise.

    Parameters
    ----------
    noise : float32 (time, bands)
        ln(power) of recorded noise, one long piece.
    floor, ceiling : float
        The front end's range.
    augmentation : SpectralAugmentation
        What is done to the words.
    """

    def __init__(
        self, noise: Float32, floor: float, ceiling: float, augmentation: SpectralAugmentation
    ) -> None:
        self.noise_bank = noise
        self.floor = floor
        self.ceiling = ceiling
        self.augmentation = augmentation

    def noise(self, rng: np.random.Generator, count: int, length: int) -> Float32:
        """Draw noise, recorded or coloured, whose mean power is 1.

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
        out = np.empty((count, length, bands), np.float32)
        recorded = rng.random(count) < RECORDED
        # a piece may begin near the end and go on at the beginning
        starts = rng.integers(0, len(self.noise_bank), recorded.sum())
        out[recorded] = self.noise_bank[
            (starts[:, None] + np.arange(length)) % len(self.noise_bank)
        ]
        out[~recorded] = coloured_frames(rng, int((~recorded).sum()), length, bands)
        level = np.log(np.exp(out).mean((1, 2), keepdims=True) + 1e-9)
        return np.asarray(out - level, np.float32)

    def silence(self, rng: np.random.Generator, count: int, length: int) -> Float32:
        """Draw windows without any word: noise at any level, or digital silence.

        Half of the noise begins and ends in digital silence, as a clip does that is judged alone.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of all that is random.
        count : int
            Number of windows.
        length : int
            Frames of a window.

        Returns
        -------
        float32 (count, length, bands)
            ln(power), within the front end's range.
        """
        level = rng.uniform(-16, 4, (count, 1, 1)).astype(np.float32)
        frames = self.noise(rng, count, length) + level
        at = np.arange(length)
        begin = rng.integers(0, length // 2, count)[:, None]
        cut = (rng.random(count) < 0.5)[:, None] & ((at < begin) | (at >= begin + length // 2))
        frames[cut] = self.floor
        frames[rng.random(count) < 0.05] = self.floor
        return np.asarray(np.clip(frames, self.floor, self.ceiling), np.float32)

    def words(
        self,
        rng: np.random.Generator,
        clips: Float32,
        neighbours: Float32,
        length: int,
        latest_end: int,
    ) -> Windows:
        """Place each clip in a window of a stream.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of all that is random.
        clips, neighbours : float32 (n, time, bands)
            ln(power) of the words, and of other words to put beside some of them.
        length : int
            Frames in a window; more than a clip has.
        latest_end : int
            Most words end within the third of a second before this frame of the window; one in
            six ends anywhere, so that the network learns what a word looks like that has not
            ended or has begun to leave.

        Returns
        -------
        Windows
            The windows, and where the words are in them.
        """
        a = self.augmentation
        count, time = len(clips), clips.shape[1]
        clips, _ = self.vary(rng, clips)
        first, final = word_extent(clips)
        end = rng.integers(max(0, latest_end - 34), latest_end + 1, count)
        stray = rng.random(count) < 1 / 6
        end[stray] = rng.integers(0, length + 40, stray.sum())
        offset = end - final
        at = np.arange(length) - offset[:, None]
        inside = ((at >= 0) & (at < time))[..., None]
        rows = np.arange(count)[:, None]
        window = np.where(inside, clips[rows, np.clip(at, 0, time - 1)], self.floor)
        # other words fill the time before and after this clip
        beside = (rng.random(count) < a.neighbours)[:, None]
        before = beside & (at < np.minimum(first - 4, 0)[:, None])
        after = beside & (at >= time)
        other = neighbours[rows, (at - time) % time]
        window = np.where((before | after)[..., None], other, window)
        window = self.disturb(rng, window)
        return Windows(window, offset + first, offset + final)

    def vary(self, rng: np.random.Generator, clips: Float32) -> tuple[Float32, Float32]:
        """Say clips at other tempos, by other vocal tracts.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws tempos and vocal tracts.
        clips : float32 (n, time, bands)
            ln(power) of each clip.

        Returns
        -------
        clips : float32 (n, time, bands)
            The changed clips.
        tempo : float32 (n,)
            What was at frame f is at frame f / tempo now.
        """
        a = self.augmentation
        tempo = np.exp(rng.uniform(-a.stretch, a.stretch, len(clips))).astype(np.float32)
        clips = retime(clips, tempo, clips.shape[1])
        factor = np.exp(rng.uniform(-a.warp, a.warp, len(clips))).astype(np.float32)
        return warp(clips, factor), tempo

    def disturb(self, rng: np.random.Generator, window: Float32) -> Float32:
        """Change windows as rooms, noise and microphones do.

        Equalisation, a decaying tail, noise, gain and masks, each drawn anew for every window.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of all that is random.
        window : float32 (n, length, bands)
            ln(power) of each window.

        Returns
        -------
        float32 (n, length, bands)
            The changed windows, within the front end's range.
        """
        a = self.augmentation
        count = len(window)
        _, length, bands = window.shape
        window = window + curves(rng, count, bands, a.equalisation * LN_PER_DB)
        power = np.exp(window)
        wet = rng.random(count) < a.reverberation
        if wet.any():
            power[wet] = self._reverberate(rng, power[wet])
        loudness = np.percentile(power.mean(2), 90, axis=1)[:, None, None]
        noisy = (rng.random(count) < a.noise)[:, None, None]
        snr = rng.uniform(*a.snr, (count, 1, 1)).astype(np.float32)
        # most clips without added noise still get a noise floor far below, because digital
        # silence is rare; some keep it, because clips are padded with it
        faint = rng.uniform(40, 60, (count, 1, 1)).astype(np.float32)
        faint[rng.random(count) < 0.5] = 200.0
        snr = np.where(noisy, snr, faint)
        power += np.exp(self.noise(rng, count, length) - snr * LN_PER_DB) * loudness
        gain = rng.uniform(*a.gain, (count, 1, 1)).astype(np.float32) * LN_PER_DB
        window = np.log(power + 1e-12) + gain
        mask(rng, window, a.masks)
        return np.clip(window, self.floor, self.ceiling)

    def _reverberate(self, rng: np.random.Generator, power: Float32) -> Float32:
        """Add an exponentially decaying tail (60 dB in 0.1 to 0.7 s of 10 ms frames)."""
        decay = 10 ** (-6.0 / rng.uniform(10, 70, len(power))).astype(np.float32)[:, None]
        share = rng.uniform(0.05, 0.5, len(power)).astype(np.float32)[:, None]
        tail = np.zeros_like(power[:, 0])
        out = np.empty_like(power)
        for t in range(power.shape[1]):
            out[:, t] = power[:, t] + share * tail
            tail = (tail + power[:, t]) * decay
        return out
