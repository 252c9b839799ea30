"""The verb pack with phrases that are typed, and what other verbs of this side make of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kws.modelfile import read_model, write_model

from ...conftest import kws_here
from ...phoneme_network import phoneme_model


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("network") / "tones.tflite"
    model = phoneme_model()
    write_model(path, model.network, model.metadata)
    return path


def test_phrases_become_a_file(network, tmp_path):
    output = tmp_path / "night.tflite"
    done = kws_here(
        *("pack", network, "--phrase", "good night", "--phrase", "lights on"),
        *("--false-accepts-per-hour", "4.5", "--output", output, "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["keywords"] == ["good night", "lights on"]
    metadata = read_model(output).metadata
    assert metadata.detector.thresholds == pytest.approx({"good night": 0.1, "lights on": 0.1})
    done = kws_here("pack", network, "--phrase", "night", "--threshold", 0.7, "--output", output)
    assert done.stdout.startswith(f"wrote {output}")
    assert "1 keyword)" in done.stdout
    assert read_model(output).metadata.detector.thresholds == {"night": 0.7}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--phrase", "night"), "--output is needed"),
        (("--phrase", "night", "--template"), "--phrase needs no contract"),
        (("--phrase", "night", "--output", "x", "--threshold", "2"), "must be 0 to 1"),
        (
            (
                *("--phrase", "night", "--output", "x", "--threshold", "1"),
                *("--false-accepts-per-hour", "1"),
            ),
            "say the same",
        ),
        (("--threshold", "0.5"), "thresholds go with --phrase"),
    ],
)
def test_what_cannot_be_is_refused(network, tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    done = kws_here("pack", network, *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_or_a_phrase_there_is_nothing_to_pack():
    done = kws_here("pack")
    assert done.returncode == 2
    assert "name the network to pack, or the phrases to listen for" in done.stderr


@pytest.mark.parametrize("form", ["c", "esphome"])
def test_typed_phrases_are_not_exported(network, tmp_path, form):
    output = tmp_path / "night.tflite"
    kws_here("pack", network, "--phrase", "good night", "--output", output)
    done = kws_here("export", output, "--to", form, "--output", tmp_path / "out")
    assert done.returncode == 2
    assert "phrases that were typed are decoded by kws alone" in done.stderr
    assert not (tmp_path / "out").exists()
