"""Audio that comes over a connection in bytes: any width, any channels, cut anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Float32
from ..channels import ChannelMixer
from ..errors import AudioError
from ..resample import HIGHEST_RATE, LOWEST_RATE
from ..wav import PCM, decode_samples

#: Channels of a stream, at most: arrays of microphones have some 8.
MOST_CHANNELS = 16
#: Seconds of audio that are processed at once; other clients have their turn in between.
PIECE_SECONDS = 0.08


@dataclass(frozen=True)
class SampleFormat:
    """How bytes are samples.

    Attributes
    ----------
    rate : int
        Samples per second of each channel.
    width : int
        Bytes of one sample of one channel.
    channels : int
        Channels, whose samples alternate.
    tag : int
        Kind of the numbers, as in WAV files; integers unless said otherwise.
    """

    rate: int
    width: int
    channels: int
    tag: int = PCM

    @property
    def frame(self) -> int:
        """Bytes of one sample of every channel."""
        return self.width * self.channels


def parse_format(values: Mapping[str, Any]) -> SampleFormat:
    """Read the format of integer samples that a client states.

    Parameters
    ----------
    values : mapping
        ``rate``, ``width`` and ``channels``, of any type.

    Returns
    -------
    SampleFormat

    Raises
    ------
    AudioError
        If one of them is missing, or none that audio has.
    """
    return SampleFormat(
        _whole(values, "rate", LOWEST_RATE, HIGHEST_RATE),
        _whole(values, "width", 1, 4),
        _whole(values, "channels", 1, MOST_CHANNELS),
    )


def _whole(values: Mapping[str, Any], name: str, lowest: int, highest: int) -> int:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        shown = repr(value) if isinstance(value, int | float | str) else type(value).__name__
        raise AudioError(
            f"{name} is {shown:.40}: it must be a whole number from {lowest} to {highest}"
        )
    return value


class SampleStream:
    """Makes mono audio of a stream of bytes.

    Memory is that of the bytes pushed at once and of one piece.

    Parameters
    ----------
    sample_format : SampleFormat
        How the bytes are samples.
    """

    def __init__(self, sample_format: SampleFormat) -> None:
        self._format = sample_format
        self._mixer = ChannelMixer(sample_format.channels, sample_format.rate)
        self._odd = b""  # of a sample that was cut
        self._piece = sample_format.frame * max(1, round(PIECE_SECONDS * sample_format.rate))

    def push(self, data: bytes) -> Iterator[Float32]:
        """Take bytes and yield the audio that they complete.

        Parameters
        ----------
        data : bytes
            Cut anywhere, also within a sample.

        Yields
        ------
        float32 (n,)
            Mono audio, at most `PIECE_SECONDS` long, and a stretch of `kws.channels` where there
            are several channels.
        """
        # a sample that was cut is joined from few bytes: the bytes of all are not copied for it
        needed = -len(self._odd) % self._format.frame
        head, rest = self._odd + data[:needed], memoryview(data)[needed:]
        whole = len(head) // self._format.frame * self._format.frame
        if whole:
            yield from self._mixed(head)
        self._odd = head[whole:]
        for start in range(0, len(rest), self._piece):
            piece = bytes(rest[start : start + self._piece])
            whole = len(piece) // self._format.frame * self._format.frame
            self._odd = piece[whole:]
            yield from self._mixed(piece[:whole])

    def flush(self) -> Float32:
        """End the stream; a sample that was cut is left out.

        Returns
        -------
        float32 (n,)
            The rest of the audio, often n = 0.
        """
        self._odd = b""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._mixer.flush()

    def _mixed(self, data: bytes) -> Iterator[Float32]:
        samples = decode_samples(data, self._format.tag, self._format.width)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
            mixed = self._mixer.push(samples.reshape(-1, self._format.channels))
        if len(mixed):
            yield mixed
