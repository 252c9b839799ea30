"""What makes a word base ready for `kws enroll`."""

import wave
from pathlib import Path

import numpy as np
import pytest

from kws.cli.main import main
from kws.modelfile import read_model
from kws.prototypes import Projection
from kws_training.word_base import projection as enrolment
from kws_training.word_base.projection import DIMENSIONS, RecordingFeatures, projection

RATE = 16000


def write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def test_what_noise_changes_counts_less():
    """Channels that noise changes are made small, those that speech changes are not."""
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(4000, 160)).astype(np.float32) + 3
    changed = clean.copy()
    changed[:, :80] += 2 * rng.normal(size=(4000, 80)).astype(np.float32)
    array = projection(
        [
            RecordingFeatures(clean[:2000], (changed[:2000],)),
            RecordingFeatures(clean[2000:], (changed[2000:],)),
        ]
    )
    assert array.shape == (161, DIMENSIONS)
    assert array.dtype == np.float16
    project = Projection(array)
    assert np.abs(project(clean).mean(axis=0)).max() < 0.1
    unit = np.eye(160, dtype=np.float32)
    length = np.linalg.norm(project(unit) - project(np.zeros((1, 160), np.float32)), axis=1)
    assert length[80:].min() > 1.3 * length[:80].max()


def test_the_verb_makes_a_base_that_enroll_takes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("pyroomacoustics")
    monkeypatch.setattr(enrolment, "ROOMS", 2)
    rng = np.random.default_rng(0)
    for number in range(3):
        tone = np.sin(np.cumsum(rng.normal(size=RATE)) * 0.05) * np.hanning(RATE)
        write(tmp_path / "speech" / f"{number}.wav", 0.5 * tone)
    (tmp_path / "speech" / "damaged.wav").write_bytes(b"RIFF")
    write(tmp_path / "noise" / "a.wav", 0.1 * rng.normal(size=4 * RATE))
    base = Path(__file__).resolve().parents[3] / "kws" / "models" / "words.tflite"
    contents = []
    for name in ("a.tflite", "b.tflite"):
        arguments = [
            *("pretrain", "--enrolment-only", "--start", base, "--speech", tmp_path / "speech"),
            *("--noise", tmp_path / "noise", "--output", tmp_path / name),
        ]
        assert main([str(one) for one in arguments]) == 0
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    assert "damaged.wav" in capfd.readouterr().err
    before, made = read_model(base), read_model(tmp_path / "a.tflite")
    assert made.network == before.network
    assert made.metadata == before.metadata
    assert made.metadata.arrays["projection.npy"].shape == (161, DIMENSIONS)
