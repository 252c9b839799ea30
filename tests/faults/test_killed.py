"""Killed at any moment and run again: it goes on or starts clean, and never uses half a file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.modelfile import parse_model

from ..training.archives import site
from .conftest import Case, killed_and_run_again

__all__ = ["site"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def few_words(words, tmp_path_factory) -> Path:
    """Two made-up words, each by four speakers."""
    folder = tmp_path_factory.mktemp("few")
    for label in ("rise", "fall"):
        (folder / label).mkdir()
        for who in range(4):
            name = f"speaker{who}_nohash_0.wav"
            (folder / label / name).write_bytes((words / label / name).read_bytes())
    return folder


@pytest.fixture(scope="session")
def train_case(few_words, made_yamnet) -> Case:
    return Case(
        (
            *("train", "--data", few_words, "--extractor", "yamnet", "--yamnet", made_yamnet),
            *("--epochs", "1", "--copies", "2", "--hold-out", "0", "--validation", "0.3"),
            *("--output", "out/model.tflite"),
        )
    )


@pytest.fixture(scope="session")
def pretrain_case(word_images, tmp_path_factory, tiny_base) -> Case:
    folder = tmp_path_factory.mktemp("images")
    few = np.flatnonzero(np.arange(len(word_images.words)) % 4 == 0)
    np.savez(
        folder / "f.npz",
        x=word_images.images[few],
        label=word_images.words[few],
        speaker=word_images.speakers[few],
    )
    (folder / "noise").mkdir()
    hiss = np.random.default_rng(0).normal(0, 0.02, 32000)
    soundfile.write(folder / "noise" / "hiss.wav", hiss, 16000)
    return Case(
        (
            *("pretrain", "--features", folder / "f.npz", "--noise", folder / "noise"),
            *("--synthesize", "0", "--epochs", "2", "--start", tiny_base),
            *("--output", "out/base.tflite"),
        )
    )


@pytest.fixture(scope="session")
def quantize_case(tmp_path_factory) -> Case:
    folder = tmp_path_factory.mktemp("calibration")
    samples, rate = soundfile.read(ROOT / "demo" / "synthesized_commands.wav", dtype="float32")
    soundfile.write(folder / "a.wav", samples[: 2 * rate], rate)
    model = ROOT / "kws" / "models" / "commands-small.tflite"
    return Case(
        (
            *("quantize", model, "--to", "int8", "--calibration", folder),
            *("--output", "out/small.tflite"),
        )
    )


@pytest.fixture(scope="session")
def phrases(tmp_path_factory) -> Path:
    """Three takes of something to enrol."""
    folder = tmp_path_factory.mktemp("phrase")
    samples, rate = soundfile.read(ROOT / "demo" / "synthesized_commands.wav", dtype="float32")
    loudest = int(np.abs(samples).argmax())
    for take in range(3):
        start = loudest - rate // 2 + 160 * take
        soundfile.write(folder / f"{take}.wav", samples[start : start + rate], rate)
    return folder


@pytest.fixture
def fetch_case(site) -> Case:
    source = site.offer("musan")
    archive = {name: getattr(source.archive, name) for name in ("size", "sha256", "mirrors")}
    return Case(
        ("data", "fetch", "musan", "--output", "out"),
        {"NO_PROXY": "127.0.0.1"},
        {"sources": {"musan": archive}},
    )


def test_data_fetch(runner, fetch_case, tmp_path):
    files = killed_and_run_again(runner, fetch_case, tmp_path, 20, (0, 1, 1000))
    assert "musan/SOURCE.txt" in files


def test_enroll(runner, phrases, tmp_path):
    enroll = ("enroll", "--positives", phrases, "--label", "this", "--output", "out/model.tflite")
    case = Case(enroll)
    files = killed_and_run_again(runner, case, tmp_path, 20, (0, 4096, 60_000))
    parse_model(files["model.tflite"], "it")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_synthesize(runner, espeak, tmp_path):
    """It goes on with what is missing; what was not whole is not taken for a recording."""
    counts = ("--count", "2", "--negatives", "2", "--engines", "espeak-ng")
    case = Case(("synthesize", "hey you", *counts, "--output", "out/said"))
    files = killed_and_run_again(runner, case, tmp_path, 20)
    assert len(files) == 5  # the manifest too


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_trainings_at_once(train_case, tmp_path):
    """On one cache: both write what one alone writes, and the features are computed once."""
    command = [sys.executable, "-m", "kws", *map(str, train_case.command[:-1])]
    environment = {**os.environ, "KWS_CACHE": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen(
            [*command, str(tmp_path / f"{name}.tflite")],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    errors = [one.communicate()[1] for one in processes]
    assert [one.returncode for one in processes] == [0, 0], errors
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_quantize(trainer, quantize_case, tmp_path):
    files = killed_and_run_again(trainer, quantize_case, tmp_path, 20, (20_000,))
    parse_model(files["small.tflite"], "it")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_train(trainer, train_case, tmp_path):
    files = killed_and_run_again(trainer, train_case, tmp_path, 20, (100, 70_000, 300_000))
    parse_model(files["model.tflite"], "it")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_pretrain(trainer, pretrain_case, tmp_path):
    files = killed_and_run_again(trainer, pretrain_case, tmp_path, 20, (100, 12_000))
    parse_model(files["base.tflite"], "it")
