"""The calibration set: what is in it, what is not, and what is said of damaged recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.errors import KwsError
from kws.frontend import WORDS, YAMNET, JoinedConfig, log_mel
from kws_deploy.quantization import representative
from kws_deploy.quantization.representative import read_representative
from kws_training.augmentation.augment import Augmentation


def quiet(numbers, total: int, what: str):
    return numbers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "deep" / "down").mkdir(parents=True)
    for number, place in enumerate(("one.wav", "deep/two.flac", "deep/down/three.ogg")):
        samples = 0.1 * (number + 1) * rng.normal(size=16000)
        soundfile.write(tmp_path / place, np.clip(samples, -1, 1), 16000)
    (tmp_path / "damaged.wav").write_bytes(b"RIFF")
    return tmp_path


def test_silence_speech_and_extremes(folder: Path) -> None:
    found = read_representative([folder], WORDS, None, 0, quiet)
    assert found.frames.dtype == np.float32
    assert found.frames.shape[1] == WORDS.bands
    assert found.recordings == 3
    assert found.seconds == pytest.approx(len(found.frames) * 0.01)
    silent = (found.frames == WORDS.silence).all(axis=1)
    assert silent[:200].all()
    assert (found.frames == np.float32(WORDS.floor)).all(axis=1).sum() >= 200
    assert found.frames.max() == pytest.approx(WORDS.ceiling)
    assert found.frames.min() == pytest.approx(WORDS.floor)
    assert len(found.plain) == 3 * WORDS.frames(16000)
    # the recordings themselves are in it, not only what surrounds them
    one = log_mel(soundfile.read(folder / "one.wav", dtype="float32")[0], WORDS)
    pieces = found.plain.reshape(3, -1, WORDS.bands)
    assert any(np.array_equal(piece, one) for piece in pieces)


def test_damaged_recordings_are_named(folder: Path) -> None:
    found = read_representative([folder], WORDS, None, 0, quiet)
    (skip,) = found.skipped
    assert skip.path.name == "damaged.wav"


def test_augmentation_changes_the_stream_and_not_the_plain_one(folder: Path) -> None:
    light = Augmentation(noise=1.0)
    plain = read_representative([folder], WORDS, None, 0, quiet)
    varied = read_representative([folder], WORDS, light, 0, quiet)
    again = read_representative([folder], WORDS, light, 0, quiet)
    other = read_representative([folder], WORDS, light, 1, quiet)
    assert np.array_equal(varied.frames, again.frames)
    assert not np.array_equal(varied.frames, other.frames)
    assert not np.array_equal(varied.frames, plain.frames)
    assert np.array_equal(varied.plain, plain.plain)


def test_long_and_many_recordings_are_cut(folder, monkeypatch) -> None:
    soundfile.write(folder / "long.wav", 0.1 * np.ones(16000 * 60), 16000)
    found = read_representative([folder], WORDS, None, 0, quiet)
    assert len(found.plain) < (3 + representative.LONGEST) * 100
    monkeypatch.setattr(representative, "MOST_RECORDINGS", 2)
    assert read_representative([folder], WORDS, None, 0, quiet).recordings <= 2


def test_joined_front_ends(folder: Path) -> None:
    both = JoinedConfig((YAMNET, WORDS))
    found = read_representative([folder], both, None, 0, quiet)
    assert found.frames.shape[1] == 104
    assert found.frames[0, 0] == np.float32(YAMNET.silence)
    assert found.frames[0, -1] == np.float32(WORDS.silence)
    assert found.frames[:, 64:].min() == np.float32(WORDS.floor)
    assert found.frames[:, :64].max() <= YAMNET.ceiling


def test_folders_that_are_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="no recordings"):
        read_representative([tmp_path], WORDS, None, 0, quiet)
    (tmp_path / "a.wav").write_bytes(b"no audio")
    with pytest.raises(KwsError, match="could be read"):
        read_representative([tmp_path], WORDS, None, 0, quiet)
    (tmp_path / "a.wav").unlink()
    soundfile.write(tmp_path / "b.wav", np.zeros(100), 16000)
    with pytest.raises(KwsError, match="could be read"):
        read_representative([tmp_path], WORDS, None, 0, quiet)
