"""The verifier of wake words: its network, its gates, and `kws train --verifier`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.calibration.scores import Trace
from kws.cli.verb import BAD_INPUT
from kws.frontend import WORDS
from kws.metadata import StreamingContract
from kws.modelfile import read_model
from kws.network import StepNetwork
from kws_training.networks.streaming import Whole, whole_model
from kws_training.networks.word_base import read_base
from kws_training.wake_words.thresholds import KindScores
from kws_training.wake_words.verifier import (
    FittedVerifier,
    VerifierNetwork,
    VerifierShape,
    convert_verifier,
    gates_at,
)

from ...conftest import kws_here as kws

SHAPE = VerifierShape(width=12, fine=(3,), coarse=(3,), dropout=0.0)
FRAMES = 160


@pytest.fixture
def fitted(tiny_base, randomize) -> FittedVerifier:
    """A verifier of two phrases on two bases, with random weights."""
    rng = np.random.default_rng(0)
    network = VerifierNetwork([read_base(tiny_base).network() for _ in "ab"], 2, SHAPE)
    randomize(whole_model(network, FRAMES, (1, WORDS.bands)), rng)
    windows = rng.uniform(WORDS.floor, WORDS.ceiling, (12, FRAMES, WORDS.bands))
    return FittedVerifier(network, windows.astype(np.float32))


def logits_of(contract: StreamingContract, network: bytes, windows: np.ndarray) -> np.ndarray:
    step = StepNetwork("verifier", network, contract, WORDS.bands, 2, 1)
    return np.stack([step.step(window)[0] for window in windows])


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("int8", 0.1)])
def test_the_file_gives_what_was_trained(fitted, precision, tolerance):
    converted = convert_verifier(fitted, precision)
    assert converted.streaming.states == ()
    assert converted.streaming.frames == FRAMES
    model = whole_model(fitted.network, FRAMES, (1, WORDS.bands))
    wanted = np.asarray(model(fitted.windows[:, :, None], training=False))[:, 0]
    found = logits_of(converted.streaming, converted.network, fitted.windows)
    assert np.abs(found - wanted).max() < tolerance * max(1.0, np.ptp(wanted))
    assert np.ptp(wanted) > 0.01


def test_it_hears_what_comes_after(fitted):
    """A stream's result changes with what came before alone; this one with both sides."""
    model = whole_model(fitted.network, FRAMES, (1, WORDS.bands))
    changed = fitted.windows[:1].copy()
    changed[0, -8:] = WORDS.floor
    before, after = (
        np.asarray(fitted.network.features(one[:, :, None], Whole()))
        for one in (fitted.windows[:1], changed)
    )
    early = slice(0, before.shape[1] // 2)
    np.testing.assert_array_equal(before[:, early], after[:, early])  # the bases are causal
    whole = [np.asarray(model(one[:, :, None])) for one in (fitted.windows[:1], changed)]
    assert np.abs(whole[0] - whole[1]).max() > 1e-6


def test_gates_are_passed_so_often():
    rng = np.random.default_rng(0)
    hours = 0.5
    frames = round(hours * 3600 / 0.08)
    traces = [
        Trace(rng.random((frames, 2)).astype(np.float32), 0.08, hours * 3600, exclusive=False)
        for _ in "ab"
    ]
    gates = gates_at(("a", "b"), [KindScores("a", [traces[0]], [traces[1]], [])], 200)
    scores = np.concatenate([one.scores for one in traces])
    for number, label in enumerate("ab"):
        assert (scores[:, number] >= np.float32(gates[label])).sum() == 200  # of an hour
    few = gates_at(("a", "b"), [KindScores("a", [traces[0]], [], [])], 1e-6)
    assert few["a"] == scores[:frames, 0].max()  # the highest at least


@pytest.mark.slow
def test_both_networks_are_in_one_file(words, speech, tiny_base, tmp_path):
    output = tmp_path / "model.tflite"
    command = ["train", "--wake-word", "rise", "--positives", words / "rise"]
    command += ["--negatives", words, speech]
    command += ["--base", tiny_base, "--output", output, "--steps", 20, "--ensemble", 1]
    command += ["--synthesize", 0, "--verifier", "elder"]
    done = kws(*command)
    assert done.returncode == 0, done.stderr
    assert "loss of the verifier" in done.stderr
    model = read_model(output)
    verifier = model.metadata.verifier
    assert verifier is not None
    assert set(verifier.gates) == set(verifier.alone) == {"rise"}
    assert model.metadata.provenance["options"]["verifier"] == "elder"
    targets = {point.threshold for point in model.metadata.operating_points}
    assert model.metadata.detector.thresholds["rise"] in targets
    samples, _ = soundfile.read(words / "rise" / "speaker1_nohash_0.wav", dtype="float32")
    alone = replace(model, metadata=model.metadata.first_stage())
    both = KeywordSpotter(model).posteriors(samples)
    assert both.shape == KeywordSpotter(alone).posteriors(samples).shape


def test_a_board_runs_one_network(tmp_path):
    command = ["train", "--wake-word", "rise", "--negatives", tmp_path, "--output", "m.tflite"]
    done = kws(*command, "--verifier", "elder", "--board", "esp32-s3")
    assert done.returncode == BAD_INPUT
    assert "esp32-s3 runs a single network" in done.stderr
