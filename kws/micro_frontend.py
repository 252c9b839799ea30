"""The front end of microWakeWord and ESPHome, in integers, bit for bit as devices compute it.

30 ms windows every 10 ms, 40 channels from 125 to 7,500 Hz, reduction of steady noise, gain control
per channel (PCAN: Wang et al., arXiv 1607.05666), logarithm. It is the audio front end of
TensorFlow Lite for Microcontrollers (tensorflow/lite/experimental/microfrontend, with the 16-bit
FFT of kissfft), which knows no other arithmetic than integers, so that every machine gives the same
frames. What depends on the frames before, the estimate of the noise, is one line of arithmetic per
frame; all else is computed for many frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Float32, Float64, Int16, Int64
from .errors import ModelError
from .state import Arrays, StateReader

#: What the metadata of a model file calls this front end.
KIND = "micro"
#: Samples of a window, of a step, and of the FFT; channels; bits of the window's weights.
WINDOW = 480
HOP = 160
FFT = 512
CHANNELS = 40
WINDOW_BITS = 12
#: Range of the channels, in Hz, and bits of the weights with which bins count in them.
LOW_HZ = 125.0
HIGH_HZ = 7500.0
WEIGHT_BITS = 12
#: The estimate of the noise: bits below the signal's, bits of its weights, how fast it follows in
#: even and in odd channels, and what is left of a signal at least.
ESTIMATE_BITS = 10
SMOOTHING_BITS = 14
EVEN_SMOOTHING = 0.025
ODD_SMOOTHING = 0.06
LEAST_REMAINING = 0.05
#: Gain control: exponent, offset, bits of the gain, of the ratio to the noise, and of the result.
PCAN_STRENGTH = 0.95
PCAN_OFFSET = 80.0
PCAN_GAIN_BITS = 21
PCAN_RATIO_BITS = 12
PCAN_OUTPUT_BITS = 6
#: Bits by which signals are smaller than their FFT: 512 has ten bits, half of the weights' go off.
CORRECTION_BITS = 3
#: Logarithm: bits of its fraction, segments of its table, and bits of the result.
LOG_BITS = 16
LOG_SEGMENT_BITS = 7
LOG_SHIFT = 6
#: A frame's integers are divided by this: what networks for this front end are trained on.
PER_UNIT = 25.6
#: Units per natural logarithm of a magnitude.
UNITS_PER_LN = 2**LOG_SHIFT / PER_UNIT
#: Largest value of int8 networks for this front end, whose scale is 26 / 255.
CEILING = 26.0
#: The tables were once computed in single precision (cosf and log1pf of glibc, as in
#: pymicro-features): one weight of the window, and of three bins, are higher by one than exact
#: arithmetic rounds them.
WINDOW_ROUNDED_UP = 17
BINS_ROUNDED_UP = (149, 221, 225)
#: Frames that are computed together, at most: they take 20 kB each meanwhile.
MOST_TOGETHER = 256

_UINT32 = 2**32 - 1
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class MicroConfig:
    """The front end of microWakeWord: there is one, with nothing to choose.

    Examples
    --------
    >>> MicroConfig().to_dict()
    {'kind': 'micro'}
    """

    @property
    def first(self) -> MicroConfig:
        """The front end whose bands come first: itself, see `kws.frontend.JoinedConfig`."""
        return self

    @property
    def sample_rate(self) -> int:
        """Samples per second of the input."""
        return 16000

    @property
    def window(self) -> int:
        """Length of a window, in samples."""
        return WINDOW

    @property
    def hop(self) -> int:
        """Step between windows, in samples."""
        return HOP

    @property
    def bands(self) -> int:
        """Number of channels."""
        return CHANNELS

    @property
    def low_hz(self) -> float:
        """Lower end of the first channel, in Hz."""
        return LOW_HZ

    @property
    def high_hz(self) -> float:
        """Upper end of the last channel, in Hz."""
        return HIGH_HZ

    @property
    def floor(self) -> float:
        """Least value of a channel."""
        return 0.0

    @property
    def ceiling(self) -> float:
        """Largest value of a channel that networks tell from larger ones."""
        return CEILING

    @property
    def silence(self) -> float:
        """Value of every channel for digital silence."""
        return 0.0

    @property
    def decibel(self) -> float:
        """How much a sound that is louder by 1 dB raises its channels, about."""
        return float(UNITS_PER_LN * np.log(10) / 20)

    @property
    def hop_seconds(self) -> float:
        """Seconds between frames."""
        return self.hop / self.sample_rate

    @property
    def window_seconds(self) -> float:
        """Seconds of audio under one frame."""
        return self.window / self.sample_rate

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MicroConfig:
        """Read the front end from metadata.

        Parameters
        ----------
        values : dict
            What the JSON of a model file holds.

        Raises
        ------
        ModelError
            If there is more or less than the kind.
        """
        if values != {"kind": KIND}:
            others = sorted(values.keys() - {"kind"})
            reason = f"unknown key {others[0]!r:.40}" if others else "unknown kind"
            raise ModelError(f"front end: {reason}: a kind of front end is {KIND!r} and no more")
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads, as JSON values."""
        return {"kind": KIND}

    def fits(self, other: object) -> bool:
        """Return whether a network that takes these frames can take those of another front end.

        Parameters
        ----------
        other : object
            The other front end.
        """
        return isinstance(other, MicroConfig)

    def frames(self, samples: int) -> int:
        """Return the number of whole frames in so many samples.

        Parameters
        ----------
        samples : int
            Number of samples.
        """
        return max(0, (samples - WINDOW) // HOP + 1)

    def samples(self, frames: int) -> int:
        """Return the number of samples under so many frames.

        Parameters
        ----------
        frames : int
            Number of frames.
        """
        return (frames - 1) * HOP + WINDOW if frames > 0 else 0


class MicroFrontEnd:
    """The streaming front end.

    Parameters
    ----------
    config : MicroConfig
        Says that it is this one.
    block : int
        Frames are returned in multiples of this number.
    """

    def __init__(self, config: MicroConfig, block: int) -> None:
        self.config = config
        self.block = block
        self._window = _window()
        self._channels = _ChannelWeights.build()
        self._gain = _GainTable.build()
        self.reset()

    def reset(self) -> None:
        """Forget all samples, and the noise."""
        self._held = np.empty(0, np.int16)
        self._noise = np.zeros(CHANNELS, np.int64)

    def state(self) -> Arrays:
        """Return what the next frames depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return {"held": self._held.copy(), "noise": self._noise.copy()}

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        held = saved.rows("held", np.int16, self.config.samples(self.block) - 1)
        self._noise = saved.within("noise", self._noise, 0, _UINT32)
        self._held = held

    def push(self, samples: Float32) -> Float32:
        """Take samples and return the frames that they complete.

        Parameters
        ----------
        samples : float32 (n,)
            Mono audio in -1 .. 1 at 16 kHz; any n. What 16 bits do not hold is rounded.

        Returns
        -------
        float32 (m, 40)
            m is a multiple of ``block``, often 0; values from 0 to about 26.
        """
        return self._integers(samples).astype(np.float32) * np.float32(1 / PER_UNIT)

    def _integers(self, samples: Float32) -> Int64:
        """Take samples and return the frames that they complete, as the integers that they are."""
        whole = np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)
        held = np.concatenate([self._held, whole])
        count = self.config.frames(len(held)) // self.block * self.block
        out = np.empty((count, CHANNELS), np.int64)
        for start in range(0, count, MOST_TOGETHER):
            end = min(start + MOST_TOGETHER, count)
            part = held[start * HOP : self.config.samples(end)]
            windows = np.lib.stride_tricks.sliding_window_view(part, WINDOW)[::HOP]
            out[start:end] = self._compute(windows)
        self._held = held[count * HOP :]
        return out

    def _compute(self, windows: Int16) -> Int64:
        """Return the frames of windows (n, 480)."""
        weighed = (windows.astype(np.int32) * self._window >> WINDOW_BITS).astype(np.int16)
        # -32768 has no opposite of 16 bits: it does not count as loud
        loudest = np.abs(weighed).max(axis=1)
        shift = (15 - _bits(np.maximum(loudest, 0)))[:, None]
        bins = _real_fft((weighed.astype(np.int32) << shift).astype(np.int16))
        signal = _rounded_root(self._channels.energies(bins)) >> shift
        raised = (signal << ESTIMATE_BITS) & _UINT32
        noise = self._follow(raised)
        reduced = np.maximum(
            (raised - np.minimum(noise, raised)) >> ESTIMATE_BITS,
            (signal * _fixed(LEAST_REMAINING)) >> SMOOTHING_BITS,
        )
        shifted = PCAN_GAIN_BITS - CORRECTION_BITS - PCAN_RATIO_BITS
        ratio = ((reduced * self._gain(noise)) >> shifted) & _UINT32
        return _log(_shrunk(ratio) << CORRECTION_BITS & _UINT32)

    def _follow(self, raised: Int64) -> Int64:
        """Return the estimate of the noise after each frame."""
        weights = np.where(np.arange(CHANNELS) % 2, _fixed(ODD_SMOOTHING), _fixed(EVEN_SMOOTHING))
        new, kept = raised * weights, (1 << SMOOTHING_BITS) - weights
        estimates = np.empty_like(raised)
        noise = self._noise
        for number in range(len(raised)):
            noise = (new[number] + noise * kept) >> SMOOTHING_BITS
            estimates[number] = noise
        self._noise = noise
        return estimates


def _fixed(share: float) -> int:
    """Return a share as the integer that stands for it."""
    return int(np.float32(share) * (1 << SMOOTHING_BITS))


def _bits(values: npt.NDArray[Any]) -> Int64:
    """Return how many bits whole numbers from 0 up have, 0 for 0."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _window() -> Int16:
    """Return the weights of a window's samples: Hann, between the samples."""
    weights = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * (np.arange(WINDOW) + 0.5))
    whole = np.floor(weights * (1 << WINDOW_BITS) + 0.5).astype(np.int16)
    whole[WINDOW_ROUNDED_UP] += 1
    return np.asarray(whole, np.int16)


def _mel(hz: npt.ArrayLike) -> Float32:
    """Convert Hz to mel, rounded to single precision."""
    return np.asarray(1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0), np.float32)


@dataclass(frozen=True)
class _ChannelWeights:
    """How much each bin counts: a share in one channel, and the rest in the one before.

    Attributes
    ----------
    first : int
        The first bin that counts.
    share, rest : float64 (bins,)
        Whole numbers, for each bin from there on.
    starts : int64 (41,)
        The first bin of each channel, counted from ``first``. Of the channel before all others,
        which is none of the front end's, only the rests count; of the last one only the shares.
    """

    first: int
    share: Float64
    rest: Float64
    starts: Int64

    @classmethod
    def build(cls) -> _ChannelWeights:
        """Compute the weights."""
        low, high = _mel(LOW_HZ), _mel(HIGH_HZ)
        spacing = (high - low) / np.float32(CHANNELS + 1)
        centres = (low + spacing * np.arange(1, CHANNELS + 2, dtype=np.float32)).astype(np.float32)
        per_bin = 8000.0 / (FFT // 2)
        first = int(1.5 + LOW_HZ / per_bin)
        bins = _mel(np.arange(first, FFT // 2) * per_bin)
        bins = bins[bins <= centres[-1]]
        channel = np.searchsorted(centres, bins)
        below = np.concatenate([[low], centres])[channel]
        share = ((centres[channel] - bins) / (centres[channel] - below)).astype(np.float64)
        scale = 1 << WEIGHT_BITS
        up = np.isin(np.arange(first, first + len(bins)), BINS_ROUNDED_UP)
        return cls(
            first,
            np.floor(share * scale + 0.5) + up,
            np.floor((1.0 - share) * scale + 0.5) - up,
            np.searchsorted(channel, np.arange(CHANNELS + 1)),
        )

    def energies(self, bins: Int16) -> Float64:
        """Return the energy in each channel, whole numbers below 2 ** 53, which floats hold.

        Parameters
        ----------
        bins : int16 (n, 2, 256)
            Real and imaginary parts.
        """
        parts = bins[:, :, self.first : self.first + len(self.share)].astype(np.float64)
        np.multiply(parts, parts, out=parts)
        energy = parts[:, 0] + parts[:, 1]
        # no product of matrices, which takes threads, and on a busy machine waits for them
        shares = np.add.reduceat(energy * self.share, self.starts, axis=1)
        rests = np.add.reduceat(energy * self.rest, self.starts, axis=1)
        total: Float64 = shares[:, 1:] + rests[:, :-1]
        return total


def _turn(phase: npt.NDArray[np.floating[Any]]) -> Int32:
    """Return cosine and sine of phases as numbers of 16 bits, (2, …)."""
    parts = np.stack([np.cos(phase), np.sin(phase)])
    return np.floor(0.5 + 32767 * parts).astype(np.int32)


def _digits_reversed(size: int) -> Int64:
    """Return numbers below a power of four with their digits to the base of four reversed."""
    numbers = np.zeros(1, np.int64)
    while len(numbers) < size:
        numbers = np.concatenate([4 * numbers + digit for digit in range(4)])
    return numbers


_HALF = FFT // 2
_ORDER = _digits_reversed(_HALF)
_STAGES = [
    # the turns by which the second to fourth of four values are multiplied: (2, 3, size)
    _turn(-2 * np.pi / _HALF * np.outer(np.arange(1, 4), np.arange(size)) * (_HALF // (4 * size)))
    for size in (1, 4, 16, 64)
]
_LAST = _turn(-np.pi * (np.arange(1, _HALF // 2 + 1) / _HALF + 0.5))


def _divided(values: Int16, divisor: int) -> Int32:
    """Return values divided by two or four, in the way of 16-bit processors."""
    # converted once: ufuncs that convert as they go take twice as long
    product: Int32 = values.astype(np.int32)
    product *= 32767 // divisor
    product += 1 << 14
    product >>= 15
    return product


def _turned(values: Int32, turns: Int32) -> Int32:
    """Multiply complex values (n, 2, …) by turns (2, …)."""
    product: Int32 = values * turns[0]
    across = values * turns[1]
    product[:, 0] -= across[:, 1]
    product[:, 1] += across[:, 0]
    product += 1 << 14
    product >>= 15
    return product


def _real_fft(samples: Int16) -> Int16:
    """Return the spectrum of windows in 16 bits, divided by 512 and rounded at every stage.

    As kissfft computes it (FIXED_POINT 16): even and odd samples are the parts of complex ones.
    Sums of 16 bits wrap there; here they have 32, and wrap once at the end of a stage.

    Parameters
    ----------
    samples : int16 (n, 480)
        Windows; 32 zeros follow them.

    Returns
    -------
    int16 (n, 2, 256)
        Real and imaginary parts. The bin of 0 Hz is not computed: no channel has it.
    """
    count = len(samples)
    padded = np.zeros((count, FFT), np.int16)
    padded[:, :WINDOW] = samples
    values = padded.reshape(count, _HALF, 2).transpose(0, 2, 1)[:, :, _ORDER]
    for turns in _STAGES:
        four = _divided(values, 4).reshape(count, 2, -1, 4, turns.shape[2])
        first = four[:, :, :, 0]
        others = _turned(four[:, :, :, 1:], turns[:, None])
        second, third, last = others[:, :, :, 0], others[:, :, :, 1], others[:, :, :, 2]
        outer, inner = first + third, first - third
        both, apart = second + last, second - last
        result = np.empty(four.shape, np.int16)
        result[:, :, :, 0] = outer + both
        result[:, :, :, 2] = outer - both
        result[:, 0, :, 1] = inner[:, 0] + apart[:, 1]
        result[:, 1, :, 1] = inner[:, 1] - apart[:, 0]
        result[:, 0, :, 3] = inner[:, 0] - apart[:, 1]
        result[:, 1, :, 3] = inner[:, 1] + apart[:, 0]
        values = result.reshape(count, 2, _HALF)
    return _untangled(values)


def _untangled(values: Int16) -> Int16:
    """Return the spectrum of samples from that of their even and odd ones as complex ones."""
    middle = _HALF // 2
    halves = _divided(values, 2)
    near = halves[:, :, 1 : middle + 1]
    far = halves[:, :, : middle - 1 : -1]
    both, apart = near + far, near - far
    # far is the conjugate: its imaginary part counts the other way
    both[:, 1], apart[:, 1] = near[:, 1] - far[:, 1], near[:, 1] + far[:, 1]
    turned = _turned(apart, _LAST).astype(np.int16).astype(np.int32)
    out = np.zeros_like(values)
    # the middle bin is written twice, as theirs is: the second time counts
    out[:, :, 1 : middle + 1] = (both + turned) >> 1
    mirrored = both - turned
    mirrored[:, 1] = -mirrored[:, 1]
    out[:, :, : middle - 1 : -1] = mirrored >> 1
    return out


def _rounded_root(energy: Float64) -> Int64:
    """Return the square roots of whole numbers, rounded to whole numbers."""
    root = np.floor(np.sqrt(energy))
    # theirs does not round up to 2 ** 16
    up = (energy - root * root > root) & ~((root == 0xFFFF) & (energy <= _UINT32))
    whole: Int64 = (root + up).astype(np.int64)
    return whole


@dataclass(frozen=True)
class _GainTable:
    """The gain for each estimate of the noise: a parabola for each number of bits.

    Attributes
    ----------
    least : int64 (3,)
        The gain for estimates of 0, 1 and 2.
    begin, slope, bend : int64 (33,)
        Of the parabola for estimates of so many bits.
    """

    least: Int64
    begin: Int64
    slope: Int64
    bend: Int64

    @classmethod
    def build(cls) -> _GainTable:
        """Compute the table."""
        powers = 1 << np.arange(1, 32, dtype=np.int64)  # from 2 bits on
        ends = np.where(powers == powers[-1], 2 * powers - 1, 2 * powers)
        begin, middle, end = (_gain(at) for at in (powers, powers + (powers >> 1), ends))
        slope = 4 * (middle - begin) - (end - begin)
        bend = (end - begin) - slope
        parts = (np.pad(part.astype(np.int16), (2, 0)) for part in (begin, slope, bend))
        return cls(_gain(np.arange(3)), *(part.astype(np.int64) for part in parts))

    def __call__(self, noise: Int64) -> Int64:
        """Return the gain of each channel.

        Parameters
        ----------
        noise : int64 (…)
            The estimate of the noise, 0 to 2 ** 32 - 1.
        """
        bits = _bits(noise)
        along = (noise << np.maximum(11 - bits, 0) >> np.maximum(bits - 11, 0)) & 0x3FF
        gain = (self.bend[bits] * along >> 5) + (self.slope[bits] << 5)
        gain = ((gain * along + (1 << 14)) >> 15) + self.begin[bits]
        return np.where(noise <= 2, self.least[np.minimum(noise, 2)], gain)


def _gain(noise: Int64) -> Int64:
    """Return the gain for an estimate of the noise, at most the largest number of 16 bits."""
    real = noise.astype(np.float32) / np.float32(1 << (ESTIMATE_BITS - CORRECTION_BITS))
    power = (real + np.float32(PCAN_OFFSET)).astype(np.float64) ** np.float64(
        np.float32(-PCAN_STRENGTH)
    )
    gain = np.float32(1 << PCAN_GAIN_BITS) * power.astype(np.float32)
    return np.where(gain > 32767, 32767, (gain + np.float32(0.5)).astype(np.int64))


def _shrunk(ratio: Int64) -> Int64:
    """Return ratios of signal to noise, small ones squared: less than the noise is nothing."""
    shift = PCAN_RATIO_BITS - PCAN_OUTPUT_BITS
    small = (ratio * ratio) >> (2 + PCAN_RATIO_BITS + shift)
    large = (ratio >> shift) - (1 << PCAN_OUTPUT_BITS)
    return np.where(ratio < 2 << PCAN_RATIO_BITS, small, large)


def _log_table() -> Int64:
    """Return by how much the logarithm to the base of two is above its chord, in 2 ** -16."""
    at = np.arange((1 << LOG_SEGMENT_BITS) + 1) / (1 << LOG_SEGMENT_BITS)
    above = np.rint((np.log2(1 + at) - at) * (1 << LOG_BITS)).astype(np.int64)
    return np.append(above, 0)


_LOG_TABLE = _log_table()
#: The natural logarithm of 2, in 2 ** -16.
_LN_2 = round(float(np.log(2)) * (1 << LOG_BITS))


def _log(values: Int64) -> Int64:
    """Return 64 times the natural logarithms of whole numbers, 0 for 0 and 1."""
    whole = np.maximum(_bits(values) - 1, 0)
    rest = values - (1 << whole)
    fraction = rest << np.maximum(LOG_BITS - whole, 0) >> np.maximum(whole - LOG_BITS, 0)
    unit = LOG_BITS - LOG_SEGMENT_BITS
    segment = np.maximum(fraction, 0) >> unit
    begin, end = _LOG_TABLE[segment], _LOG_TABLE[segment + 1]
    between = (end - begin) * (fraction - (segment << unit)) >> LOG_BITS
    log2 = (whole << LOG_BITS) + fraction + begin + between
    half = 1 << (LOG_BITS - 1)
    log = (_LN_2 * log2 + half) >> LOG_BITS
    return np.where(values > 1, np.minimum(((log << LOG_SHIFT) + half) >> LOG_BITS, 0xFFFF), 0)
