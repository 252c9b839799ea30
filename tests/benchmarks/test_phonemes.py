"""Phoneme networks judged by a script: error rates by who speaks, in quiet and in noise."""

import json

import numpy as np
import pytest
import soundfile

pytest.importorskip("tensorflow")


@pytest.fixture
def place(tmp_path):
    """Images of ten words by ten people, two of whom validate, and noise."""
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "f.npz",
        x=rng.integers(0, 255, (10, 98, 40), np.uint8),
        label=np.array(["stop", "go"] * 5),
        speaker=np.array([f"p{n}" for n in range(10)]),
        set=np.array(["training"] * 8 + ["validation"] * 2),
    )
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "hiss.wav", rng.normal(0, 0.1, 48_000), 16000)
    return tmp_path


def test_in_quiet_and_in_noise(place, benchmark):
    out = place / "out.json"
    features = ("--features", place / "f.npz", "--sentences", "0")
    noise = ("--noise", place / "noise", "--snr", "10")
    done = benchmark("phonemes.py", "phonemes", *features, *noise, "--json", out)
    assert done.returncode == 0, done.stderr
    head, _, quiet, loud = done.stdout.strip().splitlines()
    assert head == "| model | condition | people, single words | all |"
    assert quiet.startswith("| phonemes | quiet | ")
    assert loud.startswith("| phonemes | 10 dB | ")
    (conditions,) = json.loads(out.read_text())["models"].values()
    # "stop" and "go", by the two who validate
    assert conditions["quiet"]["people, single words"]["phonemes"] == 6


def test_what_cannot_be_judged(place, benchmark):
    done = benchmark("phonemes.py", "words", "--features", place / "f.npz", "--sentences", "0")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("phonemes: words.tflite: is no phoneme")
    done = benchmark("phonemes.py", "phonemes", "--sentences", "0")
    assert done.returncode == 2
    assert done.stderr.strip() == ("phonemes: nothing to judge: give --features, or --sentences")
