"""Samples in: recordings, pipes and arrays become mono float32 in -1 .. 1.

WAV files are read here, with numpy alone; other formats need the optional package soundfile.
What a header says is never trusted: memory is bounded by the file's own size.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .errors import AudioError
from .installing import install_extra
from .pcm import to_float32
from .resample import HIGHEST_RATE, LOWEST_RATE, Resampler, resample

#: Suffixes of the files taken for recordings in a folder.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"}
)


def recordings_below(folder: Path) -> list[Path]:
    """Return the recordings in a folder, at any depth, in the order of their paths.

    Hidden files are none: macOS keeps ``._word.wav`` beside the ``word.wav`` of other disks.
    """
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    ]


#: Longest recording taken by default, in seconds: a file that says more is most likely broken.
LONGEST = 4 * 3600.0
#: The same where a recording is read in pieces, so that only time is lost on it.
LONGEST_STREAMED = 100 * 3600.0

#: No recording has such samples: they are integers that were never scaled to -1 .. 1.
_LARGEST = 1e4
#: Chunks of a WAV file looked through for its samples: a gigabyte of zeros would be 10**8.
_CHUNKS = 1000
#: Bytes, or samples, decoded at once.
_AT_ONCE = 1 << 18

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
#: The last 14 bytes of the sub-format of an extensible WAV whose first two are a format tag.
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_WAV_CODECS = {
    0x0002: "ADPCM",
    0x0006: "A-law",
    0x0007: "mu-law",
    0x0011: "ADPCM",
    0x0031: "GSM",
    0x0055: "MP3",
}


@dataclass(frozen=True)
class Recording:
    """A recording in memory.

    Attributes
    ----------
    samples : float32 (n,)
        Mono audio in -1 .. 1; n is at least 1 and all are finite. Files of floats may go beyond
        1, and are not clipped.
    sample_rate : int
        Samples per second.
    """

    samples: Float32
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def read_recording(path: str | os.PathLike[str], max_seconds: float = LONGEST) -> Recording:
    """Read a whole recording as mono audio, at its own sample rate.

    Parameters
    ----------
    path : path
        A WAV file (integers of 8 to 32 bits, floats of 32 or 64), or with the package soundfile
        also FLAC, OGG (Vorbis, Opus), MP3, AIFF and WAV in other codecs. Channels are averaged.
        A WAV file that was cut off, or streamed without lengths, gives the samples it has.
    max_seconds : float
        Longer recordings are refused before memory is taken for them.

    Raises
    ------
    AudioError
        If there is no such file, it cannot be read, is not a recording, has no samples, has NaN
        or infinite samples, or is too long.
    """
    with _open_recording(path, max_seconds) as opened:
        if opened.frames is None:
            samples = np.concatenate([*opened.blocks])
        else:
            samples = np.empty(opened.frames, np.float32)
            filled = 0
            for block in opened.blocks:
                samples[filled : filled + len(block)] = block
                filled += len(block)
    _check_samples(samples, Path(path))
    return Recording(samples, opened.sample_rate)


def stream_audio(
    path: str | os.PathLike[str], sample_rate: int, max_seconds: float = LONGEST_STREAMED
) -> Iterator[Float32]:
    """Read a recording of any length piece by piece, as mono audio at the rate asked for.

    Parameters
    ----------
    path : path
        A recording, as for `read_recording`.
    sample_rate : int
        Samples per second of the result; the recording is resampled where it has another rate.
    max_seconds : float
        Longer recordings are refused.

    Yields
    ------
    float32 (n,)
        Mono audio in -1 .. 1, some seconds of it; n is at least 1. All pieces together are what
        `load_audio` gives, but for rounding in the resampler.

    Raises
    ------
    AudioError
        As `read_recording`; damage far inside is found after the pieces before it.
    """
    with _open_recording(path, max_seconds) as opened:
        resampler = Resampler(opened.sample_rate, sample_rate)
        for block in opened.blocks:
            _check_samples(block, Path(path))
            samples = resampler.push(block)
            if len(samples):
                yield samples
        samples = resampler.flush()
        if len(samples):
            yield samples


@dataclass(frozen=True)
class _Opened:
    """A recording that is being read.

    Attributes
    ----------
    sample_rate : int
    frames : int or None
        Samples that will come, if that is sure.
    blocks : iterator of float32 (n,)
        n is at least 1; at least one comes.
    """

    sample_rate: int
    frames: int | None
    blocks: Iterator[Float32]


@contextmanager
def _open_recording(path: str | os.PathLike[str], max_seconds: float) -> Iterator[_Opened]:
    """Open a recording by what its first bytes say it is."""
    path = Path(path)
    if "\0" in str(path):
        raise AudioError(f"{path}: is not a path: take out the null byte")
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{path}: is a folder: give a recording in it")
        if not stat.S_ISREG(mode):
            raise AudioError(f"{path}: is a pipe or a device: copy it to a file first")
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            yield _open(file, path, max_seconds, stack)
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file: check the path") from None
    except PermissionError:
        raise AudioError(f"{path}: permission denied: make it readable (chmod +r)") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be read: {error.strerror or error}") from None


def load_audio(path: str | os.PathLike[str], sample_rate: int) -> Float32:
    """Read a whole recording as mono audio at the rate asked for.

    Parameters
    ----------
    path : path
        A recording, as for `read_recording`.
    sample_rate : int
        Samples per second of the result; the recording is resampled where it has another rate.

    Returns
    -------
    float32 (n,)
        Mono audio in -1 .. 1.

    Raises
    ------
    AudioError
        As `read_recording`.
    """
    recording = read_recording(path)
    return resample(recording.samples, recording.sample_rate, sample_rate)


def read_stream(
    stream: BinaryIO, block_seconds: float = 0.08, sample_rate: int = 16000
) -> Iterator[Float32]:
    """Read raw audio from a pipe as it arrives: 16-bit little-endian integers, mono.

    Parameters
    ----------
    stream : binary stream
        Such as ``sys.stdin.buffer``. Where it has ``read1`` (any buffered stream), or is
        unbuffered, samples are given out as soon as they come.
    block_seconds : float
        Length of the longest chunk.
    sample_rate : int
        Samples per second of the stream; only sets the size of that chunk.

    Yields
    ------
    float32 (n,)
        n is at least 1. Half a sample at the end of the stream is left out.

    Raises
    ------
    AudioError
        If reading fails or the pipe is in non-blocking mode.
    """
    size = 2 * max(1, round(block_seconds * sample_rate))
    read = getattr(stream, "read1", stream.read)
    odd = b""
    while True:
        try:
            data: bytes | None = read(size)
        except OSError as error:
            raise AudioError(f"audio stream: cannot be read: {error.strerror or error}") from None
        if data is None:
            raise AudioError("audio stream: is in non-blocking mode: open it in blocking mode")
        if not data:
            return
        data = odd + data
        whole = len(data) // 2 * 2
        odd = data[whole:]
        if whole:
            yield to_float32(np.frombuffer(data, "<i2", whole // 2))


def to_float(samples: npt.NDArray[Any]) -> Float32:
    """Return one chunk of samples as contiguous float32; cheap enough for every chunk.

    Parameters
    ----------
    samples : int16, float32 or float64 (n,)
        Mono audio: integers are scaled by 1 / 32768, floats are taken as -1 .. 1.

    Returns
    -------
    float32 (n,)
        The very array if it is contiguous float32 already.

    Raises
    ------
    AudioError
        If the array has another type or shape, or a number is NaN or infinite.
    """
    if not isinstance(samples, np.ndarray):
        kind = type(samples).__name__
        raise AudioError(f"samples: a numpy array is needed, not {kind}: use np.asarray(…)")
    if samples.ndim != 1:
        raise AudioError(
            f"samples: shape {samples.shape} is not one channel (n,): take one, samples[:, 0]"
        )
    if samples.dtype == np.int16:
        return to_float32(samples)
    if samples.dtype != np.float32 and samples.dtype != np.float64:
        raise AudioError(f"samples: type {samples.dtype} is not int16 or float32: convert it")
    # The sum of squares is one pass without temporaries, and not finite if any sample is not.
    # It also overflows for large finite samples; those are rare enough to look twice.
    with np.errstate(over="ignore", invalid="ignore"):
        floats = np.ascontiguousarray(samples, np.float32)
        power = np.dot(floats, floats)
    if not math.isfinite(power):
        bad = floats.size - int(np.count_nonzero(np.isfinite(floats)))
        if bad:
            raise AudioError(f"samples: NaN or infinite at {bad} positions: check the source")
    return floats


def _open(file: BinaryIO, path: Path, max_seconds: float, stack: ExitStack) -> _Opened:
    """Look into an open file; what is opened further is closed by the stack."""
    magic = file.read(12)
    if not magic:
        raise AudioError(f"{path}: is empty (0 bytes): record or copy it again")
    if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
        return _open_wav(file, path, max_seconds, stack)
    name = _format_name(magic)
    if name is None:
        raise AudioError(f"{path}: is not a recording (WAV, FLAC, OGG or MP3): convert it to WAV")
    return _open_with_soundfile(path, name, max_seconds, stack)


def _format_name(magic: bytes) -> str | None:
    """Return the name of a format that soundfile reads, from the first bytes of a file."""
    names = {
        b"fLaC": "FLAC",
        b"OggS": "OGG",
        b"RF64": "RF64",
        b"RIFX": "RIFX",
        b"FORM": "AIFF",
        b"caff": "CAF",
        b".snd": "AU",
    }
    if magic[:4] in names:
        return names[magic[:4]]
    # An MPEG frame begins with 11 ones, and layer 0 is reserved.
    frame = len(magic) > 1 and magic[0] == 0xFF and magic[1] & 0xE0 == 0xE0 and magic[1] & 0x06
    return "MP3" if magic[:3] == b"ID3" or frame else None


def _check_format(path: Path, sample_rate: int, channels: int) -> None:
    if channels < 1:
        raise AudioError(f"{path}: has 0 channels: its header is damaged, convert it again")
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise AudioError(
            f"{path}: sample rate {sample_rate} Hz is not in {LOWEST_RATE} .. {HIGHEST_RATE}: "
            "convert it again"
        )


def _check_length(path: Path, frames: int, sample_rate: int, max_seconds: float) -> None:
    if frames > max_seconds * sample_rate:
        raise AudioError(
            f"{path}: is {frames / sample_rate:.0f} s long, more than {max_seconds:g} s: "
            "cut it into parts"
        )


def _check_samples(samples: Float32, path: Path) -> None:
    """Refuse NaN, infinity and unscaled integers."""
    # Minimum and maximum make no temporaries, and are NaN if any sample is.
    if samples.min() >= -_LARGEST and samples.max() <= _LARGEST:
        return
    bad = samples.size - int(np.count_nonzero(np.isfinite(samples)))
    if bad:
        raise AudioError(
            f"{path}: contains NaN or infinite samples at {bad} positions: export it again"
        )
    raise AudioError(
        f"{path}: samples are not in -1 .. 1 (up to {np.abs(samples).max():.3g}): scale them"
    )


@dataclass(frozen=True)
class _WavFormat:
    """What the ``fmt`` chunk of a WAV file says."""

    tag: int
    channels: int
    sample_rate: int
    block: int  # bytes of one sample of every channel
    bits: int

    @property
    def codec(self) -> str | None:
        """Name of the codec, if it is not one that is read here."""
        if self.tag in (_PCM, _FLOAT):
            return None
        return _WAV_CODECS.get(self.tag, f"codec 0x{self.tag:04x}")


def _open_wav(file: BinaryIO, path: Path, max_seconds: float, stack: ExitStack) -> _Opened:
    """Look into a WAV file whose first 12 bytes have been seen."""
    form: _WavFormat | None = None
    for _ in range(_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"fmt ":
            form = _parse_fmt(file.read(min(size, 40)), path)
            file.seek(size - min(size, 40) + size % 2, os.SEEK_CUR)
        elif header[:4] == b"data":
            if form is None:
                break
            return _open_data(file, path, form, size, max_seconds, stack)
        else:
            file.seek(size + size % 2, os.SEEK_CUR)  # chunks are padded to an even size
    missing = "'fmt '" if form is None else "'data'"
    raise AudioError(f"{path}: has no samples: the WAV file is cut off or has no {missing} chunk")


def _parse_fmt(data: bytes, path: Path) -> _WavFormat:
    if len(data) < 16:
        raise AudioError(f"{path}: the WAV header is cut off: copy or convert it again")

    def number(start: int, stop: int) -> int:
        return int.from_bytes(data[start:stop], "little")

    tag = number(0, 2)
    if tag == _EXTENSIBLE and data[26:40] == _GUID_TAIL:
        tag = number(24, 26)
    form = _WavFormat(tag, number(2, 4), number(4, 8), number(12, 14), number(14, 16))
    _check_format(path, form.sample_rate, form.channels)
    return form


def _open_data(
    file: BinaryIO, path: Path, form: _WavFormat, size: int, max_seconds: float, stack: ExitStack
) -> _Opened:
    """Look into the data chunk at the file's position; ``size`` is what its header says."""
    if form.codec is not None:
        return _open_with_soundfile(path, f"WAV with {form.codec}", max_seconds, stack)
    width = _sample_width(form, path)
    start = file.tell()
    end = os.fstat(file.fileno()).st_size
    if size == 0:
        # Streamed without lengths, or truly empty: then the length of the whole file is right.
        file.seek(4)
        whole = int.from_bytes(file.read(4), "little") + 8
        file.seek(start)
        streamed = abs(whole - end) > 1
        size = end - start if streamed else 0
        if size == 0:
            raise AudioError(f"{path}: has no samples: record it again")
    frames = min(size, end - start) // (width * form.channels)
    if frames < 1:
        raise AudioError(f"{path}: has no samples: the WAV file is cut off, copy it again")
    _check_length(path, frames, form.sample_rate, max_seconds)
    return _Opened(form.sample_rate, frames, _wav_blocks(file, path, form, width, frames))


def _wav_blocks(
    file: BinaryIO, path: Path, form: _WavFormat, width: int, frames: int
) -> Iterator[Float32]:
    """Yield the samples of a data chunk that begins at the file's position."""
    at_once = max(1, _AT_ONCE // (width * form.channels))
    while frames > 0:
        data = file.read(min(at_once, frames) * width * form.channels)
        got = len(data) // (width * form.channels)
        if got == 0:
            raise AudioError(f"{path}: became shorter while it was read: copy it again")
        whole_frames = data[: got * width * form.channels]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported later
            block = _mono(_decode(whole_frames, form.tag, width).reshape(got, form.channels))
        yield block
        frames -= got


def _sample_width(form: _WavFormat, path: Path) -> int:
    """Return the bytes of one sample of one channel."""
    # Integers of 12 or 20 bits are kept in the high bits of the next larger size: that decides.
    width, rest = divmod(form.block, form.channels)
    widths = (4, 8) if form.tag == _FLOAT else (1, 2, 3, 4)
    fits = 1 <= form.bits <= 8 * width and (form.tag == _PCM or form.bits == 8 * width)
    if rest or width not in widths or not fits:
        kind = "floats" if form.tag == _FLOAT else "integers"
        raise AudioError(
            f"{path}: {kind} of {form.bits} bits in blocks of {form.block} bytes for "
            f"{form.channels} channels are not WAV: convert it to 16-bit integers"
        )
    return width


def _decode(data: bytes, tag: int, width: int) -> Float32:
    """Return little-endian samples as float32 in -1 .. 1."""
    if tag == _FLOAT:
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


def _mono(frames: Float32) -> Float32:
    """Return the mean of the channels of (n, channels)."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    mean: Float32 = frames.mean(axis=1, dtype=np.float32)
    return mean


def _open_with_soundfile(path: Path, name: str, max_seconds: float, stack: ExitStack) -> _Opened:
    """Open a recording in a format that only libsndfile knows."""
    try:
        import soundfile
    except ImportError:
        raise AudioError(
            f"{path}: {name} needs the soundfile package: {install_extra('audio')}"
        ) from None
    except OSError:  # the package is there, the library that it loads is not
        raise AudioError(f"{path}: {name} needs libsndfile: apt install libsndfile1") from None

    def undecodable(error: Exception) -> AudioError:
        reason = " ".join(str(getattr(error, "error_string", error)).split()).rstrip(".")
        return AudioError(f"{path}: cannot be decoded as {name} ({reason}): convert it to WAV")

    def blocks() -> Iterator[Float32]:
        at_once = max(1, _AT_ONCE // sound.channels)
        frames = 0
        while True:
            try:
                block = sound.read(at_once, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise undecodable(error) from None
            if not len(block):
                break
            frames += len(block)
            _check_length(path, frames, sample_rate, max_seconds)
            with np.errstate(over="ignore", invalid="ignore"):
                mono = _mono(block)
            yield mono
        if frames == 0:
            raise AudioError(f"{path}: has no samples: record or copy it again")

    # By its number, not by name: soundfile takes names that end in .raw for headerless.
    file = stack.enter_context(path.open("rb", buffering=0))
    try:
        sound = stack.enter_context(soundfile.SoundFile(file.fileno(), closefd=False))
    except soundfile.SoundFileError as error:
        raise undecodable(error) from None
    _check_format(path, sound.samplerate, sound.channels)
    sample_rate = int(sound.samplerate)
    # Some headers do not know the length (libsndfile then says 2**63 - 1).
    if sound.frames < 1 << 48:
        _check_length(path, sound.frames, sample_rate, max_seconds)
    return _Opened(sample_rate, None, blocks())
