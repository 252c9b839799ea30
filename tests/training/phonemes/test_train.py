"""A phoneme network is trained: stopped and gone on with, a model file, the command line."""

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.cli.main import main
from kws.errors import KwsError, ModelError
from kws.frontend import WORDS
from kws.modelfile import read_model, write_model
from kws.network import StreamingNetwork
from kws.phonemes.symbols import OUTPUTS, PHONEME_TASK
from kws_training.data.checkpoint import Checkpoint
from kws_training.data.images import WordImages
from kws_training.fitting.loop import set_seed
from kws_training.networks.phoneme_network import PhonemeNetwork, PhonemeShape, read_phoneme_network
from kws_training.networks.streaming import step_model, whole_model
from kws_training.phonemes import defaults
from kws_training.phonemes.data import prepare
from kws_training.phonemes.defaults import FitConfig, PhonemeOptions
from kws_training.phonemes.fit import fit, steps_per_epoch
from kws_training.phonemes.sentences import SpokenSentences
from kws_training.phonemes.train import train
from kws_training.synthesis import engines

from .test_sentences import COFFEE, Beeps
from .test_windows import images, sentences

SHAPE = PhonemeShape(stem=4, width=12, kernels=(3, 5))
SMALL = PhonemeOptions(SHAPE, FitConfig(epochs=2, batch=4, outputs=60))
TEXTS = ["stop", "device", "night", "good", "light", "open", "on", "yes"] * 6


@pytest.fixture(scope="module")
def data():
    noise = np.random.default_rng(0).normal(-5, 1, (600, 40)).astype(np.float32)
    return prepare(images(TEXTS), sentences(["good night", "open it"] * 4, 60), noise)


def test_people_validate_or_train(data):
    assert data.people + len(data.validation.words.people) == len(TEXTS)
    assert data.people > 30
    assert data.microphones is not None


def test_no_speech(data):
    with pytest.raises(KwsError, match="needs words or sentences"):
        prepare(WordImages.none(), SpokenSentences([], [], []), data.noise)


def test_an_epoch_is_as_much_audio_as_there_is_speech(data):
    window = 60 * 0.02
    assert steps_per_epoch(data, SMALL.fit) * 4 * window == pytest.approx(
        data.training.seconds, abs=4 * window
    )


def test_a_stream_gives_what_the_window_gives(randomize, stream):
    network = PhonemeNetwork(WORDS, SHAPE)
    step = step_model(network, 4, (1, 40))
    field = SHAPE.receptive_field
    assert step.result_field == field
    whole = whole_model(network, field + 2 * 19, (1, 40))
    rng = np.random.default_rng(0)
    randomize(whole, rng)
    frames = rng.uniform(-10, 5, (field + 38 + 2, 1, 40)).astype(np.float32)
    frames = frames[-(len(frames) // 4 * 4) :]
    expected = np.asarray(whole(frames[None, -(field + 38) :], training=False))[0]
    assert expected.shape == (20, len(OUTPUTS))
    np.testing.assert_allclose(stream(step, frames)[-20:], expected, atol=1e-4)


class StopError(Exception):
    """Stands in for whatever stops a run."""


def test_a_run_that_was_stopped_goes_on(data, tmp_path, monkeypatch):
    set_seed(0)
    whole = fit(data, SMALL, Checkpoint(tmp_path / "whole.npz"))
    half = Checkpoint(tmp_path / "half.npz")
    write = Checkpoint.write

    def stop(self, epochs, arrays):
        write(self, epochs, arrays)
        if epochs == 1:
            raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", stop)
        set_seed(0)
        with pytest.raises(StopError):
            fit(data, SMALL, half)
    assert half.read()[0] == 1
    again = fit(data, SMALL, half)
    for one, other in zip(again.step.model.weights, whole.step.model.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_a_model_file(data, tmp_path):
    made = train(data, SMALL, tmp_path / "checkpoints")
    assert not list((tmp_path / "checkpoints").iterdir())
    assert made.model.metadata.task == PHONEME_TASK
    assert made.model.metadata.labels == OUTPUTS
    provenance = made.model.metadata.provenance
    assert provenance["people"] == data.people
    write_model(tmp_path / "p.tflite", made.model.network, made.model.metadata)
    spotter = KeywordSpotter.load(tmp_path / "p.tflite")
    assert spotter.process(np.zeros(16000, np.int16)) == []

    # it can be gone on from: unfolded, the network gives what it gave
    base = read_phoneme_network(tmp_path / "p.tflite")
    assert base.shape == SHAPE
    network = PhonemeNetwork(WORDS, SHAPE)
    frames = np.random.default_rng(2).uniform(-10, 5, (8, 80, 1, 40)).astype(np.float32)
    network.unfold(base.weights, frames)
    whole = whole_model(network, 80, (1, 40))
    found = np.asarray(whole(frames[:1], training=False))[0]
    device = StreamingNetwork(read_model(tmp_path / "p.tflite"))
    steps = np.split(frames[0, :, 0], 80 // device.frames)
    expected = np.concatenate([device.step(one).copy() for one in steps])
    assert np.corrcoef(found[-8:].ravel(), expected[-8:].ravel())[0, 1] > 0.98
    again = train(data, replace(SMALL, fit=replace(SMALL.fit, epochs=1)), tmp_path, base)
    assert again.model.metadata.provenance["start_sha256"] == base.digest


def test_what_is_no_phoneme_network(tmp_path):
    with pytest.raises(ModelError, match="is no phoneme network: give a file"):
        read_phoneme_network(Path("commands"))


def test_the_command_line(tmp_path, monkeypatch, capsys):
    import soundfile

    (tmp_path / "noise").mkdir()
    noise = np.random.default_rng(1).normal(0, 0.1, 80_000)
    soundfile.write(tmp_path / "noise" / "hiss.wav", noise, 16000)
    words = images(TEXTS)
    sets = np.array(["validation", *["training"] * (len(TEXTS) - 1)])
    arrays = {"label": words.words, "speaker": words.speakers, "set": sets}
    np.savez(tmp_path / "f.npz", x=words.images, **arrays)
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    small = functools.partial(FitConfig, batch=4, outputs=60)
    monkeypatch.setattr(defaults, "FitConfig", small)
    monkeypatch.setattr(defaults, "PhonemeOptions", functools.partial(PhonemeOptions, SHAPE))
    command = ["pretrain", "--task", "phonemes", "--features", str(tmp_path / "f.npz")]
    command += ["--noise", str(tmp_path / "noise"), "--synthesize", "0", "--epochs", "1"]
    out = tmp_path / "p.tflite"
    assert main([*command, "--output", str(out), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["bytes"] == out.stat().st_size
    assert figures["phoneme_error_rate"] > 0
    assert read_model(out).metadata.labels == OUTPUTS
    assert read_model(out).metadata.provenance["grammar_sha256"] is None

    # taught the orders of a grammar
    (tmp_path / "coffee.yaml").write_text(COFFEE)
    monkeypatch.setattr(engines, "installed", lambda: [Beeps()])
    taught = [*command, "--start", str(out), "--grammar", str(tmp_path / "coffee.yaml")]
    taught[taught.index("--synthesize") + 1] = "200"
    assert main([*taught, "--output", str(tmp_path / "q.tflite")]) == 0
    assert "orders by flite: 100" in capsys.readouterr().err
    provenance = read_model(tmp_path / "q.tflite").metadata.provenance
    assert len(provenance["grammar_sha256"]) == 64
    # 100 sentences and the four orders that there are, without one in forty and what validates
    assert 80 < provenance["sentences"] < 104
    assert main([*command, "--output", str(out), "--grammar", "coffee.yaml"]) == 2
    assert "--grammar: its orders are said by text to speech" in capsys.readouterr().err
    words_task = ["pretrain", *command[3:], "--grammar", "coffee.yaml", "--output", str(out)]
    assert main(words_task) == 2
    assert "--grammar: is for --task phonemes, not words" in capsys.readouterr().err
    assert main([*command, "--output", str(out), "--keywords", "a,b"]) == 2
    assert "--keywords: is for --task words, not phonemes" in capsys.readouterr().err
    assert main([*command[:-1], "0", "--output", str(out)]) == 2
    assert "--epochs must be at least 1" in capsys.readouterr().err
