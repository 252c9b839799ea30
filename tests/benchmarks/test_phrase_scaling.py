"""The constants of typed phrases are fitted by a script: a line through scores at given rates."""

import json
import math

import numpy as np
import pytest

from kws.errors import KwsError
from kws.modelfile import write_model
from kws.pcm import to_int16
from kws.wav import write_wav

from ..phoneme_network import phoneme_model, say


def test_a_line_is_found_again(benchmark_module):
    module = benchmark_module("phrase_scaling")
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 15, 40).astype(np.float32)
    hours, slope, centre, per_length = 2.0, 3.0, -1.0, -4.0
    # of each phrase, the score of its n-th peak: that at the rate of n peaks in these hours
    rates = np.arange(1, 60) / hours
    found = [centre + per_length / n - np.log(rates / module.RATE) / slope for n in lengths]
    scaling = module.fit(lengths, found, hours)
    assert scaling.slope == pytest.approx(slope, rel=1e-3)
    assert scaling.centre == pytest.approx(centre, abs=1e-3)
    assert scaling.per_length == pytest.approx(per_length, abs=1e-3)
    assert scaling.spread == pytest.approx(0, abs=1e-3)
    assert (scaling.phrases, scaling.hours) == (40, hours)
    with pytest.raises(KwsError, match=r"0\.01 h of speech are too few"):
        module.fit(lengths, found, 0.01)


def test_peaks_are_a_second_apart(benchmark_module):
    module = benchmark_module("phrase_scaling")
    scores = np.full(400, -math.inf, np.float32)
    scores[[10, 30, 61, 200, 380]] = [1, 5, 2, 3, 4]
    assert module.peaks(scores) == [5, 4, 3]
    scores[30] = -math.inf
    assert module.peaks(scores) == [4, 3, 2, 1]


def test_phrases_are_followed_through_recordings(tmp_path, benchmark):
    network = phoneme_model()
    model = tmp_path / "tones.tflite"
    write_model(model, network.network, network.metadata)
    speech = tmp_path / "speech"
    speech.mkdir()
    rng = np.random.default_rng(1)
    words = ["water", "light", "kitchen", "people", "morning", "number", "table", "window"]
    for number in range(4):
        text = " ".join(rng.choice(words, 100))
        write_wav(speech / f"{number}.wav", to_int16(say(text, 0.3, 0.3)), 16000)
    (speech / "empty.wav").write_bytes(b"")
    background = ("--background", speech, "--model", model, "--phrases", "16")
    done = benchmark("phrase_scaling.py", *background, "--json", tmp_path / "fit.json")
    assert done.returncode == 0, done.stderr
    assert "left out: " in done.stderr
    scaling = json.loads((tmp_path / "fit.json").read_text())["scaling"]
    assert f"SLOPE = {scaling['slope']:.2f}\nCENTRE = {scaling['centre']:.3f}\n" in done.stdout
    assert scaling["phrases"] == 16
    assert 0.05 < scaling["hours"] < 0.2
    assert scaling["slope"] > 0


def test_what_cannot_be_fitted(tmp_path, benchmark):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    done = benchmark("phrase_scaling.py", "--background", tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("name folders of speech with --background")
    done = benchmark("phrase_scaling.py", "--background", tmp_path, "--model", "words")
    assert done.returncode == 2
    assert done.stderr.strip() == "phrase_scaling: words.tflite: is no model of phonemes"
