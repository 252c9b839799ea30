"""Streaming sample-rate conversion in numpy: microphones have 48000 Hz, models 16000.

A windowed-sinc (Kaiser) low-pass filter evaluated at the times of the output samples. Its pass
band ends at 0.9 of the lower Nyquist frequency and its stop band begins at 1.0, 80 dB down.

Two ways to the same filter, chosen by the rates and both of bounded memory:

* Rates in a small ratio (48000, 44100, 22050, 8000, … to 16000): the filters of 16 neighbouring
  outputs stand side by side in a matrix, one matrix for every 16 outputs of a period of the ratio.
* Any other pair (22051 to 16000): a table of the filter at 256 offsets or fewer, linearly
  interpolated between two offsets for each output; the error of that is below -90 dB.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from .arrays import Float32, Float64
from .errors import AudioError
from .state import Arrays, StateReader, counts

#: Hertz; the lowest sample rate that anything in this package takes.
LOWEST_RATE = 4000
#: Hertz; the highest sample rate that anything in this package takes.
HIGHEST_RATE = 384000

#: Centre of the transition band, in lower Nyquist frequencies: the band is 0.9 to 1.0.
_CUTOFF = 0.95
#: Kaiser's formulas for 80 dB and that band: the window's shape, and half its length in samples
#: of the lower rate.
_BETA = 0.1102 * (80.0 - 8.7)
_HALF = (80.0 - 7.95) / (2.285 * 0.1 * math.pi) / 2
#: Outputs that share a matrix. So few, because the product of one row with the matrices of the
#: usual rates then stays below the 9216 multiplications from which OpenBLAS starts threads: on a
#: device they only take the cores from the model.
_OUTPUTS = 16
#: Multiplications in one matrix product with more rows, for the same reason.
_PRODUCTS = 1 << 18
#: Most numbers in all matrices: 4 MiB.
_LARGEST = 1 << 20
#: Offsets in the interpolated table per sample of the lower rate.
_OFFSETS = 256
#: Products held at once by the interpolated table: 1 MiB.
_AT_ONCE = 1 << 18
#: Samples that `resample` pushes at once.
_PIECE = 1 << 16


def _windows(samples: Float32, length: int, step: int) -> Float32:
    """Return views of so many contiguous samples, as (windows, length).

    As numpy's ``sliding_window_view``, in a tenth of its time.
    """
    size = samples.itemsize
    count = (len(samples) - length) // step + 1
    return np.ndarray((count, length), np.float32, samples, strides=(step * size, size))


class _Filter(Protocol):
    """What turns a run of input into output; holds nothing but the position in the input."""

    lead: int  # zeros before the first sample
    tail: int  # zeros after the last sample that bring out every output
    memory: int  # zeros after the last sample, after which nothing of it is held
    position: int  # in the input, in parts of a sample
    positions: int  # parts of a sample

    def reset(self) -> None: ...

    def run(self, samples: Float32) -> tuple[Float32, int]:
        """Return the outputs that the samples complete and how many samples are done with."""


class Resampler:
    """Sample-rate converter for a stream.

    Output k is the (band-limited) input at time ``k / target_rate`` exactly, however long the
    stream: the filter's delay is compensated and positions are integers, so time stamps do not
    drift. Where a stream is cut into chunks changes the output by rounding only (some 1e-6).

    Parameters
    ----------
    source_rate, target_rate : int
        Samples per second of the input and of the output, each 4000 to 384000.

    Raises
    ------
    AudioError
        If a rate is not a whole number in that range.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        for rate in (source_rate, target_rate):
            if rate != int(rate) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise AudioError(
                    f"cannot resample {source_rate} Hz to {target_rate} Hz: "
                    f"rates are whole numbers from {LOWEST_RATE} to {HIGHEST_RATE}"
                )
        self.source_rate = int(source_rate)
        self.target_rate = int(target_rate)
        common = math.gcd(self.source_rate, self.target_rate)
        self._up = self.target_rate // common
        self._down = self.source_rate // common
        self._filter: _Filter | None = None
        if self._up != self._down:
            fits = _BlockFilter.size(self._up, self._down) <= _LARGEST
            self._filter = (_BlockFilter if fits else _TableFilter)(self._up, self._down)
        self.reset()

    def reset(self) -> None:
        """Forget all samples: the next one is at time 0."""
        lead = 0
        if self._filter is not None:
            self._filter.reset()
            lead = self._filter.lead
        self._held = np.zeros(lead, np.float32)
        self._taken = 0
        self._given = 0

    def state(self) -> Arrays:
        """Return what the next samples depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        position = 0 if self._filter is None else self._filter.position
        return {
            "held": self._held.copy(),
            **counts(taken=self._taken, given=self._given, position=position),
        }

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
        if self._filter is not None:
            self._held = saved.rows("held", np.float32, self._filter.memory)
            self._filter.position = saved.count("position", self._filter.positions - 1)
        self._taken, self._given = saved.count("taken"), saved.count("given")

    def push(self, samples: Float32) -> Float32:
        """Take samples and return the output that they complete.

        Output lags behind by the filter's half length (50 samples of the lower rate) and by what
        is missing to a period: 10 ms for 44100 Hz, 1 ms for 48000 Hz to 16000 Hz.

        Parameters
        ----------
        samples : float32 (n,)
            Mono audio at the source rate; any n.

        Returns
        -------
        float32 (m,)
            Audio at the target rate, often m = 0 for small n. Where the rates are equal it is
            the very array that was pushed.
        """
        if self._filter is None:
            return samples
        joined = np.concatenate((self._held, samples), dtype=np.float32)
        out, done = self._filter.run(joined)
        # A copy, not a view: a view would keep the whole of a large push alive.
        self._held = joined[done:].copy()
        self._taken += len(samples)
        self._given += len(out)
        return out

    def flush(self) -> Float32:
        """End the stream: return the rest of the output, and start anew.

        Returns
        -------
        float32 (m,)
            With it, ``ceil(n * target_rate / source_rate)`` samples have come out for n pushed.
        """
        if self._filter is None:
            return np.zeros(0, np.float32)
        missing = self.length(self._taken) - self._given
        rest = self.push(np.zeros(self._filter.tail, np.float32))[:missing]
        self.reset()
        return rest

    @property
    def memory(self) -> int:
        """Input samples after which digital silence in is digital silence out."""
        return 0 if self._filter is None else self._filter.memory

    def length(self, samples: int) -> int:
        """Return how many output samples so many input samples make, flush included.

        Parameters
        ----------
        samples : int
            Samples that go in.

        Returns
        -------
        int
            Samples that come out.
        """
        return -(-samples * self._up // self._down)


def open_resampler(source_rate: int, target_rate: int) -> Resampler | None:
    """Return what resamples a stream of audio; None where the rates are equal.

    Parameters
    ----------
    source_rate, target_rate : int
        As for `Resampler`.

    Returns
    -------
    Resampler or None

    Raises
    ------
    AudioError
        As for `Resampler`.
    """
    return Resampler(source_rate, target_rate) if source_rate != target_rate else None


def resample(samples: Float32, source_rate: int, target_rate: int) -> Float32:
    """Convert a whole recording to another sample rate.

    Parameters
    ----------
    samples : float32 (n,)
        Mono audio at the source rate.
    source_rate, target_rate : int
        Samples per second, each 4000 to 384000.

    Returns
    -------
    float32 (ceil(n * target_rate / source_rate),)
        What `Resampler` gives for the stream; for equal rates the very array.

    Raises
    ------
    AudioError
        If a rate is not a whole number in that range.
    """
    resampler = Resampler(source_rate, target_rate)
    if resampler.source_rate == resampler.target_rate:
        return samples
    out = np.empty(resampler.length(len(samples)), np.float32)
    filled = 0
    for start in range(0, len(samples), _PIECE):  # so that memory for hours is the output alone
        part = resampler.push(samples[start : start + _PIECE])
        out[filled : filled + len(part)] = part
        filled += len(part)
    out[filled:] = resampler.flush()
    return out


def _reach(up: int, down: int) -> int:
    """Return the input samples on each side of an output that the filter weighs."""
    return math.ceil(_HALF * max(1.0, down / up))


def _kernels(fractions: Float64, up: int, down: int) -> Float64:
    """Return the filter at outputs that lie these fractions of an input sample after input 0.

    Parameters
    ----------
    fractions : float64 (n,)
        In 0 .. 1.
    up, down : int
        Target and source rate without common divisor.

    Returns
    -------
    float64 (n, 2 * reach)
        Weights of the input samples ``1 - reach`` to ``reach``; each row sums to 1, which makes
        the gain at 0 Hz exact and leaves no images of a constant offset.
    """
    reach = _reach(up, down)
    scale = max(1.0, down / up)  # input samples per sample of the lower rate
    times = (np.arange(1 - reach, reach + 1) - fractions[:, None]) / scale
    window = np.i0(_BETA * np.sqrt(np.maximum(0.0, 1.0 - (times / _HALF) ** 2)))
    window[np.abs(times) > _HALF] = 0.0
    weights = np.sinc(_CUTOFF * times) * window
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


class _BlockFilter:
    """Matrix products over whole periods of the ratio; for rates in a small ratio."""

    def __init__(self, up: int, down: int) -> None:
        taps = 2 * _reach(up, down)
        self._block = self._outputs(up)
        self._step = self._block * down // up
        self._span = (self._block - 1) * down // up + taps
        kernels = _kernels(np.arange(up) * down % up / up, up, down)
        self._parts: list[tuple[slice, slice, Float32]] = []  # of the outputs, of the inputs
        for start in range(0, self._block, _OUTPUTS):
            outputs = range(start, min(start + _OUTPUTS, self._block))
            first = start * down // up
            last = outputs[-1] * down // up + taps
            matrix = np.zeros((last - first, len(outputs)), np.float32)
            for column, output in enumerate(outputs):
                row = output * down // up - first
                matrix[row : row + taps, column] = kernels[output % up]
            self._parts.append((slice(start, outputs[-1] + 1), slice(first, last), matrix))
        self._at_once = max(1, _PRODUCTS // max(matrix.size for _, _, matrix in self._parts))
        self.lead = taps // 2 - 1
        self.tail = taps // 2 + self._step
        self.memory = self._span + self._step
        self.position, self.positions = 0, 1  # every block begins with a whole sample

    @staticmethod
    def _outputs(up: int) -> int:
        """Return the outputs in one block: whole periods of the ratio."""
        return up * max(1, _OUTPUTS // up)

    @classmethod
    def size(cls, up: int, down: int) -> int:
        """Return the numbers in the matrices for these rates, or a few more."""
        return cls._outputs(up) * (_OUTPUTS * down // up + 2 * _reach(up, down))

    def reset(self) -> None:
        """Do nothing: every block begins at the same position in its input."""

    def run(self, samples: Float32) -> tuple[Float32, int]:
        blocks = max(0, (len(samples) - self._span) // self._step + 1)
        out = np.empty((blocks, self._block), np.float32)
        if blocks:
            windows = _windows(samples, self._span, self._step)
            for start in range(0, blocks, self._at_once):
                rows = slice(start, min(start + self._at_once, blocks))
                inputs = np.ascontiguousarray(windows[rows])  # BLAS takes no rows that overlap
                for outputs, needed, matrix in self._parts:
                    np.matmul(inputs[:, needed], matrix, out=out[rows, outputs])
        return out.ravel(), blocks * self._step


class _TableFilter:
    """A filter of its own for every output, interpolated from a table; for any rates."""

    def __init__(self, up: int, down: int) -> None:
        self._up = up
        self._down = down
        # The filter is the smoother between input samples the lower the target rate, so the
        # table has about the same size whatever the rates.
        self._offsets = math.ceil(_OFFSETS / max(1.0, down / up))
        fractions = np.arange(self._offsets + 1) / self._offsets
        kernels = _kernels(fractions, up, down)
        self._table = kernels[:-1].astype(np.float32)
        self._slope = np.diff(kernels, axis=0).astype(np.float32)
        self._taps = kernels.shape[1]
        self._piece = max(1, _AT_ONCE // self._taps)
        self.lead = self._taps // 2 - 1
        self.tail = self._taps // 2 + 1
        self.memory = self._taps + -(-self._down // self._up)
        self.positions = up
        self.reset()

    def reset(self) -> None:
        self.position = 0  # of the next output's filter, in 1/up of an input sample

    def run(self, samples: Float32) -> tuple[Float32, int]:
        room = (len(samples) - self._taps + 1) * self._up - self.position
        count = max(0, -(-room // self._down))
        if count == 0:
            return np.zeros(0, np.float32), 0
        out = np.empty(count, np.float32)
        windows = _windows(samples, self._taps, 1)
        for start in range(0, count, self._piece):
            part = out[start : start + self._piece]
            steps = np.arange(start, start + len(part), dtype=np.int64)
            first, fraction = np.divmod(self.position + steps * self._down, self._up)
            row, between = np.divmod(fraction * self._offsets, self._up)
            weights = self._slope[row]
            weights *= (between / self._up).astype(np.float32)[:, None]
            weights += self._table[row]
            np.einsum("ij,ij->i", windows[first], weights, out=part)
        done, self.position = divmod(self.position + count * self._down, self._up)
        return out, done
