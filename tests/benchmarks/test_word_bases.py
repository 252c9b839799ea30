"""`benchmarks/word_bases.py`: joined features of a stream, the linear head, and a run of it all."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.frontend import WORDS
from kws_training.networks.word_base import read_base

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000


@pytest.fixture(scope="module")
def bases(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("word_bases")


def test_a_stream_gives_what_its_windows_give(bases):
    """Each joined second of a stream is that of the window that ends there."""
    features = bases.Features(read_base())
    rng = np.random.default_rng(0)
    frames = rng.uniform(WORDS.floor, 2, (2 * bases.PIECE, WORDS.bands)).astype(np.float32)
    found = features.of_stream(frames)
    every = bases.STEP * 4
    assert len(found) == len(frames) // every
    for number in (40, 300, len(found) - 1):
        end = (number + 1) * every
        window = frames[None, end - bases.WINDOW : end]
        np.testing.assert_allclose(found[number], features.of_windows(window)[0], atol=1e-3)


def test_linear_head_tells_sets_apart(bases):
    rng = np.random.default_rng(1)
    away = rng.normal(size=20)
    negatives = rng.normal(size=(3000, 20))
    positives = rng.normal(size=(90, 20)) + 2 * away
    weights, bias = bases.linear_head(positives.astype(np.float32), negatives.astype(np.float32))
    fresh = rng.normal(size=(500, 20))
    assert np.mean((fresh + 2 * away) @ weights + bias > 0) > 0.97
    assert np.mean(fresh @ weights + bias < 0) > 0.97


def test_what_cannot_be_done_is_said_before_the_work(bases, tmp_path):
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        soundfile.write(tmp_path / kind / "x.wav", np.ones(RATE) * 0.1, RATE)
    (tmp_path / "words" / "rise").mkdir(parents=True)
    for name in ("y", "z"):
        soundfile.write(tmp_path / "words" / "rise" / f"{name}.wav", np.ones(RATE) * 0.1, RATE)
    for left_out in ("c", "a,b", ""):
        options = argparse.Namespace(
            json=None,
            phrases=["rise"],
            positives=tmp_path / "words",
            recordings=1,
            kinds=[tmp_path / "a", tmp_path / "b"],
            leave_out=left_out,
        )
        with pytest.raises(bases.KwsError, match="--leave-out"):
            bases.run(options)


@pytest.mark.slow
def test_as_a_process(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(2)

    def tone(rising):
        time = np.arange(RATE // 2) / RATE
        pitch = 500 + (900 if rising else -500) * time + rng.uniform(-50, 50)
        samples = rng.normal(0, 0.001, RATE)
        samples[4000 : 4000 + len(time)] += 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
        return samples

    for folder, rising, count in (("words/rise", True, 8), ("a", False, 20), ("b", False, 20)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            soundfile.write(tmp_path / folder / f"s{number}_nohash_0.wav", tone(rising), RATE)
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "hiss.wav", rng.normal(0, 0.02, 3 * RATE), RATE)
    done = benchmark(
        "word_bases.py",
        *("words", "--positives", tmp_path / "words", "--phrases", "rise", "--recordings", 4),
        *("--kinds", tmp_path / "a", tmp_path / "b", "--leave-out", "b"),
        *("--noise", tmp_path / "noise", "--test-noise", tmp_path / "noise", "--snr", 10),
        *("--windows", 300, "--copies", 6, "--json", tmp_path / "result.json"),
    )
    assert done.returncode == 0, done.stderr
    assert "| words | clean |" in done.stdout
    assert "| words | 10 dB |" in done.stdout
    clean, noisy = json.loads((tmp_path / "result.json").read_text())["bases"]
    assert (clean["condition"], noisy["condition"]) == ("clean", "10 dB")
    assert clean["recordings"] == 4
    misses = [point["misses"] for point in clean["read_off"]]
    assert misses == sorted(misses, reverse=True)
    assert misses[-1] == 0  # rising and falling tones are told apart
