"""Spoken commands from audio, through a network whose phonemes are tones."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import CommandRecognizer, KwsError, ModelError, Transcriber, read_model
from kws.arrays import Float32
from kws.grammar.expression import GrammarError
from kws.grammar.recognition import RecognitionConfig
from kws.modelfile import ModelFile, write_model
from kws.packaged import packaged_model
from kws.pcm import to_int16
from kws.wav import write_wav

from ..conftest import kws_here
from ..phoneme_network import phoneme_model
from ..phoneme_network import say as say_one
from .grammar.texts import LIGHTS, LIGHTS_JSGF

RATE = 16000


@pytest.fixture(scope="module")
def network() -> ModelFile:
    pytest.importorskip(
        "flatbuffers", reason="flatbuffers is not installed: pip install flatbuffers"
    )
    return phoneme_model()


@pytest.fixture
def lights(tmp_path: Path) -> Path:
    path = tmp_path / "lights.yaml"
    path.write_text(LIGHTS)
    return path


def say(*texts: str) -> Float32:
    """Return texts as a speaker of tones says them, each with a second of silence around it."""
    return np.concatenate([say_one(text, 1.0, 1.0) for text in texts])


def write(path: Path, samples: Float32) -> Path:
    write_wav(path, to_int16(samples), RATE)
    return path


def test_commands_are_understood_as_they_are_said(network: ModelFile, lights: Path) -> None:
    recognizer = CommandRecognizer(lights, model=network)
    assert recognizer.intents == ("switchLights", "setColour")
    audio = say("turn off my lights", "good morning", "make the lights light blue")
    found = []
    for start in range(0, len(audio), 1280):
        for result in recognizer.process(audio[start : start + 1280]):
            found.append(result)
            assert result.end * RATE <= start + 1280
    assert [(one.intent, one.slots) for one in found] == [
        ("switchLights", {"state": "off"}),
        (None, {}),
        ("setColour", {"colour": "light blue"}),
    ]
    assert recognizer.flush() == []
    for one in found:
        assert 0 <= one.start < one.end


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=8))
def test_the_cuts_of_a_stream_change_nothing(network: ModelFile, sizes: list[int]) -> None:
    phrases = ["lights on", "lights off"]
    recognizer = CommandRecognizer(phrases=phrases, model=network)
    audio = say("lights off")[:-RATE]
    whole = recognizer.process(audio) + recognizer.flush()
    assert [one.intent for one in whole] == ["lights off"]
    recognizer.reset()
    found, place = [], 0
    while place < len(audio):
        for size in sizes:
            found += recognizer.process(audio[place : place + size])
            place += size
    assert found + recognizer.flush() == whole


def test_other_sample_rates_are_understood(network: ModelFile) -> None:
    recognizer = CommandRecognizer(phrases=["lights on"], model=network, sample_rate=32000)
    audio = np.repeat(say("lights on"), 2)
    found = recognizer.process((audio * 32767).astype(np.int16)) + recognizer.flush()
    assert [one.intent for one in found] == ["lights on"]


def test_what_cannot_be_used_is_refused_in_one_line(network: ModelFile, lights: Path) -> None:
    with pytest.raises(GrammarError, match="give one of both"):
        CommandRecognizer()
    with pytest.raises(GrammarError, match="give one of both"):
        CommandRecognizer(lights, ["lights on"])
    with pytest.raises(GrammarError, match="must be 0 to 1"):
        CommandRecognizer(lights, model=network, threshold=2)
    with pytest.raises(ModelError, match="is a model of commands, not of phonemes"):
        CommandRecognizer(lights, model=packaged_model())
    recognizer = CommandRecognizer(lights, model=network)
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(recognizer)


def test_words_that_cannot_be_pronounced_are_named_with_their_line(
    network: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    path = tmp_path / "tea.yaml"
    text = "context:\n  expressions:\n    tea:\n      - make me zzyzxq\n"
    path.write_text(text)
    with pytest.raises(GrammarError, match=r"tea\.yaml: line 4: 'zzyzxq': how it is said"):
        CommandRecognizer(path, model=network)
    path.write_text(text + "  pronunciations:\n    zzyzxq: z iy z ih k s\n")
    assert CommandRecognizer(path, model=network).intents == ("tea",)
    path.write_text(text + "  pronunciations:\n    zzyzxq: z iy qq\n")
    with pytest.raises(KwsError, match=r"tea\.yaml: line 4: 'qq' is no phoneme"):
        CommandRecognizer(path, model=network)
    assert CommandRecognizer(phrases=["hey /z iy z/"], model=network).intents == ("hey /z iy z/",)


def test_a_result_may_be_waited_for(network: ModelFile) -> None:
    patient = RecognitionConfig(complete=0.9, settled=5.0, silent=5.0)
    ends = []
    for config in (None, patient):
        recognizer = CommandRecognizer(phrases=["lights on"], model=network, config=config)
        audio = say("lights on")
        ends.append(
            next(
                start
                for start in range(0, len(audio), 160)
                if recognizer.process(audio[start : start + 160])
            )
        )
    assert ends[1] - ends[0] == pytest.approx(0.7 * RATE, abs=0.05 * RATE)


def test_understand_prints_a_line_for_each_utterance(
    network: ModelFile, lights: Path, tmp_path: Path
) -> None:
    model = tmp_path / "tones.tflite"
    write_model(model, network.network, network.metadata)
    assert read_model(model).metadata.task == "phonemes"
    first = write(tmp_path / "a.wav", say("switch the lights on", "hello"))
    arguments = ("understand", "--grammar", lights, "--model", model)
    done = kws_here(*arguments, first, "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["intent"] for row in rows] == ["switchLights", None]
    assert list(rows[0]) == ["file", "intent", "slots", "confidence", "start", "end"]
    assert rows[0]["slots"] == {"state": "on"}
    assert rows[0]["file"] == str(first)
    done = kws_here(*arguments, first)
    assert "switchLights" in done.stdout
    assert "state: on" in done.stdout
    assert "(none of it)" in done.stdout
    jsgf = tmp_path / "lights.jsgf"
    jsgf.write_text(LIGHTS_JSGF)
    done = kws_here("understand", "--grammar", jsgf, "--model", model, first, tmp_path / "b.wav")
    assert done.returncode == 2
    assert "2 weights are left out" in done.stderr
    assert "b.wav" in done.stderr
    assert f"{first}:" in done.stdout
    done = kws_here("understand", "--phrase", "hello", "--model", model, first)
    assert "hello" in done.stdout
    done = kws_here("understand", "--grammar", tmp_path / "none.yaml", first)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_transcribe_prints_words_with_their_times(network: ModelFile, tmp_path: Path) -> None:
    model = tmp_path / "tones.tflite"
    write_model(model, network.network, network.metadata)
    language = tmp_path / "sentences.txt"
    language.write_text("turn the lights on\nis the tea ready\nlights off zzyzxq\n")
    path = write(tmp_path / "a.wav", say("turn the lights off", "is the tea ready"))
    arguments = ("transcribe", "--language", language, "--model", model, path)
    done = kws_here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(row["final"] for row in rows)
    texts = [" ".join(word["word"] for word in row["words"]) for row in rows]
    assert texts == ["turn the lights off", "is the tea ready"]
    assert list(rows[0]["words"][0]) == ["word", "start", "end", "confidence"]
    done = kws_here(*arguments, "--json", "--partial")
    finals = [json.loads(line)["final"] for line in done.stdout.splitlines()]
    assert finals.count(True) == 2
    assert finals.count(False) >= 2
    done = kws_here(*arguments)
    assert "turn the lights off" in done.stdout
    transcriber = Transcriber(language, model=network)
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(transcriber)
    found = transcriber.process(say("turn the lights on")) + transcriber.flush()
    transcriber.reset()
    assert [one.text for one in found if one.final] == ["turn the lights on"]


def test_transcribe_without_a_language_writes_common_words_and_says_so(demo_path: Path) -> None:
    done = kws_here("transcribe", demo_path, "--json")
    assert done.returncode == 0, done.stderr
    assert "without --language any of 4,000 common words may follow any other" in done.stderr
    words = [row["word"] for line in done.stdout.splitlines() for row in json.loads(line)["words"]]
    said = {"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "seven"}
    assert len(said & set(words)) >= 2


def test_the_network_of_the_package_understands_the_demo(demo_path: Path) -> None:
    phrases = ("--phrase", "go", "--phrase", "stop", "--phrase", "off")
    done = kws_here("understand", *phrases, demo_path, "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    intents = [row["intent"] for row in found]
    assert {"off", "stop", "go"} <= set(intents)
    assert None in intents  # the other words of the demo
