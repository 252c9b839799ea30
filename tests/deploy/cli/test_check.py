"""The verb check as a process: exit status, reasons, and what it refuses."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import load_audio
from kws.metadata import WAKE_WORDS
from kws.modelfile import read_model, write_model

from ...conftest import kws_here as kws

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = ROOT / "kws" / "models" / "commands.tflite"
WORDS = ROOT / "kws" / "models" / "words.tflite"
RATE = 16000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The words of the demo in folders, and one damaged recording."""
    folder = tmp_path_factory.mktemp("words")
    path = ROOT / "demo" / "synthesized_commands.wav"
    samples = load_audio(path, RATE)
    with path.with_suffix(".csv").open(newline="") as file:
        for row in csv.DictReader(file):
            first = max(0, int(((float(row["start"]) + float(row["end"])) / 2 - 0.5) * RATE))
            (folder / row["keyword"]).mkdir(exist_ok=True)
            name = folder / row["keyword"] / "voice_nohash_0.wav"
            soundfile.write(name, samples[first : first + RATE], RATE)
    (folder / "yes" / "damaged_nohash_0.wav").write_bytes(b"RIFF")
    return folder


def test_a_good_model_passes(data: Path) -> None:
    done = kws("check", DEFAULT, "--data", data, "--against", DEFAULT)
    assert done.returncode == 0, done.stdout
    passed = [line for line in done.stdout.splitlines() if line.startswith("passed")]
    assert [line.split()[1] for line in passed] == [
        "teacher",
        "float",
        "streaming",
        "budget",
        "thresholds",
    ]
    assert "all 5 gates passed" in done.stdout
    assert "damaged_nohash_0.wav" in done.stdout
    assert "10 recordings of 1 speakers" in done.stdout


def test_all_reasons_are_given(data: Path, tmp_path: Path) -> None:
    """The base of 35 words: thresholds chosen on nothing, and a budget that no machine meets."""
    report = kws(
        "check", WORDS, "--data", data, "--against", DEFAULT, "--budget-ms", "0.0001", "--json"
    )
    assert report.returncode == 1
    values = json.loads(report.stdout)
    assert values["passed"] is False
    gates = values["gates"]
    assert list(gates) == ["teacher", "float", "streaming", "budget", "thresholds"]
    failed = [name for name, gate in gates.items() if not gate["passed"]]
    assert failed[-2:] == ["budget", "thresholds"]
    assert [reason.split(":")[0] for reason in values["reasons"]] == failed
    assert report.stderr.splitlines()[-len(failed) :] == values["reasons"]
    assert len(gates["thresholds"]["figures"]["unmeasured"]) == 35
    assert gates["teacher"]["figures"]["recordings"] == 10
    assert [Path(one["file"]).name for one in values["skipped"]] == ["damaged_nohash_0.wav"]
    text = kws("check", WORDS, "--data", data, "--against", DEFAULT, "--budget-ms", "0.0001")
    assert text.returncode == 1
    assert f"{len(failed)} of 5 gates failed" in text.stdout
    assert text.stdout.count("FAILED") == len(failed)


def refusal(*arguments: object) -> str:
    done = kws("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr.splitlines()[-1]


def test_refusals(data: Path, tmp_path: Path) -> None:
    against = ("--against", DEFAULT)
    assert "give --data DIR" in refusal(DEFAULT, *against)
    assert "--data" in refusal(DEFAULT, *against, "--positives", data, "--negatives", data)
    assert "no such board" in refusal(DEFAULT, *against, "--data", data, "--board", "toaster")
    assert "must be above 0" in refusal(DEFAULT, *against, "--data", data, "--budget-ms", "0")
    assert "is quantized" in refusal(DEFAULT, *against, "--data", data, "--float", WORDS)
    assert "no such folder" in refusal(DEFAULT, *against, "--data", tmp_path / "nothing")
    assert "check the path" in refusal(tmp_path / "nothing.tflite", *against, "--data", data)


def test_wake_words_are_told_what_judges_them(data: Path, tmp_path: Path) -> None:
    model = read_model(DEFAULT)
    labels = tuple(f"w{n}" for n in range(len(model.metadata.labels)))
    metadata = replace(
        model.metadata,
        task=WAKE_WORDS,
        labels=labels,
        operating_points=(),
        detector=replace(model.metadata.detector, thresholds=dict.fromkeys(labels, 0.5)),
    )
    path = tmp_path / "wake.tflite"
    write_model(path, model.network, metadata)
    line = refusal(path, "--against", path, "--data", data)
    assert "give --positives DIR and --negatives DIR" in line
    assert "is for commands" in refusal(path, "--against", DEFAULT, "--data", data)


def test_a_reader_that_has_gone_does_not_change_the_status(data: Path) -> None:
    arguments = f'check "{WORDS}" --data "{data}" --against "{DEFAULT}"'
    command = f'"{sys.executable}" -m kws {arguments} | head -1; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=200)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_help_has_an_example() -> None:
    done = kws("check", "--help")
    assert done.returncode == 0
    assert "example: kws check " in done.stdout


def test_silence_is_no_keyword(data: Path, tmp_path: Path) -> None:
    (tmp_path / "_silence_").mkdir()
    soundfile.write(tmp_path / "_silence_" / "a.wav", np.zeros(RATE), RATE)
    done = kws("check", DEFAULT, "--data", data, tmp_path, "--against", DEFAULT, "--json")
    assert json.loads(done.stdout)["gates"]["teacher"]["figures"]["recordings"] == 11
