"""Which audio counts as hours: what was not heard before, and is not digital silence.

A rate per hour is a promise about audio that nobody has heard yet. The same recording given twelve
times tells no more of it than once, and a recording of zeros tells nothing.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Float32, Int64
from ..errors import KwsError

#: Seconds for which samples may stay the same in a recording of a place: gates and editors leave
#: shorter pauses between words.
LONGEST_PAUSE = 1.0
#: Largest step from one sample to the next in digital silence: dither moves it by two of the 2**16
#: levels of 16 bits. The noise of the faintest microphone takes larger steps within a second.
LARGEST_STEP = np.float32(2.5 / 32768)
#: Samples of the shortest part that is compared with what was heard before, but for a last one.
SHORTEST_PART = 4000
#: Samples of the longest part.
LONGEST_PART = 1 << 16
#: Bits of a hash that decide where a part ends: one sample in 2**14 is an end, a second at 16 kHz.
END_BITS = 14
#: What these bits are at an end. Not zero, which they are in digital silence.
END = 1
#: Doublings of the hash: 2**4 samples decide whether a part ends.
DOUBLINGS = 4
#: The same in samples.
WINDOW = 1 << DOUBLINGS
#: Odd numbers: what the hash is a polynomial of, and what spreads it over its high bits.
_BASE = 0x01000193
_SPREAD = np.uint32(0x9E3779B1)
#: Samples of a last part below which it is not compared: shorter ones may agree by chance.
_LEAST_COMPARED = 400


@dataclass(frozen=True)
class UnheardPart:
    """A part of a recording that was not heard before.

    Attributes
    ----------
    offset : int
        Samples of the recording before it.
    samples : float32 (n,)
        Its samples; n is at least 1.
    """

    offset: int
    samples: Float32


class HoursCounter:
    """Counts hours of recordings, each second of them once and none of digital silence.

    Recordings are compared in parts of about a second whose ends depend on the samples around
    them, rounded to 16 bits. So a part is found again in a copy that begins elsewhere, has another
    name or another lossless format. Of what was heard a digest of 16 bytes per part is kept.

    Parameters
    ----------
    sample_rate : int
        Of the recordings, in Hz.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)
    >>> hours = HoursCounter(16000)
    >>> sum(len(part.samples) for part in hours.unheard([noise]))
    160000
    >>> sum(len(part.samples) for part in hours.unheard([noise]))
    0
    >>> hours.seconds, hours.repeated_seconds
    (10.0, 10.0)
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._digests: set[bytes] = set()
        self._unheard = 0
        self._repeated = 0
        self._silent = 0

    @property
    def seconds(self) -> float:
        """Seconds that count: heard once, and no digital silence."""
        return (self._unheard - self._silent) / self._rate

    @property
    def repeated_seconds(self) -> float:
        """Seconds that had been heard before."""
        return self._repeated / self._rate

    @property
    def silent_seconds(self) -> float:
        """Seconds of digital silence, in stretches of more than `LONGEST_PAUSE`."""
        return self._silent / self._rate

    def unheard(self, blocks: Iterable[Float32]) -> Iterator[UnheardPart]:
        """Yield what is new in a recording; digital silence is passed on, and not counted.

        Parameters
        ----------
        blocks : iterable of float32 (n,)
            The recording in pieces, -1 .. 1. If it breaks off with an error, what came before is
            yielded, and the error is raised.

        Yields
        ------
        UnheardPart
            A block as it was given, or what is new in it.
        """
        recording = _Comparison(self._digests)
        runs = _Runs(round(LONGEST_PAUSE * self._rate))
        failure: KwsError | None = None
        source = iter(blocks)
        try:
            while True:
                try:
                    block = next(source, None)
                except KwsError as error:
                    failure, block = error, None
                for part in recording.end() if block is None else recording.push(block):
                    self._unheard += len(part.samples)
                    self._silent += runs.push(part.samples)
                    yield part
                if block is None:
                    break
        finally:  # also where no more of the recording is wanted
            self._silent += runs.end()
            self._repeated += recording.repeated
        if failure is not None:
            raise failure


def without_silence(recording: Float32, sample_rate: int) -> Float32:
    """Cut stretches of digital silence of more than `LONGEST_PAUSE` out of a recording.

    Samples are digital silence that stay where they are but for `LARGEST_STEP`.

    Parameters
    ----------
    recording : float32 (n,)
        A whole recording.
    sample_rate : int
        In Hz.

    Returns
    -------
    float32 (m,)
        The same array if there is nothing to cut out.

    Examples
    --------
    >>> without_silence(np.array([1, 0, 0, 0, 0, 1, 0], np.float32), 3)
    array([1., 1., 0.], dtype=float32)
    """
    if not len(recording):
        return recording
    moves = np.abs(np.diff(recording, prepend=recording[0])) > LARGEST_STEP
    # how often it had moved before is the same for all samples of a stretch
    long = in_long_runs(np.cumsum(moves, dtype=np.int32), round(LONGEST_PAUSE * sample_rate))
    return recording[~long] if long.any() else recording


def in_long_runs(values: npt.NDArray[Any], longest: int) -> npt.NDArray[np.bool_]:
    """Tell which values are in a run of one value that is longer than allowed.

    Parameters
    ----------
    values : array (n,)
        Samples, or whether frames have sound.
    longest : int
        Values of the longest run that is allowed.

    Returns
    -------
    bool (n,)

    Examples
    --------
    >>> in_long_runs(np.array([1, 0, 0, 0, 2, 2]), 2)
    array([False,  True,  True,  True, False, False])
    """
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    runs = np.diff(starts, append=len(values))
    return np.repeat(runs > longest, runs)


class _Comparison:
    """Compares one recording with what was heard, block by block."""

    def __init__(self, digests: set[bytes]) -> None:
        self._digests = digests
        self._blocks: deque[tuple[int, Float32]] = deque()  # not yet decided, with their offsets
        self._heard: deque[tuple[int, int]] = deque()  # parts of them that were heard before
        self._levels = np.empty(0, np.int32)  # of the part that has not ended
        self._start = 0  # of that part
        self._length = 0
        self.repeated = 0

    def push(self, block: Float32) -> Iterator[UnheardPart]:
        """Take the next block; yield those whose parts have all ended."""
        levels = np.rint(block * np.float32(32768)).astype(np.int32)
        before = len(self._levels)
        self._levels = np.concatenate([self._levels, levels])
        self._blocks.append((self._length, block))
        self._length += len(block)
        ends = _ends(self._levels[max(0, before - WINDOW + 1) :])
        ends += self._start + max(0, before - WINDOW + 1)
        while True:
            after = int(np.searchsorted(ends, self._start + SHORTEST_PART))
            end = int(ends[after]) if after < len(ends) else self._length + 1
            end = min(end, self._start + LONGEST_PART)
            if end > self._length:
                break
            self._decide(end)
        yield from self._decided()

    def end(self) -> Iterator[UnheardPart]:
        """Yield what is left."""
        if self._start < self._length:
            self._decide(self._length)
        yield from self._decided()

    def _decide(self, end: int) -> None:
        """End a part, and find out whether it was heard before."""
        part = self._levels[: end - self._start]
        self._levels = self._levels[len(part) :]
        if len(part) >= _LEAST_COMPARED and (part != part[0]).any():
            digest = hashlib.blake2b(part.tobytes(), digest_size=16).digest()
            if digest in self._digests:
                self._heard.append((self._start, end))
                self.repeated += len(part)
            self._digests.add(digest)
        self._start = end

    def _decided(self) -> Iterator[UnheardPart]:
        """Yield the blocks of which all is decided, without what was heard before."""
        while self._blocks and self._blocks[0][0] + len(self._blocks[0][1]) <= self._start:
            offset, block = self._blocks.popleft()
            at, beyond = offset, offset + len(block)
            while self._heard and self._heard[0][0] < beyond:
                first, last = self._heard[0]
                if first > at:
                    yield UnheardPart(at, block[at - offset : first - offset])
                at = min(last, beyond)
                if last > beyond:
                    break
                self._heard.popleft()
            if at < beyond:
                yield UnheardPart(at, block[at - offset :])


class _Runs:
    """Counts the samples of long stretches of digital silence in a recording."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._value = np.float32(np.nan)
        self._run = 0

    def push(self, samples: Float32) -> int:
        """Return the samples of the long runs that end in the next samples."""
        before = np.concatenate([[self._value], samples[:-1]])
        changes = np.flatnonzero(~(np.abs(samples - before) <= LARGEST_STEP))
        self._value = samples[-1]
        if not len(changes):
            self._run += len(samples)
            return 0
        runs = np.diff(changes, prepend=-self._run)
        self._run = len(samples) - int(changes[-1])
        return int(runs[runs > self._longest].sum())

    def end(self) -> int:
        """Return the samples of the last run, if it is long."""
        return self._run if self._run > self._longest else 0


def _ends(levels: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Int64:
    """Return after how many of the samples (n,) a part ends; only what is in `WINDOW` decides."""
    count = len(levels) - WINDOW + 1
    if count < 1:
        return np.empty(0, np.int64)
    mixed, power = levels.view(np.uint32), _BASE
    for doubling in range(DOUBLINGS):
        step = 1 << doubling
        mixed = mixed[:-step] * np.uint32(power) + mixed[step:]
        power = power * power % (1 << 32)
    return np.flatnonzero((mixed * _SPREAD) >> np.uint32(32 - END_BITS) == END) + WINDOW
