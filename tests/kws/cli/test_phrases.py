"""Typed phrases on the command line of the device."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kws.modelfile import write_model
from kws.pcm import to_int16
from kws.typed.model import typed_model
from kws.wav import write_wav

from ...conftest import kws_here
from ...phoneme_network import phoneme_model, tones

NIGHT = ["g", "uh", "d", "n", "ay", "t"]


def write(path: Path, samples: np.ndarray) -> Path:
    write_wav(path, to_int16(samples), 16000)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("typed")
    network = phoneme_model()
    write_model(folder / "tones.tflite", network.network, network.metadata)
    typed = typed_model(network, ["good night"])
    write_model(folder / "night.tflite", typed.network, typed.metadata)
    audio = np.concatenate([tones(NIGHT), tones(["s", "ow"]), tones(NIGHT)])
    write(folder / "house.wav", audio)
    return folder


def test_phrases_are_spotted_as_they_are_typed(folder):
    done = kws_here(
        *("spot", "--model", folder / "tones.tflite", "--phrase", "good night"),
        *("--phrase", "/s ow/", folder / "house.wav", "--json"),
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["keyword"] for line in lines] == ["good night", "/s ow/", "good night"]
    assert lines[0]["start"] == pytest.approx(0.3, abs=0.05)


def test_other_models_listen_beside_them(folder):
    done = kws_here(
        *("spot", "--model", folder / "tones.tflite", "--model", "commands"),
        *("--phrase", "good night", folder / "house.wav", "--json"),
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["keyword"] for line in lines if line["model"] != "commands"] == ["good night"] * 2


def test_a_packed_file_is_used_like_any_other(folder):
    done = kws_here("spot", "--model", folder / "night.tflite", folder / "house.wav", "--json")
    assert [json.loads(line)["keyword"] for line in done.stdout.splitlines()] == ["good night"] * 2
    done = kws_here("classify", "--model", folder / "night.tflite", folder / "house.wav")
    assert "good night" in done.stdout
    done = kws_here("inspect", folder / "night.tflite")
    assert "good night: /g uh d n ay t/" in done.stdout
    assert "schema 3" in done.stdout
    done = kws_here("inspect", folder / "tones.tflite")
    assert "no keyword: give phrases to listen for with --phrase" in done.stdout
    assert json.loads(kws_here("inspect", folder / "night.tflite", "--json").stdout)["phrases"]


def test_it_is_calibrated_on_the_audio_of_its_place(folder, tmp_path):
    rng = np.random.default_rng(0)
    signs = [*NIGHT, "s", "t", "ow"]
    heard = [tones(list(rng.choice(signs, 8)), 0.1, 0.1) for _ in range(100)]
    place = write(tmp_path / "place.wav", np.concatenate(heard))
    output = tmp_path / "calibrated.tflite"
    done = kws_here(
        *("calibrate", folder / "night.tflite", "--ambient", place, "--output", output),
        *("--false-accepts-per-hour", "200"),
    )
    assert done.returncode == 0, done.stderr
    done = kws_here("spot", "--model", output, folder / "house.wav", "--json")
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--model", "tones.tflite"), "hears phonemes, and no words: say which with --phrase"),
        (("--model", "tones.tflite", "--phrase", "?"), "there is no word in it"),
        (("--model", "tones.tflite", "--phrase", "/q/"), "'q' is no phoneme"),
        (
            ("--model", "tones.tflite", "--model", "tones.tflite", "--phrase", "night"),
            "is a second phoneme network",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(folder, monkeypatch, arguments, reason):
    monkeypatch.chdir(folder)
    done = kws_here("spot", *arguments, "house.wav")
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
