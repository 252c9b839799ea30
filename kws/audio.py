"""Samples in: recordings, pipes and arrays become mono float32 in -1 .. 1.

WAV files are read with numpy alone (`kws.wav`); other formats need the optional package soundfile.
What a header says is never trusted: memory is bounded by the file's own size.
"""

from __future__ import annotations

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
from .channels import mix_channels
from .errors import AudioError
from .installing import install_extra
from .mpeg import FRAMES, HEADER, frame_bytes
from .pcm import FULL_SCALE, LARGEST_FLOAT, to_float32
from .pipe import Pipe
from .resample import Resampler, resample
from .wav import (
    WAV_MAGIC,
    check_format,
    check_length,
    count_wav_frames,
    find_wav,
    piped_wav_blocks,
    read_wav_header,
    wav_blocks,
)

#: Longest recording taken by default, in seconds: a file that says more is most likely broken.
LONGEST = 4 * 3600.0
#: The same where a recording is read in pieces, so that only time is lost on it.
LONGEST_STREAMED = 100 * 3600.0

#: Formats that soundfile reads, by the first four bytes of their files.
_FORMATS = {
    b"fLaC": "FLAC",
    b"OggS": "OGG",
    b"RF64": "RF64",
    b"RIFX": "RIFX",
    b"FORM": "AIFF",
    b"caff": "CAF",
    b".snd": "AU",
    b"riff": "W64",
    b"NIST": "SPHERE",
}
#: Formats that come through a pipe by mistake, by their first bytes. MP3 without tags is not among
#: them: its first bytes may be samples, see `_mpeg`.
_CONTAINERS = {
    b"RIFF": "RIFF",
    **_FORMATS,
    b"ID3": "MP3",
    b"\x1aE\xdf\xa3": "WebM or Matroska",
}
#: What it is waited for more of. Frames of MPEG audio begin with ones.
_BEGINNINGS = (*_CONTAINERS, *(bytes([0xFF, byte]) for byte in range(0xE2, 0x100) if byte & 6 != 6))
#: Samples of all channels that soundfile decodes at once.
_AT_ONCE = 1 << 18
#: Bytes of a FLAC file up to the end of what its first block says of the whole.
_FLAC_HEADER = 42


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
        also FLAC, OGG (Vorbis, Opus), MP3, AIFF and WAV in other codecs. Channels are averaged;
        where one is another upside down, one is taken (`kws.channels`). A WAV file that was cut
        off or streamed without lengths gives the samples it has, and so does a FLAC file whose
        encoder was stopped or wrote to a pipe.
    max_seconds : float
        Longer recordings are refused before memory is taken for them.

    Returns
    -------
    Recording
        Its samples, and their rate.

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
    """Read audio from a pipe as it arrives: 16-bit little-endian integers, mono, or a WAV file.

    Parameters
    ----------
    stream : binary stream
        Such as ``sys.stdin.buffer``. Where it has ``read1`` (any buffered stream), or is
        unbuffered, samples are given out as soon as they come. Where it begins as a WAV file, its
        header says the rate, the channels and the kind of numbers; they are made mono at
        ``sample_rate``. Further WAV files may follow.
    block_seconds : float
        Length of the longest chunk.
    sample_rate : int
        Samples per second of the result. Raw audio has this rate already.

    Yields
    ------
    float32 (n,)
        n is at least 1. Half a sample at the end of the stream is left out.

    Raises
    ------
    AudioError
        If reading fails, the pipe is in non-blocking mode, or what comes is neither raw audio nor a
        WAV file that is read here.
    """
    pipe = Pipe(stream)
    size = 2 * max(1, round(block_seconds * sample_rate))
    magic = _first_bytes(pipe, size)
    if magic[:4] in WAV_MAGIC and magic[8:] == b"WAVE":
        yield from _stream_wav(pipe, block_seconds, sample_rate)
        return
    name = _container(magic) or _mpeg(pipe, magic)
    if name is not None:
        raise AudioError(
            f"audio stream: is {name}, neither PCM nor WAV: give the file by its name, or decode "
            "it first (ffmpeg -i FILE -f wav -)"
        )
    odd = b""
    while data := pipe.some(size):
        data = odd + data
        whole = len(data) // 2 * 2
        odd = data[whole:]
        if whole:
            yield to_float32(np.frombuffer(data, "<i2", whole // 2))


def _mpeg(pipe: Pipe, magic: bytes) -> str | None:
    """Return the name of MPEG audio that begins with a frame. Its bytes are still to be read.

    Samples may begin as a frame does, in one of thousands of streams: then the first of them come
    when a few frames would have.
    """
    if frame_bytes(magic) == 0:
        return None
    data, end = b"", 0
    for _ in range(FRAMES):
        data += pipe.read(end + HEADER - len(data))
        size = frame_bytes(data[end:])
        if size == 0:
            break
        end += size
    pipe.give_back(data)
    return "MP3 or AAC" if size else None


def _first_bytes(pipe: Pipe, size: int) -> bytes:
    """Return the first 12 bytes of a pipe, or fewer that tell already that it is PCM.

    They are still to be read. It is waited for more only while they may belong to a known format,
    since samples are wanted as soon as they come.
    """
    head = b""
    while len(head) < 12 and any(head[: len(magic)] == magic[: len(head)] for magic in _BEGINNINGS):
        more = pipe.some(size)
        if not more:
            break
        head += more
    pipe.give_back(head)
    return head[:12]


def _stream_wav(pipe: Pipe, block_seconds: float, sample_rate: int) -> Iterator[Float32]:
    """Yield the samples of WAV files in a pipe, float32 (n,), at the rate asked for."""
    path = Path("audio stream")
    while find_wav(pipe):
        header = read_wav_header(pipe, path)
        if header.codec is not None:
            raise AudioError(
                f"{path}: is WAV with {header.codec}: give the file by its name, or pipe PCM"
            )
        resampler = Resampler(header.sample_rate, sample_rate)
        for block in piped_wav_blocks(pipe, path, header, block_seconds):
            _check_samples(block, path)
            samples = resampler.push(block)
            if len(samples):
                yield samples
        samples = resampler.flush()
        if len(samples):
            yield samples


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
        If the array has another type or shape, a number is NaN or infinite, or floats are at the
        scale of integers: beyond `kws.pcm.LARGEST_FLOAT`.
    """
    if not isinstance(samples, np.ndarray):
        kind = type(samples).__name__
        raise AudioError(f"samples: a numpy array is needed, not {kind}: use np.asarray(…)")
    if samples.ndim != 1:
        first = samples.ndim == 2 and samples.shape[0] < samples.shape[1]  # channels come first
        one = "samples[0]" if first else "samples[:, 0]"
        raise AudioError(f"samples: shape {samples.shape} is not one channel (n,): take one, {one}")
    if samples.dtype == np.int16:
        return to_float32(samples)
    if samples.dtype != np.float32 and samples.dtype != np.float64:
        raise AudioError(f"samples: type {samples.dtype} is not int16 or float32: convert it")
    # The sum of squares is one pass without temporaries. It is not finite if any sample is not, and
    # is large if any sample is; loud chunks have a large one too, and are looked at twice.
    with np.errstate(over="ignore", invalid="ignore"):
        floats = np.ascontiguousarray(samples, np.float32)
        power = np.dot(floats, floats)
    if not power <= LARGEST_FLOAT**2 and not _in_range(floats):
        if bad := _not_finite(floats):
            raise AudioError(f"samples: NaN or infinite at {bad} positions: check the source")
        raise AudioError(_unscaled(floats))
    return floats


def _open(file: BinaryIO, path: Path, max_seconds: float, stack: ExitStack) -> _Opened:
    """Look into an open file; what is opened further is closed by the stack."""
    magic = file.read(12)
    if not magic:
        raise AudioError(f"{path}: is empty (0 bytes): record or copy it again")
    if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
        header = read_wav_header(file, path)
        if header.codec is not None:
            return _open_with_soundfile(path, f"WAV with {header.codec}", max_seconds, stack)
        frames = count_wav_frames(file, path, header)
        check_length(path, frames, header.sample_rate, max_seconds)
        return _Opened(header.sample_rate, frames, wav_blocks(file, path, header, frames))
    name = _format_name(magic)
    if name is None:
        raise AudioError(f"{path}: is not a recording (WAV, FLAC, OGG or MP3): convert it to WAV")
    return _open_with_soundfile(path, name, max_seconds, stack)


def _format_name(magic: bytes) -> str | None:
    """Return the name of a format that soundfile reads, from the first bytes of a file."""
    if magic[:4] in _FORMATS:
        return _FORMATS[magic[:4]]
    # An MPEG frame begins with 11 ones, and layer 0 is reserved.
    frame = len(magic) > 1 and magic[0] == 0xFF and magic[1] & 0xE0 == 0xE0 and magic[1] & 0x06
    return "MP3" if magic[:3] == b"ID3" or frame else None


def _container(magic: bytes) -> str | None:
    """Return the name of a format that is neither raw audio nor WAV, from its first bytes."""
    if magic[4:8] == b"ftyp":
        return "MP4"
    return next((name for first, name in _CONTAINERS.items() if magic.startswith(first)), None)


def _check_samples(samples: Float32, path: Path) -> None:
    """Refuse NaN, infinity and unscaled integers."""
    if _in_range(samples):
        return
    if bad := _not_finite(samples):
        raise AudioError(
            f"{path}: contains NaN or infinite samples at {bad} positions: export it again"
        )
    raise AudioError(f"{path}: {_unscaled(samples)}")


def _in_range(samples: Float32) -> bool:
    """Return whether samples are finite and at the scale of -1 .. 1."""
    # Minimum and maximum make no temporaries, and are NaN if any sample is.
    return bool(samples.min() >= -LARGEST_FLOAT and samples.max() <= LARGEST_FLOAT)


def _not_finite(samples: Float32) -> int:
    """Return how many samples are NaN or infinite."""
    return samples.size - int(np.count_nonzero(np.isfinite(samples)))


def _unscaled(samples: Float32) -> str:
    """Say that samples were never scaled, and what to do."""
    return (
        f"samples are not in -1 .. 1 (up to {np.abs(samples).max():.3g}), but at the scale of "
        f"integers: divide 16-bit ones by {FULL_SCALE}"
    )


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

    class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
        """A file that is read from its beginning to its end."""

        def seekable(self) -> bool:
            # Else soundfile seeks to where it is after every read, and FLAC of unknown length
            # cannot seek.
            return False

    def undecodable(error: Exception) -> AudioError:
        reason = " ".join(str(getattr(error, "error_string", error)).split()).rstrip(".")
        return AudioError(f"{path}: cannot be decoded as {name} ({reason}): convert it to WAV")

    def blocks() -> Iterator[Float32]:
        at_once = max(1, _AT_ONCE // sound.channels)
        frames = 0
        cut_off = False
        while not cut_off:
            # What is not overwritten was not decoded: an error does not tell how far it came.
            buffer = np.full((at_once, sound.channels), np.nan, np.float32)
            try:
                block = sound.read(out=buffer)
            except soundfile.SoundFileError as error:
                cut_off = unfinished and file.tell() == os.fstat(file.fileno()).st_size
                if not cut_off:
                    raise undecodable(error) from None
                block = buffer[: at_once - int(np.count_nonzero(np.isnan(buffer[:, 0])))]
            if not len(block):
                break
            frames += len(block)
            check_length(path, frames, sample_rate, max_seconds)
            yield block
        if frames == 0:
            raise AudioError(f"{path}: has no samples: record or copy it again")

    # By its number, not by name: soundfile takes names that end in .raw for headerless.
    file = stack.enter_context(path.open("rb", buffering=0))
    unfinished = _is_unfinished_flac(file.read(_FLAC_HEADER))
    file.seek(0)
    try:
        sound = stack.enter_context(ForwardFile(file.fileno(), closefd=False))
    except soundfile.SoundFileError as error:
        raise undecodable(error) from None
    check_format(path, sound.samplerate, sound.channels)
    sample_rate = int(sound.samplerate)
    # Some headers do not know the length (libsndfile then says 2**63 - 1).
    if sound.frames < 1 << 48:
        check_length(path, sound.frames, sample_rate, max_seconds)
    return _Opened(sample_rate, None, mix_channels(blocks(), sound.channels, sample_rate))


def _is_unfinished_flac(header: bytes) -> bool:
    """Return whether the encoder of a FLAC file could not come back to its header at the end.

    Parameters
    ----------
    header : bytes
        The first `_FLAC_HEADER` bytes of the file.
    """
    if header[:4] != b"fLaC" or len(header) < _FLAC_HEADER:
        return False
    frames = int.from_bytes(header[21:26], "big") & (1 << 36) - 1
    return frames == 0 or not any(header[26:42])  # the length, the digest of all samples
