"""What is written as WAV, read again by another reader."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np

from kws.audio import read_recording
from kws.wav import write_wav


def stored(file: str | io.BytesIO) -> tuple[tuple[int, int, int], np.ndarray]:
    with wave.open(file) as reader:
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
        return reader.getparams()[:3], samples


def test_integers_are_written_as_they_are(tmp_path: Path) -> None:
    samples = np.int16([-32768, -1, 0, 1, 32767])
    write_wav(tmp_path / "a.wav", samples, 16000)
    assert stored(str(tmp_path / "a.wav"))[1].tolist() == samples.tolist()
    read = read_recording(tmp_path / "a.wav")
    assert read.sample_rate == 16000
    assert (read.samples * 32768).tolist() == samples.tolist()
    assert (tmp_path / "a.wav").stat().st_size == 44 + 2 * len(samples)


def test_a_stream_gets_the_same_bytes(tmp_path: Path) -> None:
    stream = io.BytesIO()
    samples = np.arange(-100, 100, dtype=np.int16)
    write_wav(stream, samples, 44100)
    write_wav(tmp_path / "a.wav", samples, 44100)
    assert stream.getvalue() == (tmp_path / "a.wav").read_bytes()
    shape, read = stored(io.BytesIO(stream.getvalue()))
    assert shape == (1, 2, 44100)
    assert read.tolist() == samples.tolist()
