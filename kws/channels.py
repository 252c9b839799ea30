"""Several channels become one: their mean, or one of them where the mean loses the sound.

A microphone with balanced wires that is plugged into a stereo input gives two channels of which one
is the other upside down: what is said is loud in both, and their mean is silence. So the mean is
compared with the channels, stretch by stretch. The stretches are counted from the first sample, so
a recording sounds the same whole and in pieces of any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from .arrays import Float32

#: Seconds of a stretch, for which one choice holds.
STRETCH = 0.02
#: Share of a power that is remembered from one stretch to the next: 0.2 s of sound decide.
MEMORY = 0.9
#: The mean has lost the sound if its power is below this share of the power that channels which
#: have nothing in common leave in their mean (-12 dB). Of a pair less is left only if one is the
#: other upside down, to within 3 dB.
LOST = 0.06
#: Power below this is digital silence, whose channels cannot be compared.
SILENCE = 1e-12


class ChannelMixer:
    """Mixes the channels of a stream into one.

    Where the mean has lost the sound, the channel that was loudest then is taken until the mean has
    it again. From one to the other it fades within a stretch.

    Parameters
    ----------
    channels : int
        Channels of the stream.
    sample_rate : int
        Samples per second of each.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._size = max(1, round(STRETCH * sample_rate))
        self._held = np.zeros((0, channels), np.float32)
        self._mean_power = 0.0
        self._channel_power = 0.0
        self._channel: int | None = None  # taken in place of the mean

    def push(self, frames: Float32) -> Float32:
        """Take samples of all channels and return those of the stretches that they complete.

        Parameters
        ----------
        frames : float32 (n, channels)
            Any n.

        Returns
        -------
        float32 (m,)
            Of a single channel the very samples; else up to a stretch later, often m = 0 for
            small n.
        """
        if frames.shape[1] == 1:
            return frames[:, 0]
        if len(self._held):
            frames = np.concatenate([self._held, frames])
        whole = len(frames) // self._size * self._size
        self._held = frames[whole:].copy()
        return self._mix(frames[:whole], self._size)

    def flush(self) -> Float32:
        """End the stream.

        Returns
        -------
        float32 (m,)
            The rest: with it, as many samples have come out as were pushed.
        """
        held, self._held = self._held, self._held[:0]
        return self._mix(held, max(1, len(held)))

    def _mix(self, frames: Float32, size: int) -> Float32:
        """Return one channel of whole stretches of some size."""
        mean: Float32 = frames.mean(axis=1, dtype=np.float32)
        mean_powers = np.square(mean).reshape(-1, size).sum(axis=1) / size
        channel_powers = np.square(frames).reshape(-1, size * frames.shape[1]).sum(axis=1)
        channel_powers /= size * frames.shape[1]
        out = mean
        for stretch, powers in enumerate(
            zip(mean_powers.tolist(), channel_powers.tolist(), strict=True)
        ):
            before, silent = self._channel, self._channel_power == 0
            rows = slice(stretch * size, (stretch + 1) * size)
            self._choose(*powers, frames[rows])
            if self._channel is None and before is None:
                continue
            if out is mean:
                out = mean.copy()
            part = mean[rows] if self._channel is None else frames[rows, self._channel]
            if self._channel != before and not silent:
                old = mean[rows] if before is None else frames[rows, before]
                part = old + np.linspace(0, 1, size, dtype=np.float32) * (part - old)
            out[rows] = part
        return out

    def _choose(self, mean_power: float, channel_power: float, frames: Float32) -> None:
        """Choose between the mean and a channel for a stretch, float32 (n, channels)."""
        self._mean_power = MEMORY * self._mean_power + mean_power
        self._channel_power = MEMORY * self._channel_power + channel_power
        if not math.isfinite(self._channel_power) or self._channel_power < SILENCE:
            self._mean_power = self._channel_power = 0.0
        if self._mean_power >= LOST * self._channel_power / frames.shape[1]:
            self._channel = None
        elif self._channel is None:
            self._channel = int(np.square(frames).sum(axis=0).argmax())


def mix_channels(blocks: Iterable[Float32], channels: int, sample_rate: int) -> Iterator[Float32]:
    """Mix the channels of a recording that comes in pieces.

    Parameters
    ----------
    blocks : iterable of float32 (n, channels)
        The recording; samples that are not finite stay so.
    channels : int
        Channels of the recording.
    sample_rate : int
        Samples per second of each.

    Yields
    ------
    float32 (n,)
        n is at least 1; all together have as many samples as the blocks.
    """
    mixer = ChannelMixer(channels, sample_rate)
    for block in blocks:
        with np.errstate(over="ignore", invalid="ignore"):
            mixed = mixer.push(block)
        if len(mixed):
            yield mixed
    with np.errstate(over="ignore", invalid="ignore"):
        mixed = mixer.flush()
    if len(mixed):
        yield mixed
