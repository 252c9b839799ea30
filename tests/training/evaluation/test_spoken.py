"""Spoken commands and transcripts are judged from recordings and labels on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError
from kws.modelfile import write_model
from kws.pcm import to_int16
from kws.wav import write_wav
from kws_training.evaluation.spoken import end_of_speech, read_labels

from ...conftest import kws_here
from ...phoneme_network import phoneme_model, say

GRAMMAR = """context:
  expressions:
    switchLights:
      - turn the lights $state:state
  slots:
    state:
      - on
      - off
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, labels, a grammar, sentences and the network of tones."""
    folder = tmp_path_factory.mktemp("spoken")
    recordings = folder / "recordings"
    recordings.mkdir()
    (folder / "noise").mkdir()
    texts = {"a": "turn the lights on", "b": "turn the lights off", "c": "good morning"}
    noise = np.random.default_rng(0).normal(0, 0.1, 48000)
    for path, samples in (
        *((recordings / f"{name}.wav", say(text, 0.5, 0.2)) for name, text in texts.items()),
        (folder / "noise" / "n.wav", noise),
    ):
        write_wav(path, to_int16(samples), 16000)
    labels = {
        "a": {"intent": "switchLights", "slots": {"state": " on"}, "text": texts["a"]},
        "b.wav": {"intent": "switchLights", "slots": {"state": "on"}, "text": texts["a"]},
        "c": {"intent": None, "text": texts["c"]},
    }
    for name, speaker in zip(labels, ("x", "y", "x"), strict=True):
        labels[name]["speaker"] = speaker
    (folder / "labels.json").write_text(json.dumps(labels))
    (folder / "labels.csv").write_text(
        "path,intent,slot.state,text\n"
        "recordings/a.wav,switchLights,on,turn the lights on\nc.wav,,,good morning\n"
    )
    (folder / "grammar.yaml").write_text(GRAMMAR)
    (folder / "sentences.txt").write_text("turn the lights on\nturn the lights off\n")
    network = phoneme_model()
    write_model(folder / "tones.tflite", network.network, network.metadata)
    return folder


def evaluate(folder: Path, *arguments: object):  # type: ignore[no-untyped-def]
    model, data = folder / "tones.tflite", folder / "recordings"
    return kws_here("evaluate", model, "--data", data, *arguments)


def test_understanding_is_judged(folder: Path) -> None:
    arguments = ("--task", "understand", "--grammar", folder / "grammar.yaml")
    labels = ("--labels", folder / "labels.json")
    done = evaluate(folder, *arguments, *labels, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["right"], found["recordings"]) == (2, 3)
    assert found["figures"]["intents"] == 1
    assert found["figures"]["slots"] == 0.5
    assert found["figures"]["rejected"] == found["figures"]["accepted"] == 0
    assert found["groups"][0] == {"speaker": "y", "right": 0, "recordings": 1}
    assert 0 < found["latency_median"] < 1
    done = evaluate(folder, *arguments, "--labels", folder / "labels.csv")
    assert "understood: 100.0% of 2 recordings" in done.stdout
    noisy = ("--noise", folder / "noise", "--snr", "60", "--snr-reference", "peak", "--json")
    done = evaluate(folder, *arguments, *labels, *noisy)
    assert json.loads(done.stdout)["snr"] == 60


def test_transcripts_are_judged(folder: Path) -> None:
    arguments = ("--task", "transcribe", "--language", folder / "sentences.txt")
    done = evaluate(folder, *arguments, "--labels", folder / "labels.json", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["figures"]["words"] == 10
    assert found["right"] == 1
    # one word of b is another, and of c at least the two that nobody can say here
    assert found["figures"]["word_error_rate"] >= 0.3
    assert found["figures"]["low"] <= found["figures"]["word_error_rate"]
    done = evaluate(folder, *arguments, "--labels", folder / "labels.json")
    assert "word error rate" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--task", "understand", "--labels", "labels.json"), "--grammar is missing"),
        (("--task", "transcribe"), "--labels is missing"),
        (("--task", "understand", "--grammar", "grammar.yaml"), "--labels is missing"),
        (
            (
                "--task",
                "understand",
                "--grammar",
                "grammar.yaml",
                "--labels",
                "labels.json",
                "--snr",
                "6",
            ),
            "--snr needs --noise",
        ),
    ],
)
def test_what_is_missing_is_named(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    given = [folder / one if "." in one else one for one in arguments]
    done = evaluate(folder, *given)
    assert done.returncode == 2
    assert message in done.stderr


def test_labels_that_cannot_be_used_are_refused(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "labels.json"
    for text, message in (
        ("[]", "is no object of objects"),
        ("{", "cannot be read"),
        ('{"z": {}}', "there is no such recording"),
        ('{"a": {"slots": []}, "b": {"slots": [1]}}', "slots is no object"),
        ('{"a": {"intent": 7}}', "are texts"),
        ("{}", "names no recordings"),
        ('{"a":' * 100_000, "cannot be read"),
    ):
        path.write_text(text)
        with pytest.raises(KwsError, match=message):
            read_labels(path, [folder / "recordings"])
    table = tmp_path / "labels.csv"
    for text, message in (
        ("intent,path\nlights\n", "1 fields, but line 1 names 2 columns"),
        ("intent\nlights\n", "no column 'path'"),
    ):
        table.write_text(text)
        with pytest.raises(KwsError, match=message):
            read_labels(table, [folder / "recordings"])


def test_speech_ends_where_it_is_quiet() -> None:
    samples = np.concatenate([np.full(16000, 0.5), np.full(16000, 0.001)]).astype(np.float32)
    assert end_of_speech(samples) == 1.0
    assert end_of_speech(samples[:0]) == 0.0
