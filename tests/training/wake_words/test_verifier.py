"""The verifier of wake words: its network, its gates, and `kws train --verifier`."""

from __future__ import annotations

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
from kws_training.networks.streaming import whole_model
from kws_training.networks.word_base import read_base
from kws_training.wake_words.fit import wake_window
from kws_training.wake_words.network import WakeNetwork, WakeShape
from kws_training.wake_words.thresholds import KindScores
from kws_training.wake_words.verifier import (
    EnsembleMean,
    convert_verifier,
    gates_at,
    window_frames,
    windows_of,
)

from ...conftest import kws_here as kws

SHAPE = WakeShape(width=12, fine=(3,), coarse=(3,), pool=2, dropout=0.0)


@pytest.fixture
def members(tiny_base, randomize) -> list[WakeNetwork]:
    """Two networks of two phrases, with random weights."""
    rng = np.random.default_rng(0)
    networks = [WakeNetwork(read_base(tiny_base).network(), 2, SHAPE) for _ in "ab"]
    for network in networks:
        randomize(whole_model(network, 200, (1, WORDS.bands)), rng)
    return networks


def logits_of(contract: StreamingContract, network: bytes, windows: np.ndarray) -> np.ndarray:
    step = StepNetwork("verifier", network, contract, WORDS.bands, 2, 1)
    return np.stack([step.step(window)[0] for window in windows])


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("int8", 0.1)])
def test_the_file_gives_the_mean_of_the_ensemble(members, precision, tolerance):
    window = wake_window(members[0], WORDS.bands)
    frames = window_frames(window)
    assert frames % 8 == 0
    assert 0 <= frames - window.receptive_field < 8
    rng = np.random.default_rng(1)
    streams = rng.uniform(WORDS.floor, WORDS.ceiling, (2, 3 * window.frames, WORDS.bands))
    windows = windows_of(streams.astype(np.float32), window)
    starts = range(0, window.frames - frames + 1, 16)
    assert windows.shape == (6 * len(starts), frames, WORDS.bands)
    np.testing.assert_array_equal(windows[6], streams[0, 16 : 16 + frames].astype(np.float32))
    converted = convert_verifier(EnsembleMean(members), precision, windows)
    assert converted.streaming.states == ()
    each = [whole_model(one, frames, (1, WORDS.bands))(windows[:, :, None]) for one in members]
    wanted = np.mean([np.asarray(one)[:, -1] for one in each], axis=0)
    found = logits_of(converted.streaming, converted.network, windows)
    assert np.abs(found - wanted).max() < tolerance * max(1.0, np.ptp(wanted))
    assert np.ptp(wanted) > 0.01


def test_gates_are_passed_so_often():
    rng = np.random.default_rng(0)
    hours = 0.5
    frames = round(hours * 3600 / 0.08)
    traces = [
        Trace(rng.random((frames, 2)).astype(np.float32), 0.08, hours * 3600, exclusive=False)
        for _ in "ab"
    ]
    gates = gates_at(("a", "b"), [KindScores("", [traces[0]], [traces[1]], [])], 200)
    scores = np.concatenate([one.scores for one in traces])
    for number, label in enumerate("ab"):
        assert (scores[:, number] >= np.float32(gates[label])).sum() == 200  # of an hour
    few = gates_at(("a", "b"), [KindScores("", [traces[0]], [], [])], 1e-6)
    assert few["a"] == scores[:frames, 0].max()  # the highest at least


@pytest.mark.slow
def test_both_networks_are_in_one_file(words, speech, tiny_base, tmp_path):
    output = tmp_path / "model.tflite"
    command = ["train", "--wake-word", "rise", "--positives", words / "rise"]
    command += ["--negatives", words, speech]
    command += ["--base", tiny_base, "--output", output, "--steps", 20, "--ensemble", 2]
    command += ["--synthesize", 0, "--verifier", "elder"]
    done = kws(*command)
    assert done.returncode == 0, done.stderr
    model = read_model(output)
    verifier = model.metadata.verifier
    assert verifier is not None
    assert set(verifier.gates) == set(verifier.alone) == {"rise"}
    assert model.metadata.provenance["options"]["verifier"] == "elder"
    targets = {point.threshold for point in model.metadata.operating_points}
    assert model.metadata.detector.thresholds["rise"] in targets
    samples, _ = soundfile.read(words / "rise" / "speaker1_nohash_0.wav", dtype="float32")
    alone = model.first_stage()
    both = KeywordSpotter(model).posteriors(samples)
    assert both.shape == KeywordSpotter(alone).posteriors(samples).shape


def test_a_board_runs_one_network(tmp_path):
    command = ["train", "--wake-word", "rise", "--negatives", tmp_path, "--output", "m.tflite"]
    done = kws(*command, "--verifier", "elder", "--board", "esp32-s3")
    assert done.returncode == BAD_INPUT
    assert "esp32-s3 runs a single network" in done.stderr


def test_a_single_network_has_no_elder(tmp_path):
    command = ["train", "--wake-word", "rise", "--negatives", tmp_path, "--output", "m.tflite"]
    done = kws(*command, "--verifier", "elder", "--ensemble", 1)
    assert done.returncode == BAD_INPUT
    assert "give --ensemble 2 or more" in done.stderr
