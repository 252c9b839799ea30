"""The page on what a device keeps, from beginning to end, with recordings of people."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.keeping.log import KeptRecording, read_log
from kws.pcm import to_int16
from kws.wav import write_wav

ROOT = Path(__file__).resolve().parents[2]
PHRASE = "hey device"
#: Makes a training take half a minute.
QUICK = ["--steps", "80", "--ensemble", "1", "--synthesize", "0"]


def commands() -> list[list[str]]:
    """The commands of the page, as words."""
    text = (ROOT / "docs" / "keep.md").read_text()
    block = re.search(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
    return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kws", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def link(files: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for file in files:
        (folder / file.name).symlink_to(file)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_loop_from_the_device_back_to_training(shared, tmp_path) -> None:
    """Its phrase is "computer", said by people on their own microphones, among spoken sentences."""
    pytest.importorskip("tensorflow")
    audio = shared / "audio"
    said = sorted((audio / "wake_words" / "computer").glob("*.flac"))
    orders = sorted((audio / "speech" / "orders").glob("*.*"))
    sentences = sorted((audio / "speech" / "community").glob("*.*"))
    link(said[:20], tmp_path / "recordings" / PHRASE)
    link(said[60:80], tmp_path / "other_recordings" / PHRASE)
    link(orders[:80], tmp_path / "speech")
    link(sentences[200:300], tmp_path / "other_speech")
    link(sorted((audio / "noise").glob("speech_commands/*"))[:2], tmp_path / "noise")
    spans = a_day(said[20:60], sentences[:200], tmp_path / "day.wav")
    before = ["--wake-word", PHRASE, "--positives", f"recordings/{PHRASE}", "--noise", "noise"]
    run(["train", *before, "--negatives", "speech", "--output", "hey.tflite", *QUICK], tmp_path)

    listen, review, train, evaluate, calibrate = (words[1:] for words in commands())
    # it hears a recording in place of a microphone, and is eager
    heard = ["spot", "day.wav", *listen[1:], "--threshold", "0.3"]
    run(heard, tmp_path)
    log = read_log(tmp_path / "kept")
    (listened,) = log.listened
    begun = datetime.fromisoformat(listened.since).timestamp()
    labels = {one.file: label_of(one, begun, spans) for one in log.recordings.values()}
    assert set(labels.values()) == {"phrase", "other"}, "the model is right at times, and wrong"
    label = [word for file, given in labels.items() for word in ("--set", f"{file}={given}")]
    report = json.loads(run([*review, "--json", *label], tmp_path))
    (outcome,) = report["outcomes"]
    assert report["waiting"] == []
    assert outcome["hours"] * 3600 > spans[-1][1]
    fired = [one for one in log.recordings.values() if one.fired]
    assert outcome["fired_wrong"] == sum(labels[one.file] == "other" for one in fired)

    run([*train, *QUICK], tmp_path)
    out = run([*evaluate, "--json"], tmp_path)
    assert json.loads(out)
    wrong = outcome["fired_wrong"] + outcome["near_wrong"]
    calibrate += ["--false-accepts-per-hour", str(10 / outcome["hours"]), "--json"]
    calibrated = json.loads(run(calibrate, tmp_path))
    assert calibrated["files"] == wrong
    assert calibrated["hours"] == pytest.approx(outcome["hours"], rel=1e-3)


def a_day(said: list[Path], sentences: list[Path], path: Path) -> list[tuple[float, float]]:
    """Write sentences with the phrase between them; return where it is, in seconds."""
    spans, pieces, at = [], [], 0
    for number, sentence in enumerate(sentences):
        for file in (sentence, *said[number // 5 : number // 5 + 1] * (number % 5 == 0)):
            samples = load_audio(file, 16000)
            if file in said:
                spans.append((at / 16000, (at + len(samples)) / 16000))
            pieces.append(samples)
            at += len(samples)
    write_wav(path, to_int16(np.concatenate(pieces)), 16000)
    return spans


def label_of(one: KeptRecording, begun: float, spans: list[tuple[float, float]]) -> str:
    at = datetime.fromisoformat(one.time).timestamp() - begun
    return "phrase" if any(start <= at <= end + 0.5 for start, end in spans) else "other"
