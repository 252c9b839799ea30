from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws.audio import (
    Recording,
    load_audio,
    read_recording,
    read_stream,
    stream_audio,
    to_float,
)
from kws.errors import AudioError
from kws.installing import install_extra

PCM, FLOAT, MU_LAW, EXTENSIBLE = 1, 3, 7, 0xFFFE
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
TONE = np.sin(np.arange(1600) * 0.1) * 0.5


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return (
        name
        + struct.pack("<I", len(data) if size is None else size)
        + data
        + b"\0" * (len(data) % 2)
    )


def fmt(tag: int = PCM, channels: int = 1, rate: int = 16000, bits: int = 16) -> bytes:
    block = channels * ((bits + 7) // 8)
    return struct.pack("<HHIIHH", tag, channels, rate, rate * block % 2**32, block % 2**16, bits)


def extensible(tag: int, channels: int, rate: int, bits: int, valid: int) -> bytes:
    tail = struct.pack("<HHIH", 22, valid, 0, tag) + GUID_TAIL
    return fmt(EXTENSIBLE, channels, rate, bits) + tail


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wav(data: bytes, header: bytes | None = None) -> bytes:
    return riff(chunk(b"fmt ", header or fmt()), chunk(b"data", data))


def int16(samples: np.ndarray) -> bytes:
    return np.round(samples * 32767).astype("<i2").tobytes()


def written(tmp_path: Path, data: bytes, name: str = "a.wav") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def refusal(path: Path | str, **options: float) -> str:
    with pytest.raises(AudioError) as caught:
        read_recording(path, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line.replace(str(path), "FILE")


# --- WAV: what is read ---


def encoded(samples: np.ndarray, tag: int, bits: int) -> bytes:
    """Encode value by value, so as to share nothing with the code under test."""
    if tag == FLOAT:
        return struct.pack(f"<{len(samples)}{'f' if bits == 32 else 'd'}", *samples)
    scaled = [round(float(sample) * (2 ** (bits - 1) - 1)) for sample in samples]
    if bits == 8:
        return bytes(value + 128 for value in scaled)
    return b"".join(value.to_bytes(bits // 8, "little", signed=True) for value in scaled)


@pytest.mark.parametrize("wrap", ["plain", "extensible"])
@pytest.mark.parametrize(
    ("tag", "bits"), [(PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (FLOAT, 32), (FLOAT, 64)]
)
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_every_wav_encoding(tmp_path: Path, wrap: str, tag: int, bits: int, channels: int) -> None:
    frames = np.random.default_rng(bits).uniform(-1, 1, (301, channels))
    frames[0] = 1
    frames[1] = -1
    plain = wrap == "plain"
    header = (
        fmt(tag, channels, 22050, bits) if plain else extensible(tag, channels, 22050, bits, bits)
    )
    recording = read_recording(written(tmp_path, wav(encoded(frames.ravel(), tag, bits), header)))
    assert recording.sample_rate == 22050
    assert recording.samples.dtype == np.float32
    assert recording.samples.shape == (301,)
    assert recording.seconds == pytest.approx(301 / 22050)
    step = 1e-6 if tag == FLOAT else 1.6 * 2.0 ** (1 - bits) + 1e-6
    np.testing.assert_allclose(recording.samples, frames.mean(axis=1), atol=step)


def test_lowest_integer_is_minus_one(tmp_path: Path) -> None:
    for bits, data in ((8, b"\0"), (16, b"\0\x80"), (24, b"\0\0\x80"), (32, b"\0\0\0\x80")):
        recording = read_recording(written(tmp_path, wav(data * 4, fmt(bits=bits))))
        assert recording.samples.tolist() == [-1.0] * 4


def test_file_of_the_wave_module(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(int16(np.stack([TONE, -TONE / 2], axis=1)))
    recording = read_recording(path)
    assert recording.sample_rate == 44100
    np.testing.assert_allclose(recording.samples, TONE / 4, atol=1e-4)


def test_longer_than_one_piece(tmp_path: Path) -> None:
    values = np.arange(200_001 * 3) % 60000 - 30000
    data = values.astype("<i2").tobytes()
    got = read_recording(written(tmp_path, wav(data, fmt(channels=3)))).samples
    wanted = values.reshape(-1, 3).mean(axis=1) / 32768
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_odd_chunks_are_padded(tmp_path: Path) -> None:
    data = riff(
        chunk(b"LIST", b"abc"),
        chunk(b"fmt ", fmt() + b"\0\0\0"),
        chunk(b"junk", b"x"),
        chunk(b"data", int16(TONE)),
        chunk(b"LIST", b"odd"),
    )
    assert len(read_recording(written(tmp_path, data)).samples) == len(TONE)


def test_twenty_bits_in_twenty_four(tmp_path: Path) -> None:
    data = encoded(TONE, PCM, 24)
    got = read_recording(written(tmp_path, wav(data, extensible(PCM, 1, 16000, 24, 20))))
    np.testing.assert_allclose(got.samples, TONE, atol=1e-5)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 2 * len(TONE) + 2])
def test_streamed_or_cut_off(tmp_path: Path, size: int) -> None:
    header = b"RIFF" + struct.pack("<I", size) + b"WAVE" + chunk(b"fmt ", fmt())
    data = header + b"data" + struct.pack("<I", size) + int16(TONE) + b"\x7f"
    got = read_recording(written(tmp_path, data)).samples
    np.testing.assert_allclose(got, TONE, atol=1e-4)


def test_floats_above_one_are_kept(tmp_path: Path) -> None:
    data = encoded(np.array([0.5, 1.5, -3.0]), FLOAT, 32)
    got = read_recording(written(tmp_path, wav(data, fmt(FLOAT, bits=32)))).samples
    assert got.tolist() == [0.5, 1.5, -3.0]


# --- what is refused ---


def test_missing_folder_empty(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.wav") == "FILE: no such file: check the path"
    assert refusal(tmp_path) == "FILE: is a folder: give a recording in it"
    assert "is empty (0 bytes)" in refusal(written(tmp_path, b""))
    with pytest.raises(AudioError, match="null byte"):
        read_recording("a\0.wav")
    assert "cannot be read" in refusal(tmp_path / ("x" * 300))


def test_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    assert "is a pipe or a device" in refusal(path)


def test_permission_denied(tmp_path: Path) -> None:
    path = written(tmp_path, wav(int16(TONE)))
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # nothing is forbidden to root
        os.seteuid(65534)
    try:
        line = refusal(path)
    finally:
        os.seteuid(user)
    assert "permission denied" in line


@pytest.mark.parametrize(
    "data",
    [
        b"hello, this is a text file\n" * 10,
        b"RIFF",
        b"\0" * 1000,
        b"\x89PNG\r\n\x1a\n" + b"x" * 50,
        b"RIFF\x10\0\0\0AVI LIST" + b"x" * 50,
        b"\xff\xf1\x50\x80" + b"x" * 50,
    ],
)
def test_not_audio(tmp_path: Path, data: bytes) -> None:
    assert "is not a recording" in refusal(written(tmp_path, data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (riff(chunk(b"data", int16(TONE))), "no 'fmt ' chunk"),
        (riff(chunk(b"fmt ", fmt())), "no 'data' chunk"),
        (riff(), "no 'fmt ' chunk"),
        (wav(int16(TONE))[:30], "header is cut off"),
        (wav(int16(TONE))[:44], "cut off"),
        (wav(int16(TONE))[:45], "cut off"),
        (wav(b""), "has no samples: record it again"),
        (riff(chunk(b"fmt ", fmt()), chunk(b"data", b""), chunk(b"LIST", b"abcd")), "no samples"),
        (riff(chunk(b"fmt ", fmt()), b"data\0\0\0\0"), "has no samples"),
        (wav(int16(TONE), fmt(channels=0)), "has 0 channels"),
        (wav(int16(TONE), fmt(rate=0)), "sample rate 0 Hz is not in 4000 .. 384000"),
        (wav(int16(TONE), fmt(rate=3999)), "sample rate 3999 Hz"),
        (wav(int16(TONE), fmt(rate=384001)), "sample rate 384001 Hz"),
        (wav(int16(TONE), fmt(bits=0)), "integers of 0 bits"),
        (wav(int16(TONE), fmt(bits=40)), "integers of 40 bits"),
        (wav(int16(TONE), fmt(FLOAT, bits=16)), "floats of 16 bits"),
        (wav(int16(TONE), fmt()[:12] + struct.pack("<HH", 3, 32)), "integers of 32 bits in blocks"),
        (riff(chunk(b"fmt ", fmt()), b"junk" + struct.pack("<I", 2**32 - 1)), "no 'data' chunk"),
        (
            wav(int16(TONE), fmt()[:12] + struct.pack("<HH", 2, 0)),
            "integers of 0 bits in blocks of 2",
        ),
        # A gigabyte of zeros would be 10**8 chunks: the search ends after a thousand.
        (riff(chunk(b"fmt ", fmt()), bytes(8000), chunk(b"data", int16(TONE))), "no 'data' chunk"),
    ],
)
def test_damaged_wav(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in refusal(written(tmp_path, data))


@pytest.mark.parametrize("bits", [32, 64])
def test_numbers_that_are_no_samples(tmp_path: Path, bits: int) -> None:
    samples = np.zeros((500, 2))
    samples[3, 0] = np.nan
    samples[7] = np.inf
    samples[9] = [np.inf, -np.inf]
    header = fmt(FLOAT, 2, 16000, bits)
    path = written(tmp_path, wav(encoded(samples.ravel(), FLOAT, bits), header))
    assert "contains NaN or infinite samples at 3 positions" in refusal(path)
    samples = np.zeros(500)
    samples[3] = -32768
    path = written(tmp_path, wav(encoded(samples, FLOAT, bits), fmt(FLOAT, bits=bits)))
    assert "samples are not in -1 .. 1 (up to 3.28e+04)" in refusal(path)


def test_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    header = wav(b"", fmt(rate=8000, bits=8))[:-8]
    length = 8000 * 100_000
    with path.open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", length))
        file.truncate(len(header) + 8 + length)  # a hole: takes no room on the disk
    tracemalloc.start()
    try:
        line = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "is 100000 s long, more than 14400 s" in line
    assert peak < 1e6
    short = written(tmp_path, wav(int16(TONE)))
    assert "more than 0.05 s" in refusal(short, max_seconds=0.05)
    assert len(read_recording(short, max_seconds=0.1).samples) == len(TONE)


# --- whatever the bytes, an AudioError or sound, and memory within bounds ---

SEEDS = [
    wav(int16(TONE[:50])),
    wav(encoded(TONE[:40], FLOAT, 32), fmt(FLOAT, 2, 48000, 32)),
    wav(encoded(TONE[:40], PCM, 24), extensible(PCM, 2, 44100, 24, 20)),
    riff(chunk(b"LIST", b"abc"), chunk(b"fmt ", fmt(bits=8)), chunk(b"data", bytes(99))),
]


def read_or_refuse(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    recording, refused = None, ""
    tracemalloc.start()
    try:
        recording = read_recording(path)
    except AudioError as error:
        refused = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "\n" not in refused
    if recording is not None:
        assert 1 <= len(recording.samples) <= len(data)
        assert np.isfinite(recording.samples).all()
        assert 4000 <= recording.sample_rate <= 384000
    # Samples are up to four times the bytes; the rest is file objects, exceptions, soundfile.
    assert peak < 16 * len(data) + 4_000_000, f"{peak} bytes for a file of {len(data)}"


FUZZ = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(
        st.tuples(st.integers(0, 80), st.sampled_from([0, 1, 2, 3, 7, 8, 127, 128, 254, 255])),
        max_size=6,
    ),
    cut=st.integers(0, 200),
    tail=st.binary(max_size=60),
)
def test_mutated_headers(
    tmp_path: Path, seed: bytes, changes: list[tuple[int, int]], cut: int, tail: bytes
) -> None:
    data = bytearray(seed)
    for position, value in changes:
        if position >= 12:  # further changes are no WAV at all: below
            data[position % len(data)] = value
    read_or_refuse(
        tmp_path / "a.wav", bytes(data[: len(data) - cut // 2] if cut % 2 else data) + tail
    )


@FUZZ
@given(
    head=st.sampled_from(
        [b"", b"RIFF\0\0\0\0WAVE", SEEDS[0][:36], b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"FORM"]
    ),
    tail=st.binary(max_size=200),
)
def test_random_bytes(tmp_path: Path, head: bytes, tail: bytes) -> None:
    read_or_refuse(tmp_path / "a.wav", head + tail)


# --- other formats ---


@pytest.mark.parametrize(
    ("name", "container", "subtype", "error"),
    [
        ("a.flac", "FLAC", "PCM_16", 1e-4),
        ("a.ogg", "OGG", "VORBIS", 0.05),
        ("a.opus", "OGG", "OPUS", 0.05),
        ("a.aiff", "AIFF", "PCM_16", 1e-4),
        ("a.wav", "WAV", "ULAW", 0.05),
        ("a.wav", "WAVEX", "PCM_24", 1e-4),
        ("a.wav", "RF64", "PCM_16", 1e-4),
        ("a.raw", "FLAC", "PCM_16", 1e-4),
        ("a.mp3", "MP3", "MPEG_LAYER_III", None),
    ],
)
def test_other_formats(
    tmp_path: Path, name: str, container: str, subtype: str, error: float | None
) -> None:
    soundfile = pytest.importorskip("soundfile")
    if subtype not in soundfile.available_subtypes(container):
        pytest.skip(f"this libsndfile has no {subtype}")
    samples = np.sin(np.arange(16000) * 0.1) * 0.5
    stereo = np.stack([samples, samples / 2], axis=1)
    path = tmp_path / name
    soundfile.write(path, stereo, 16000, format=container, subtype=subtype)
    recording = read_recording(path)
    assert recording.sample_rate == 16000
    assert recording.samples.dtype == np.float32
    if error is None:  # MP3 shifts and pads
        assert abs(recording.seconds - 1) < 0.2
        assert recording.samples.std() == pytest.approx(0.75 * samples.std(), rel=0.1)
    else:
        assert len(recording.samples) == 16000
        np.testing.assert_allclose(
            recording.samples[500:-500], 0.75 * samples[500:-500], atol=error
        )
    assert "more than 0.5 s" in refusal(path, max_seconds=0.5)


def test_damaged_flac(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    line = refusal(written(tmp_path, b"fLaC" + bytes(range(256)), "a.flac"))
    assert line.startswith("FILE: cannot be decoded as FLAC (")


def test_flac_with_nothing_in_it(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(0), 16000)
    refusal(path)


@pytest.mark.parametrize(
    ("header", "size"),
    [("fffb9044", 417), ("fff34464", 96), ("fffda404", 576), ("fff15080108000", 132)],
)
def test_frames_of_mpeg_audio_in_a_pipe_are_named(header: str, size: int) -> None:
    """MP3 of two kinds, layer II, AAC: none has a tag before it."""
    frame = bytes.fromhex(header)
    line = unread((frame + bytes(size - len(frame))) * 4)
    assert line.startswith("audio stream: is MP3 or AAC, neither PCM nor WAV: ")


def test_samples_that_begin_as_a_frame_are_samples() -> None:
    """One frame's header alone, and a microphone's loudest negative samples."""
    for data in (bytes.fromhex("fffb9044") + bytes(2000), b"\xff\xff" * 100, b"\xff\xfb"):
        expected = np.frombuffer(data, "<i2") / np.float32(32768)
        np.testing.assert_array_equal(piped(data), expected)
        np.testing.assert_array_equal(piped(*(bytes([byte]) for byte in data)), expected)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"fLaC" + b"\0" * 50, "FLAC"),
        (b"OggS" + b"\0" * 50, "OGG"),
        (b"ID3" + b"\0" * 50, "MP3"),
        (b"\xff\xfb\x90\x00" + b"\0" * 50, "MP3"),
        (wav(b"\0" * 50, fmt(MU_LAW, bits=8)), "WAV with mu-law"),
        (wav(b"\0" * 50, fmt(0x1234, bits=8)), "WAV with codec 0x1234"),
        (wav(b"\0" * 50, fmt(EXTENSIBLE, bits=16)), "WAV with codec 0xfffe"),
    ],
)
def test_without_soundfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)  # import raises, as if not installed
    line = refusal(written(tmp_path, data))
    assert line == f"FILE: {name} needs the soundfile package: {install_extra('audio')}"


def test_imports_numpy_and_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, wav(int16(TONE)))
    code = (
        "import sys, kws.audio, kws.microphone\n"
        f"kws.audio.load_audio({str(path)!r}, 8000)\n"
        "print({'soundfile', 'sounddevice', 'scipy', 'soxr'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "set()\n"


def test_load_audio_has_the_rate_asked_for(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100) * 0.5
    path = written(tmp_path, wav(int16(tone), fmt(rate=44100)))
    got = load_audio(path, 16000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) * 0.5
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[200:-200], wanted[200:-200], atol=1e-3)


def test_recording_is_immutable() -> None:
    with pytest.raises(AttributeError):
        Recording(np.zeros(1, np.float32), 16000).sample_rate = 8000  # type: ignore[misc]


# --- pipes ---


class Pieces(io.RawIOBase):
    """A pipe that hands over these pieces, one per read."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = list(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        part, rest = piece[: len(buffer)], piece[len(buffer) :]
        if rest:
            self._pieces.insert(0, rest)
        buffer[: len(part)] = part
        return len(part)


@given(sizes=st.lists(st.integers(1, 5000), max_size=8), odd=st.booleans(), buffered=st.booleans())
def test_stream_whatever_its_pieces(sizes: list[int], odd: bool, buffered: bool) -> None:
    total = sum(sizes) // 2 * 2 + odd
    data = np.random.default_rng(total).bytes(total)
    ends = np.cumsum([0, *sizes])
    pieces = [data[a:b] for a, b in pairwise(ends) if data[a:b]]
    if odd and sum(map(len, pieces)) < total:
        pieces.append(data[-1:])
    raw = Pieces(pieces)
    chunks = list(read_stream(io.BufferedReader(raw) if buffered else raw))  # type: ignore[arg-type]
    assert all(chunk.dtype == np.float32 and 1 <= len(chunk) <= 1281 for chunk in chunks)
    got = np.concatenate([np.zeros(0, np.float32), *chunks])
    wanted = np.frombuffer(data[: total // 2 * 2], "<i2") / 32768
    np.testing.assert_array_equal(got, wanted.astype(np.float32))


def test_stream_gives_at_once_what_a_live_pipe_has() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        chunks = read_stream(stream, block_seconds=1.0)
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            watchdog = threading.Timer(5, pipe.close)  # so that a reader that waits for more fails
            watchdog.start()
            pipe.write(struct.pack("<3h", 1, -2, 3) + b"\x05")
            assert (next(chunks) * 32768).tolist() == [1, -2, 3]
            pipe.write(b"\x00" + struct.pack("<h", 6))
            assert (next(chunks) * 32768).tolist() == [5, 6]
            watchdog.cancel()
        assert list(chunks) == []


def test_stream_block_size() -> None:
    stream = io.BytesIO(bytes(2 * 1000))
    assert [len(c) for c in read_stream(stream, 0.05, 8000)] == [400, 400, 200]


def test_stream_in_non_blocking_mode() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with (
        os.fdopen(reading, "rb", buffering=0) as stream,
        os.fdopen(writing, "wb"),
        pytest.raises(AudioError, match="non-blocking"),
    ):
        next(read_stream(stream))  # type: ignore[arg-type]


def test_stream_that_fails(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    stream = io.BufferedReader(Descriptor(folder))
    with stream, pytest.raises(AudioError, match="audio stream: cannot be read: Is a directory"):
        next(read_stream(stream))


class Descriptor(io.RawIOBase):
    """A file descriptor of any kind; `io.FileIO` refuses folders."""

    def __init__(self, number: int) -> None:
        self._number = number

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return os.readv(self._number, [buffer])

    def close(self) -> None:
        if not self.closed:
            os.close(self._number)
        super().close()


# --- arrays ---


def test_to_float_scales_integers() -> None:
    got = to_float(np.array([-32768, 0, 16384, 32767], np.int16))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.float32([-1, 0, 0.5, 32767 / 32768]))


def test_to_float_does_not_copy() -> None:
    samples = TONE.astype(np.float32)
    assert to_float(samples) is samples


def test_to_float_makes_contiguous_float32() -> None:
    for samples in (TONE, TONE.astype(np.float32)[::2], TONE[::-2]):
        got = to_float(samples)
        assert got.dtype == np.float32
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, samples.astype(np.float32))
    assert to_float(np.zeros(0, np.int16)).shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_to_float_refuses_what_is_not_finite(bad: float, dtype: type) -> None:
    samples = np.full(1280, 0.1, dtype)
    samples[[5, 1279]] = bad
    with pytest.raises(AudioError, match=r"^samples: NaN or infinite at 2 positions"):
        to_float(samples)


def test_to_float_takes_what_goes_beyond_one() -> None:
    for samples in (np.full(4, 4.0, np.float32), np.full(10**5, -15.9, np.float32)):
        assert to_float(samples) is samples


@pytest.mark.parametrize("largest", [-32768, 8000, 128, 16.1, 3e38])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_to_float_refuses_integers_that_were_not_scaled(largest: float, dtype: type) -> None:
    samples = np.zeros(1280, dtype)
    samples[700] = largest  # the squares of some are infinite
    with pytest.raises(AudioError) as caught:
        to_float(samples)
    line = str(caught.value)
    assert line.startswith(f"samples are not in -1 .. 1 (up to {abs(largest):.3g})")
    assert "divide 16-bit ones by 32768" in line
    if largest == 3e38:
        with pytest.raises(AudioError, match="at 1 positions"):
            to_float(np.array([0.0, 1e300]))


@pytest.mark.parametrize("largest", [100, 8000])
def test_a_file_of_integers_that_were_not_scaled(tmp_path: Path, largest: float) -> None:
    data = encoded(np.array([0.5, -largest, 3.0]), FLOAT, 32)
    path = written(tmp_path, wav(data, fmt(FLOAT, bits=32)))
    assert refusal(path).startswith(f"FILE: samples are not in -1 .. 1 (up to {largest:.3g})")


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(4, np.int32), "type int32 is not int16"),
        (np.zeros(4, ">i2"), "type >i2"),
        (np.zeros(4, np.uint8), "type uint8"),
        (np.zeros(4, complex), "type complex128"),
        (np.zeros((4, 2), np.int16), r"shape \(4, 2\) is not one channel"),
        (np.zeros((), np.float32), r"shape \(\)"),
        ([0.5, 0.5], "not list"),
    ],
)
def test_to_float_refuses_other_arrays(samples: np.ndarray, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        to_float(samples)


# --- piece by piece ---------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_recording_piece_by_piece_is_the_whole(tmp_path: Path, rate: int) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "long.wav"
    samples = np.random.default_rng(0).normal(0, 0.1, 40 * rate)
    soundfile.write(path, samples, rate)
    pieces = list(stream_audio(path, 16000))
    assert len(pieces) > 2
    assert max(map(len, pieces)) < 20 * 16000
    np.testing.assert_allclose(np.concatenate(pieces), load_audio(path, 16000), atol=1e-5)


@pytest.mark.parametrize("suffix", ["flac", "ogg"])
def test_other_formats_piece_by_piece(tmp_path: Path, suffix: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / f"long.{suffix}"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 40 * 16000), 16000)
    pieces = list(stream_audio(path, 16000))
    assert len(pieces) > 1
    np.testing.assert_array_equal(np.concatenate(pieces), load_audio(path, 16000))


def test_what_is_damaged_far_inside_is_found_there(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "bad.wav"
    samples = np.zeros(40 * 16000, np.float32)
    samples[-5] = np.nan
    soundfile.write(path, samples, 16000, subtype="FLOAT")
    pieces = stream_audio(path, 16000)
    assert len(next(pieces)) > 0
    with pytest.raises(AudioError, match=r"bad\.wav: contains NaN"):
        list(pieces)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"nothing of the kind"])
def test_no_recording_has_no_pieces(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"no\.wav"):
        next(stream_audio(path, 16000))
    with pytest.raises(AudioError, match="no such file"):
        next(stream_audio(tmp_path / "missing.wav", 16000))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(64000))
    with pytest.raises(AudioError, match="more than 1 s"):
        next(stream_audio(path, 16000, max_seconds=1.0))


# --- FLAC whose encoder did not come back to the header ----------------------------------------


def flac(samples: np.ndarray, length: bool = True, digest: bool = True) -> bytes:
    """Encode FLAC, and take out what an encoder writes into the header at the end."""
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, samples, 16000, format="FLAC")
    data = bytearray(file.getvalue())
    if not length:  # the lower 36 bits of eight bytes
        data[21] &= 0xF0
        data[22:26] = bytes(4)
    if not digest:
        data[26:42] = bytes(16)
    return bytes(data)


@pytest.mark.parametrize("count", [1, 4096, 40_000, 300_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_of_unknown_length(tmp_path: Path, count: int, channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (count, channels))
    whole = read_recording(written(tmp_path, flac(samples), "whole.flac")).samples
    path = written(tmp_path, flac(samples, length=False, digest=False), "streamed.flac")
    assert len(whole) == count
    np.testing.assert_array_equal(read_recording(path).samples, whole)
    np.testing.assert_array_equal(load_audio(path, 16000), whole)
    np.testing.assert_array_equal(np.concatenate([*stream_audio(path, 16000)]), whole)
    assert "more than" in refusal(path, max_seconds=count / 16000 / 2)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("lost", [1, 100, 9000, 40_000])
def test_flac_of_an_encoder_that_was_stopped(tmp_path: Path, lost: int, length: bool) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 40_000)
    data = flac(samples, length, digest=False)[:-lost]
    got = read_recording(written(tmp_path, data, "a.flac")).samples
    frame = 4096  # samples that libFLAC puts into one frame, which is decoded whole or not
    assert len(got) % frame == 0
    assert 0.9 * len(data) / (len(data) + lost) * len(samples) - frame < len(got) < len(samples)
    np.testing.assert_allclose(got, samples[: len(got)], atol=1e-4)


def test_flac_that_was_damaged_later_is_refused(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 400_000)
    cut = flac(samples)[:-9000]  # its encoder ended well
    assert "cannot be decoded as FLAC" in refusal(written(tmp_path, cut, "cut.flac"))
    damaged = bytearray(flac(samples, length=False, digest=False))
    damaged[20_000:30_000] = bytes(10_000)
    assert "cannot be decoded as FLAC" in refusal(written(tmp_path, damaged, "damaged.flac"))


@pytest.mark.data
def test_flac_that_was_written_to_a_pipe(shared: Path) -> None:
    pytest.importorskip("soundfile")
    recording = read_recording(shared / "cases" / "flac_streamed_without_length.flac")
    assert recording.seconds == 1.0
    assert recording.samples.std() > 0.01


# --- files that come through a pipe ------------------------------------------------------------


def piped(*pieces: bytes, rate: int = 16000) -> np.ndarray:
    """Return what `read_stream` makes of a pipe that gives these pieces."""
    stream = io.BufferedReader(Pieces(list(pieces)))
    parts = list(read_stream(stream, sample_rate=rate))
    assert all(part.dtype == np.float32 and len(part) for part in parts)
    return np.concatenate([np.zeros(0, np.float32), *parts])


def unread(*pieces: bytes) -> str:
    with pytest.raises(AudioError) as caught:
        piped(*pieces)
    return str(caught.value)


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000])
@pytest.mark.parametrize(
    ("tag", "bits", "channels"),
    [(PCM, 8, 1), (PCM, 16, 2), (PCM, 24, 2), (PCM, 32, 1), (FLOAT, 32, 3), (FLOAT, 64, 2)],
)
def test_a_wav_file_in_a_pipe_is_the_file(
    tmp_path: Path, size: int | None, tag: int, bits: int, channels: int
) -> None:
    frames = np.random.default_rng(0).uniform(-1, 1, (3001, channels))
    data = encoded(frames.ravel(), tag, bits)
    known = len(data) if size is None else size
    head = b"RIFF" + struct.pack("<I", known) + b"WAVE" + chunk(b"LIST", b"abc")
    head += chunk(b"fmt ", fmt(tag, channels, 44100, bits))
    content = head + b"data" + struct.pack("<I", known) + data
    expected = load_audio(written(tmp_path, content), 16000)
    np.testing.assert_allclose(piped(content), expected, atol=2e-6)
    pieces = [content[at : at + 97] for at in range(0, len(content), 97)]
    np.testing.assert_allclose(piped(*pieces), expected, atol=2e-6)


def test_chunks_behind_the_samples_are_no_samples(tmp_path: Path) -> None:
    one = riff(chunk(b"fmt ", fmt(bits=8)), chunk(b"data", b"\x90" * 801), chunk(b"LIST", b"x" * 7))
    np.testing.assert_array_equal(piped(one), np.full(801, 16 / 128, np.float32))
    other = wav(int16(TONE), fmt(rate=48000))
    both = piped(one + other)
    np.testing.assert_array_equal(both[:801], piped(one))
    # where the resampler's blocks begin changes its rounding, on some processors
    np.testing.assert_allclose(both[801:], piped(other), atol=1e-6)
    assert len(both) == 801 + -(-len(TONE) // 3)


def test_what_looks_like_a_wav_file_at_first_is_raw() -> None:
    for data in (b"R", b"RI", b"RIFx" + bytes(20), b"IDxx", b"fL", b"\x1aE\xdf\xa4" + bytes(10)):
        expected = np.frombuffer(data[: len(data) // 2 * 2], "<i2") / np.float32(32768)
        np.testing.assert_array_equal(piped(data), expected)
        np.testing.assert_array_equal(piped(*(bytes([byte]) for byte in data)), expected)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"fLaC", "FLAC"),
        (b"OggS", "OGG"),
        (b"ID3\x04", "MP3"),
        (b"RIFF\x10\0\0\0AVI LIST", "RIFF"),
        (b"\0\0\0\x20ftypM4A ", "MP4"),
        (b"\x1aE\xdf\xa3", "WebM or Matroska"),
    ],
)
def test_other_formats_in_a_pipe_are_named(data: bytes, name: str) -> None:
    line = unread(data + bytes(50))
    assert line.startswith(f"audio stream: is {name}, neither PCM nor WAV: ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (wav(b"\0" * 50, fmt(MU_LAW, bits=8)), "is WAV with mu-law"),
        (wav(int16(TONE), fmt(channels=0)), "has 0 channels"),
        (wav(int16(TONE), fmt(rate=0)), "sample rate 0 Hz"),
        (wav(int16(TONE), fmt(bits=40)), "integers of 40 bits"),
        (riff(chunk(b"fmt ", fmt())), "no 'data' chunk"),
        (wav(int16(TONE))[:30], "header is cut off"),
        (wav(struct.pack("<f", np.nan), fmt(FLOAT, bits=32)), "NaN or infinite samples at 1"),
        (wav(struct.pack("<f", 1e5), fmt(FLOAT, bits=32)), "samples are not in -1 .. 1"),
    ],
)
def test_a_damaged_wav_file_in_a_pipe(data: bytes, words: str) -> None:
    line = unread(data)
    assert words in line
    assert line.startswith("audio stream: ")


def test_a_wav_file_in_a_live_pipe_is_heard_at_once() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        chunks = read_stream(stream, block_seconds=1.0)
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            watchdog = threading.Timer(5, pipe.close)  # so that a reader that waits for more fails
            watchdog.start()
            pipe.write(wav(b"")[:-4] + b"\xff" * 4 + struct.pack("<3h", 1, -2, 3) + b"\x05")
            assert (next(chunks) * 32768).tolist() == [1, -2, 3]
            pipe.write(b"\x00" + struct.pack("<h", 6))
            assert (next(chunks) * 32768).tolist() == [5, 6]
            watchdog.cancel()
        assert list(chunks) == []


@pytest.mark.parametrize("size", [0x7FFFF000, 0xFFFFFFFF])
def test_a_streamed_file_is_read_beyond_the_length_that_stands_for_none(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a file of more than 2 or 4 GiB, with a shorter length for none."""
    monkeypatch.setattr("kws.wav._UNKNOWN", (range(100, 101),))
    data = wav(int16(TONE)).replace(
        b"data" + struct.pack("<I", 2 * len(TONE)), b"data" + struct.pack("<I", 100)
    )
    data = data[:4] + struct.pack("<I", size) + data[8:]
    assert len(read_recording(written(tmp_path, data)).samples) == len(TONE)
