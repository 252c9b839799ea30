"""Reads and writes WAV files with numpy and the standard library alone.

What a header says is never trusted: memory is bounded by the file's own size.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from .arrays import Float32, Int16
from .channels import mix_channels
from .errors import AudioError
from .pipe import Pipe
from .resample import HIGHEST_RATE, LOWEST_RATE

#: Chunks of a file that are looked through for its samples: a gigabyte of zeros would be 10**8.
_MOST_CHUNKS = 1000
#: Bytes that are decoded at once.
_BYTES_AT_ONCE = 1 << 18
#: Bytes of a format chunk that are read: the extensible form has 40.
_FORMAT_BYTES = 40
#: The first four bytes of a WAV file: RF64 is for those that may become longer than 4 GiB.
WAV_MAGIC = (b"RIFF", b"RF64")
#: Format tag of integers.
PCM = 0x0001
#: Format tag of floats.
_FLOAT = 0x0003
#: Format tag of files whose sub-format says what they hold.
_EXTENSIBLE = 0xFFFE
#: The last 14 bytes of the sub-format of an extensible WAV whose first two are a format tag.
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
#: Names of the codecs that are not read here, by format tag.
_CODECS = {
    0x0002: "ADPCM",
    0x0006: "A-law",
    0x0007: "mu-law",
    0x0011: "ADPCM",
    0x0031: "GSM",
    0x0055: "MP3",
}
#: Lengths of samples that stand for an unknown one, as programs write them that cannot come back to
#: the header: 0, about 2 GiB, and about 4 GiB. Each program has its own.
_UNKNOWN = (range(1), range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))


class ForwardReader(Protocol):
    """What a header is read from: a binary file, or a pipe, which only goes forwards."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer at the end."""

    def seek(self, offset: int, whence: int, /) -> object:
        """Skip so many bytes, with ``os.SEEK_CUR``."""


@dataclass(frozen=True)
class WavHeader:
    """What the ``fmt`` chunk of a WAV file says, and how long its samples are said to be.

    Attributes
    ----------
    tag : int
        Format tag: what kind of numbers the samples are.
    channels : int
        At least 1.
    sample_rate : int
        Samples per second, within the range of `kws.resample`.
    block : int
        Bytes of one sample of every channel.
    bits : int
        Bits of one sample of one channel.
    size : int
        Bytes of samples that the ``data`` chunk claims to hold.
    """

    tag: int
    channels: int
    sample_rate: int
    block: int
    bits: int
    size: int = 0

    @property
    def codec(self) -> str | None:
        """Name of the codec, if it is not one that is read here."""
        if self.tag in (PCM, _FLOAT):
            return None
        return _CODECS.get(self.tag, f"codec 0x{self.tag:04x}")

    @property
    def size_is_known(self) -> bool:
        """Whether ``size`` is a length: else the header was written before it was known."""
        return not any(self.size in sizes for sizes in _UNKNOWN)


def write_wav(file: Path | BinaryIO, samples: Int16, sample_rate: int) -> None:
    """Write mono audio as a WAV file of 16-bit integers, which every program reads.

    Parameters
    ----------
    file : path or binary stream
        Where to write; a stream must be able to seek.
    samples : int16 (n,)
        `kws.pcm.to_int16` makes them of floats.
    sample_rate : int
        Samples per second.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with wave.open(str(file) if isinstance(file, Path) else file, "wb") as writer:
        writer.setparams((1, 2, sample_rate, len(samples), "NONE", ""))
        writer.writeframes(samples.astype("<i2").tobytes())


def find_wav(pipe: Pipe) -> bool:
    """Go to where a WAV file begins in a pipe: at its first byte, or behind another's samples.

    Parameters
    ----------
    pipe : Pipe
        At the beginning of a file or of a chunk. It is left behind the file's first 12 bytes
        (``RIFF``, a length, ``WAVE``); the chunks before it are dropped.

    Returns
    -------
    bool
        False if none comes.
    """
    for _ in range(_MOST_CHUNKS):
        chunk = pipe.read(8)
        if len(chunk) < 8:
            break
        if chunk[:4] in WAV_MAGIC:
            return pipe.read(4) == b"WAVE"
        size = int.from_bytes(chunk[4:], "little")
        pipe.seek(size + size % 2)
    return False


def read_wav_header(file: ForwardReader, path: Path) -> WavHeader:
    """Read a WAV file up to where its samples begin.

    Parameters
    ----------
    file : binary stream
        Open behind the first 12 bytes (``RIFF``, a length, ``WAVE``); it is left where the samples
        begin.
    path : Path
        For messages.

    Returns
    -------
    WavHeader
        The format of the samples, and how many bytes of them there should be.

    Raises
    ------
    AudioError
        If the file has no samples or no format, or its format cannot be that of a recording.
    """
    header: WavHeader | None = None
    for _ in range(_MOST_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        size = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"fmt ":
            known = min(size, _FORMAT_BYTES)
            header = _parse_format(file.read(known), path)
            file.seek(size - known + size % 2, os.SEEK_CUR)
        elif chunk[:4] == b"data":
            if header is None:
                break
            return replace(header, size=size)
        else:
            file.seek(size + size % 2, os.SEEK_CUR)  # chunks are padded to an even size
    missing = "'fmt '" if header is None else "'data'"
    raise AudioError(f"{path}: has no samples: the WAV file is cut off or has no {missing} chunk")


def _parse_format(data: bytes, path: Path) -> WavHeader:
    """Read a ``fmt`` chunk."""
    if len(data) < 16:
        raise AudioError(f"{path}: the WAV header is cut off: copy or convert it again")

    def number(start: int, stop: int) -> int:
        return int.from_bytes(data[start:stop], "little")

    tag = number(0, 2)
    if tag == _EXTENSIBLE and data[26:40] == _GUID_TAIL:
        tag = number(24, 26)
    header = WavHeader(tag, number(2, 4), number(4, 8), number(12, 14), number(14, 16))
    check_format(path, header.sample_rate, header.channels)
    return header


def count_wav_frames(file: BinaryIO, path: Path, header: WavHeader) -> int:
    """Return how many samples of every channel a WAV file has, whatever its header says.

    Parameters
    ----------
    file : binary stream
        Where its samples begin, as `read_wav_header` leaves it; it is left there again.
    path : Path
        For messages.
    header : WavHeader
        The file's header, without a codec.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    AudioError
        If there are none, or their size is none that WAV files have.
    """
    width = sample_width(header, path)
    start = file.tell()
    end = os.fstat(file.fileno()).st_size
    size = header.size
    if not header.size_is_known:
        # Streamed without lengths, or truly empty: then the length of the whole file is right.
        file.seek(4)
        whole = int.from_bytes(file.read(4), "little") + 8
        file.seek(start)
        if abs(whole - end) > 1:
            size = end - start
        if size == 0:
            raise AudioError(f"{path}: has no samples: record it again")
    frames = min(size, end - start) // (width * header.channels)
    if frames < 1:
        raise AudioError(f"{path}: has no samples: the WAV file is cut off, copy it again")
    return frames


def wav_blocks(file: BinaryIO, path: Path, header: WavHeader, frames: int) -> Iterator[Float32]:
    """Yield the samples of a WAV file as mono audio, some at a time.

    Parameters
    ----------
    file : binary stream
        Where its samples begin.
    path : Path
        For messages.
    header : WavHeader
        The file's header, without a codec.
    frames : int
        Samples of every channel to read, as `count_wav_frames` gives.

    Yields
    ------
    float32 (n,)
        The channels as one (`kws.channels`), -1 .. 1; n is at least 1.

    Raises
    ------
    AudioError
        If the file becomes shorter while it is read.
    """
    return mix_channels(_decoded(file, path, header, frames), header.channels, header.sample_rate)


def _decoded(file: BinaryIO, path: Path, header: WavHeader, frames: int) -> Iterator[Float32]:
    """Yield the samples of all channels, float32 (n, channels)."""
    width = sample_width(header, path)
    at_once = max(1, _BYTES_AT_ONCE // (width * header.channels))
    while frames > 0:
        data = file.read(min(at_once, frames) * width * header.channels)
        got = len(data) // (width * header.channels)
        if got == 0:
            raise AudioError(f"{path}: became shorter while it was read: copy it again")
        whole_frames = data[: got * width * header.channels]
        yield decode_samples(whole_frames, header.tag, width).reshape(got, header.channels)
        frames -= got


def piped_wav_blocks(
    pipe: Pipe, path: Path, header: WavHeader, block_seconds: float
) -> Iterator[Float32]:
    """Yield the samples of a WAV file that comes through a pipe as mono audio, as they come.

    Parameters
    ----------
    pipe : Pipe
        Where its samples begin.
    path : Path
        For messages.
    header : WavHeader
        The file's header, without a codec. Where it does not know the length, all that comes
        counts.
    block_seconds : float
        Length of the longest block.

    Returns
    -------
    iterator of float32 (n,)
        The channels as one (`kws.channels`), -1 .. 1; n is at least 1.

    Raises
    ------
    AudioError
        If the samples have a size that WAV files do not have, or the pipe cannot be read.
    """
    width = sample_width(header, path)
    frame = width * header.channels
    at_once = frame * max(1, round(block_seconds * header.sample_rate))

    def decoded() -> Iterator[Float32]:
        left = header.size if header.size_is_known else None
        odd = b""
        while data := pipe.some(at_once if left is None else min(at_once, left)):
            if left is not None:
                left -= len(data)
            data = odd + data
            whole = len(data) // frame * frame
            odd = data[whole:]
            if whole:
                yield decode_samples(data[:whole], header.tag, width).reshape(-1, header.channels)
            if left == 0:
                pipe.seek(header.size % 2)  # chunks are padded to an even size
                break

    return mix_channels(decoded(), header.channels, header.sample_rate)


def sample_width(header: WavHeader, path: Path) -> int:
    """Return the bytes of one sample of one channel.

    Parameters
    ----------
    header : WavHeader
        The file's header, without a codec.
    path : Path
        For messages.

    Returns
    -------
    int
        1 to 4, or 8.

    Raises
    ------
    AudioError
        If WAV files have no samples of that size.
    """
    # Integers of 12 or 20 bits are kept in the high bits of the next larger size: that decides.
    width, rest = divmod(header.block, header.channels)
    widths = (4, 8) if header.tag == _FLOAT else (1, 2, 3, 4)
    fits = 1 <= header.bits <= 8 * width and (header.tag == PCM or header.bits == 8 * width)
    if rest or width not in widths or not fits:
        kind = "floats" if header.tag == _FLOAT else "integers"
        raise AudioError(
            f"{path}: {kind} of {header.bits} bits in blocks of {header.block} bytes for "
            f"{header.channels} channels are not WAV: convert it to 16-bit integers"
        )
    return width


def decode_samples(data: bytes, tag: int, width: int) -> Float32:
    """Return little-endian samples as floats.

    Parameters
    ----------
    data : bytes
        Whole samples; integers of one byte have no sign.
    tag : int
        `PCM` for integers; otherwise they are floats.
    width : int
        Bytes of one sample: 1 to 4 for integers, 4 or 8 for floats.

    Returns
    -------
    float32 (n,)
        Integers in -1 .. 1; floats as they are, which may not be finite.
    """
    if tag == _FLOAT:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported later
            return np.frombuffer(data, f"<f{width}").astype(np.float32)
    if width == 1:  # the one size without a sign
        unsigned = np.frombuffer(data, np.uint8).astype(np.float32)
        unsigned -= 128
        unsigned /= 128
        return unsigned
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = padded.tobytes(), 4
    floats = np.frombuffer(data, f"<i{width}").astype(np.float32)
    floats *= np.float32(1 / (1 << (8 * width - 1)))
    return floats


def check_format(path: Path, sample_rate: int, channels: int) -> None:
    """Refuse a sample rate or a number of channels that no recording has.

    Parameters
    ----------
    path : Path
        For messages.
    sample_rate : int
        Samples per second.
    channels : int
        Number of channels.

    Raises
    ------
    AudioError
        If there is no channel, or the rate cannot be resampled.
    """
    if channels < 1:
        raise AudioError(f"{path}: has 0 channels: its header is damaged, convert it again")
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise AudioError(
            f"{path}: sample rate {sample_rate} Hz is not in {LOWEST_RATE} .. {HIGHEST_RATE}: "
            "convert it again"
        )


def check_length(path: Path, frames: int, sample_rate: int, max_seconds: float) -> None:
    """Refuse a recording of so many samples per channel if it is longer than ``max_seconds``.

    Parameters
    ----------
    path : Path
        For messages.
    frames : int
        Samples of every channel.
    sample_rate : int
        Samples per second.
    max_seconds : float
        Longest recording that is taken.

    Raises
    ------
    AudioError
        If it is longer.
    """
    if frames > max_seconds * sample_rate:
        raise AudioError(
            f"{path}: is {frames / sample_rate:.0f} s long, more than {max_seconds:g} s: "
            "cut it into parts"
        )
