"""Recordings and pipes."""

from __future__ import annotations

import functools
import io
import random
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kws.audio import read_recording, read_stream, stream_audio

from .changes import NUMBERS, change_bytes
from .reader import BrokenPromiseError, Reader

#: Seconds of the longest recording that is taken here.
LONGEST = 600.0
#: Samples of a seed.
SAMPLES = 1600


def _tone(channels: int = 1) -> np.ndarray:
    """Return a tone with noise, int16 (n, channels)."""
    rng = np.random.default_rng(0)
    tone = 8000 * np.sin(np.arange(SAMPLES)[:, None] * 0.1) + rng.normal(
        0, 500, (SAMPLES, channels)
    )
    return tone.astype("<i2")


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


def _wav(tag: int, channels: int, bits: int, data: bytes, *further: bytes) -> bytes:
    block = channels * bits // 8
    values = ((tag, 2), (channels, 2), (16000, 4), (16000 * block, 4), (block, 2), (bits, 2))
    header = b"".join(number.to_bytes(size, "little") for number, size in values)
    chunks = b"".join((_chunk(b"fmt ", header), *further, _chunk(b"data", data)))
    return b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks


@functools.cache
def wav_seeds() -> tuple[bytes, ...]:
    """Return WAV files in every width and kind of number."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as writer:
        writer.setparams((1, 2, 16000, SAMPLES, "NONE", ""))
        writer.writeframes(_tone().tobytes())
    floats = (_tone(2) / 32768).astype("<f4")
    extensible = b"\xfe\xff" + bytes.fromhex("0100803e0000007d00000200100016001000040000000100")
    guid = extensible + bytes.fromhex("000000001000800000aa00389b71")
    whole = _chunk(b"fmt ", guid) + _chunk(b"data", _tone().tobytes())
    return (
        stream.getvalue(),
        _wav(1, 2, 16, _tone(2).tobytes(), _chunk(b"LIST", b"INFO" + bytes(30))),
        _wav(1, 1, 8, bytes(SAMPLES)),
        _wav(1, 8, 24, bytes(3 * 8 * 200)),
        _wav(1, 3, 32, bytes(4 * 3 * 200)),
        _wav(3, 2, 32, floats.tobytes()),
        _wav(3, 1, 64, floats[:, 0].astype("<f8").tobytes()),
        b"RIFF" + (4 + len(whole)).to_bytes(4, "little") + b"WAVE" + whole,
        b"RIFF\xff\xff\xff\xffWAVE"
        + _wav(1, 1, 16, _tone().tobytes())[12:40]
        + b"\xff" * 4
        + bytes(99),
    )


@functools.cache
def coded_seeds() -> tuple[bytes, ...]:
    """Return recordings in the formats that libsndfile reads, as far as it writes them."""
    import soundfile

    kinds = (
        *(("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS")),
        *(("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "ALAC_16")),
        *(("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16"), ("NIST", "PCM_16")),
        *(("WAV", "ULAW"), ("WAV", "ALAW"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM")),
        *(("WAV", "GSM610"), ("AIFF", "IMA_ADPCM")),
    )
    found = []
    for container, codec in kinds:
        stream = io.BytesIO()
        try:
            soundfile.write(stream, _tone()[:, 0], 16000, codec, format=container)
        except (soundfile.SoundFileError, ValueError):
            continue
        found.append(stream.getvalue())
    return tuple(found)


def _check(samples: np.ndarray, size: int) -> None:
    """Check what a recording became: finite floats, and no more than there can be."""
    if samples.dtype != np.float32 or samples.ndim != 1 or not np.isfinite(samples).all():
        raise BrokenPromiseError(f"samples of {samples.dtype} {samples.shape}, or not finite")
    if size and len(samples) > size:
        raise BrokenPromiseError(f"{len(samples)} samples of {size} bytes")


def _read_file(content: bytes, folder: Path) -> str:
    path = folder / "a.wav"
    path.write_bytes(content)
    samples = read_recording(path, LONGEST).samples
    _check(samples, len(content) if content[:4] == b"RIFF" and content[20:21] in b"\1\3" else 0)
    heard = 0
    for block in stream_audio(path, 16000, LONGEST):
        _check(block, 0)
        heard += len(block)
        if heard > 16000 * (LONGEST + 1):
            raise BrokenPromiseError(f"{heard} samples of {len(content)} bytes")
    return "read"


class _Trickle(io.RawIOBase):
    """A pipe from which bytes come a few at a time."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at, self._draw = content, 0, random.Random(len(content))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        count = min(size, self._draw.choice((1, 2, 3, 100, 1 << 20)))
        piece = self._content[self._at : self._at + count]
        self._at += len(piece)
        return piece


def _read_pipe(content: bytes, folder: Path) -> str:
    heard = 0
    for block in read_stream(_Trickle(content)):  # type: ignore[arg-type]
        _check(block, 0)
        heard += len(block)
    # of the lowest rate that is resampled a sample becomes eight
    if heard > 20 * (len(content) + 16000):
        raise BrokenPromiseError(f"{heard} samples of {len(content)} bytes")
    return "read"


def _change_wav(content: bytes, draw: random.Random) -> bytes:
    """Change a number of a chunk's header, chunks, samples, or anything."""
    what = draw.randrange(6)
    if what < 2 and len(content) > 44:
        at, width = draw.choice(
            ((4, 4), (16, 4), (20, 2), (22, 2), (24, 4), (32, 2), (34, 2), (40, 4))
        )
        number = draw.choice((*NUMBERS, draw.randrange(2**16), 10**9)) % 2 ** (8 * width)
        changed = bytearray(content)
        changed[at : at + width] = number.to_bytes(width, "little")
        return bytes(changed)
    if what == 2 and len(content) > 100:
        at = draw.randrange(44, len(content) - 8)
        odd = draw.choice((np.nan, np.inf, -np.inf, 1e38, 3e4))
        return (
            content[:at] + np.array([odd] * 3, draw.choice(("<f4", "<f8"))).tobytes() + content[at:]
        )
    if what == 3:
        name = draw.choice((b"fmt ", b"data", b"LIST", b"\0\0\0\0", b"JUNK"))
        size = draw.choice(NUMBERS) % 2**32
        return content[:12] + name + size.to_bytes(4, "little") + content[12:]
    return change_bytes(content, draw)


def _change_pipe(content: bytes, draw: random.Random) -> bytes:
    changed = _change_wav(content, draw)
    what = draw.randrange(8)
    if what == 0:  # several files in a row, as programs send them
        return changed + draw.choice(wav_seeds())
    if what == 1:
        return draw.randbytes(draw.randrange(2000))
    if what == 2:
        return (
            draw.choice((b"\xff\xfb\x90\x44", b"\xff\xf1\x50\x80", b"ID3", b"OggS", b"RIFF"))
            + changed
        )
    return changed


def _all_seeds() -> tuple[bytes, ...]:
    return (*wav_seeds(), b"\xff\xfb\x90\x44" + bytes(413), bytes(3201))


def readers() -> Iterator[Reader]:
    """Yield the readers of audio."""
    yield Reader("wav", "WAV files, by our own reader", wav_seeds, _read_file, _change_wav)
    yield Reader(
        "soundfile",
        "FLAC, OGG, MP3 and more, by libsndfile",
        coded_seeds,
        _read_file,
        needs=("soundfile",),
        memory=512,
    )
    yield Reader("pipe", "PCM and WAV from a pipe", _all_seeds, _read_pipe, _change_pipe)
