"""What the README tells a maker to type works, as it stands there, on made-up words."""

import argparse
import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.cli.calibrate import CALIBRATE
from kws.cli.enroll import ENROLL
from kws.cli.listen import LISTEN
from kws.cli.record import RECORD
from kws.cli.spot import SPOT

ROOT = Path(__file__).resolve().parents[3]
DEVICE = {verb.name: verb for verb in (SPOT, LISTEN, RECORD, ENROLL, CALIBRATE)}
#: Makes a training take seconds; what it trains is not judged here.
QUICK = {"train": ["--epochs", "1", "--copies", "1"], "pretrain": ["--epochs", "1"]}
QUICK_WAKE_WORD = ["--steps", "20", "--members", "1", "--synthesize", "0"]


def maker_commands():
    section = (ROOT / "README.md").read_text().split("## For the maker")[1].split("\n## ")[0]
    for block in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            command = line.split("#")[0].strip()
            if command.startswith("kws "):
                yield command


@pytest.fixture(scope="module")
def bench(words, speech, word_images, make_word, tmp_path_factory):
    """A maker's folder: recordings, sounds with folds, noise, log-mel images."""
    folder = tmp_path_factory.mktemp("maker")
    rng = np.random.default_rng(0)
    for name in ("recordings", "other_recordings"):
        shutil.copytree(words, folder / name)
        (folder / name / "rise").rename(folder / name / "lights")
        (folder / name / "fall").rename(folder / name / "music")
    for name in ("recordings", "other_recordings"):
        shutil.copytree(folder / name / "lights", folder / name / "hey device")
    for name in ("speech", "other_speech"):
        shutil.copytree(speech, folder / name)
    talk = np.concatenate([soundfile.read(f)[0] for f in sorted(speech.glob("talk*.wav"))])
    soundfile.write(folder / "living_room.wav", np.tile(talk, 70), 16000)
    (folder / "lights").mkdir()
    soundfile.write(folder / "lights" / "anna_nohash_0.wav", make_word("rise", rng), 16000)
    soundfile.write(folder / "your.wav", make_word("rise", rng), 16000)
    (folder / "noise").mkdir()
    soundfile.write(folder / "noise" / "hiss.wav", rng.normal(0, 0.02, 64000), 16000)
    rows = [("path", "label", "fold")]
    for label, pitch in (("hum", 200), ("beep", 2000)):
        (folder / "sounds" / label).mkdir(parents=True)
        for number in range(6):
            name = f"{label}/{number}.wav"
            tone = 0.2 * np.sin(2 * np.pi * pitch * np.arange(32000) / 16000)
            soundfile.write(folder / "sounds" / name, tone + rng.normal(0, 0.01, 32000), 16000)
            rows.append((name, label, str(number % 2)))
    with (folder / "sounds" / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    np.savez(
        folder / "images.npz",
        x=word_images.images,
        label=word_images.words,
        speaker=word_images.speakers,
    )
    return folder


@pytest.mark.parametrize("command", list(maker_commands()))
def test_maker_commands_are_understood(command):
    _, verb, *arguments = shlex.split(command)
    point = next(iter(entry_points(group="kws.verbs", name=verb)), None)
    found = DEVICE[verb] if point is None else point.load()
    parser = argparse.ArgumentParser(exit_on_error=False)
    found.configure(parser)
    parser.parse_args(arguments)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_maker_commands(bench, made_yamnet):
    commands = list(maker_commands())
    verbs = [shlex.split(command)[1] for command in commands]
    assert {"train", "evaluate", "spot", "augment", "compare", "data", "pretrain"} <= set(verbs)
    # few words by machines: no engine need be installed here
    environment = {**os.environ, "KWS_YAMNET": str(made_yamnet), "PATH": "/nowhere"}
    for command, verb in zip(commands, verbs, strict=True):
        arguments = shlex.split(command)[1:]
        # one needs an engine, the others a microphone: their own tests have these, or a pipe
        if verb in ("synthesize", "record", "listen"):
            continue
        if "--wake-word" in arguments:
            arguments += QUICK_WAKE_WORD
        elif "sounds" not in arguments:  # whose training takes seconds as it is
            arguments += QUICK.get(verb, [])
        if verb == "pretrain":
            arguments += ["--synthesize", "0"]
        result = subprocess.run(
            [sys.executable, "-m", "kws", *arguments],
            cwd=bench,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # the model of one epoch may well be worse than the old one: that is an answer too
        allowed = {0, 1} if verb == "compare" else {0}
        assert result.returncode in allowed, f"{command}: {result.stderr}"
        if verb == "train" and not (bench / "old.tflite").exists():
            shutil.copy(bench / "model.tflite", bench / "old.tflite")
    assert (bench / "report" / "index.html").exists()
    assert (bench / "report" / "card.md").exists()
    assert list((bench / "examples").glob("*.png"))
    assert (bench / "sounds.tflite").exists()
    assert (bench / "mine.tflite").exists()
    assert (bench / "wake_report" / "index.html").exists()
    assert (bench / "base.tflite").exists()
