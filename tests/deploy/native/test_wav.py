"""The WAV reader in C: the samples that Python reads; no header harms it."""

from __future__ import annotations

import ctypes
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SOURCE = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


def read(library: ctypes.CDLL, data: bytes) -> tuple[str | None, np.ndarray]:
    """Read a file; return what is wrong with it, or None, and its samples."""
    at = 0

    def source(_: int, to: int, count: int) -> int:
        nonlocal at
        part = data[at : at + count]
        ctypes.memmove(to, part, len(part))
        at += len(part)
        return len(part)

    state = ctypes.create_string_buffer(256)
    callback = SOURCE(source)
    library.kws_wav_open.restype = ctypes.c_char_p
    library.kws_wav_read.restype = ctypes.c_size_t
    wrong = library.kws_wav_open(state, callback, None)
    if wrong is not None:
        return wrong.decode(), np.zeros(0, np.float32)
    block = np.empty(64, np.float32)
    pieces = [np.zeros(0, np.float32)]
    for _ in range(len(data) + 2):
        count = library.kws_wav_read(state, block.ctypes.data_as(ctypes.c_void_p), len(block))
        if count == 0:
            break
        pieces.append(block[:count].copy())
    return None, np.concatenate(pieces)


def wav(
    data: bytes, tag: int = 1, channels: int = 1, rate: int = 16000, width: int = 2, *more: bytes
) -> bytes:
    """Return a WAV file of these bytes of samples."""
    form = struct.pack(
        "<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, 8 * width
    )
    chunks = [b"fmt " + struct.pack("<I", len(form)) + form, *more]
    body = b"WAVE" + b"".join(chunks) + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("kind", ["<u1", "<i2", "<i3", "<i4", "<f4", "<f8"])
def test_samples_are_what_they_stand_for(library: ctypes.CDLL, kind: str, channels: int) -> None:
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, (200, channels))
    width = int(kind[2])
    if kind[1] == "f":
        data, exact = real.astype(kind).tobytes(), real.astype(kind)
    elif kind == "<u1":
        whole = np.rint(real * 127 + 128).astype(np.uint8)
        data, exact = whole.tobytes(), (whole - 128.0) / 128
    else:
        whole = np.rint(real * (2 ** (8 * width - 1) - 1)).astype("<i4")
        data = whole.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
        exact = whole / 2 ** (8 * width - 1)
    extra = b"LIST" + struct.pack("<I", 3) + b"odd\0"
    tag = 3 if kind[1] == "f" else 1
    wrong, samples = read(library, wav(data, tag, channels, 16000, width, extra))
    assert wrong is None
    np.testing.assert_allclose(samples, exact.mean(axis=1), atol=1e-6)


def test_what_is_no_wav_is_pcm(library: ctypes.CDLL) -> None:
    values = np.arange(-5, 500, dtype="<i2")
    for data in (values.tobytes(), values.tobytes() + b"x"):
        wrong, samples = read(library, data)
        assert wrong is None
        np.testing.assert_array_equal(samples * 32768, values)
    for data in (b"", b"R", b"RI"):
        assert len(read(library, data)[1]) == len(data) // 2


def test_a_header_without_a_length(library: ctypes.CDLL) -> None:
    whole = wav(bytes(100))
    for size in (0, 0x7FFFFFFF, 0xFFFFFFFF):
        begun = whole[:40] + struct.pack("<I", size) + whole[44:]
        assert len(read(library, begun)[1]) == 50


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"RIFF", "no WAV file"),
        (b"RIFF\0\0\0\0AVI ", "no WAV file"),
        (wav(bytes(4))[:30], "cut off"),
        (wav(bytes(4))[:36], "cut off"),
        (wav(bytes(4), tag=6), "compressed"),
        (b"fLaC" + bytes(40), "compressed"),
        (b"OggS" + bytes(40), "compressed"),
        (b"ID3\x04" + bytes(40), "compressed"),
        (wav(bytes(4), channels=0), "channel"),
        (wav(bytes(4), channels=65), "channel"),
        (wav(bytes(4), rate=3999), "sample rate"),
        (wav(bytes(4), rate=2**32 // 2, width=0), "size"),
        (wav(bytes(5), width=5), "size"),
    ],
)
def test_refusals(library: ctypes.CDLL, data: bytes, message: str) -> None:
    wrong, _ = read(library, data)
    assert wrong is not None
    assert message in wrong


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damage_does_no_harm(library: ctypes.CDLL, data: st.DataObject) -> None:
    """Never more samples than bytes, whatever the header says."""
    file = bytearray(wav(bytes(range(64))))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, 47))] = data.draw(st.integers(0, 255))
    file = file[: data.draw(st.integers(0, len(file)))]
    wrong, samples = read(library, bytes(file))
    assert (wrong is None) or len(samples) == 0
    assert len(samples) <= len(file)
