"""What the pages tell people to type works: every block is run, or listed with the reason why not.

Blocks marked `python` are run as they are. Of blocks marked `sh`, each line is a command: one that
`NOT_RUN` lists, one that trains (a slow test runs these on made-up recordings), or one that is run
here as it stands. Whatever a command of `kws` needs, its arguments must be understood.
"""

import argparse
import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from kws.cli.main import DEVICE_VERBS

from ..conftest import kws_here

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Beginnings of commands that are not run from the pages: why, and which test does the same.
NOT_RUN = {
    "make ": ("builds environments or models", ".ci/run"),
    "pip install": ("installs packages", "tests/test_packaging.py"),
    "KWS_DEVICE=1 pip install": ("installs packages", "tests/test_packaging.py"),
    "arecord ": ("needs a microphone", "tests/kws/cli/test_main.py"),
    "kws listen": ("needs a microphone", "tests/kws/test_microphone.py"),
    "KWS_MQTT_USERNAME=": ("needs a broker", "tests/kws/reactions/test_mqtt.py"),
    "kws serve": ("serves for ever", "tests/kws/serving/test_wyoming.py"),
    "kws studio --data": ("serves for ever", "tests/studio/test_browser.py"),
    "curl ": ("needs a server", "tests/kws/serving/test_http.py"),
    "podman ": ("needs a registry of containers", "tests/test_service.py"),
    "kws review kept": ("asks a person", "tests/docs/test_keep.py"),
    'kws train --wake-word "hey device" --positives "recordings/hey device" kept/phrase': (
        "needs what a device kept",
        "tests/docs/test_keep.py",
    ),
    "kws evaluate better.tflite": ("needs what a device kept", "tests/docs/test_keep.py"),
    "kws calibrate better.tflite --kept": ("needs what a device kept", "tests/docs/test_keep.py"),
    "kws train --wake-word computer --positives train/computer": (
        "trains for minutes",
        "tests/training/wake_words/test_train.py",
    ),
    'kws train --wake-word "hey device" --negatives speech/orders': (
        "trains for minutes",
        "tests/training/wake_words/test_train.py",
    ),
    "kws understand": ("needs a recording of commands", "tests/kws/test_command_recognizer.py"),
    "kws spot --phrase": ("needs a phoneme network", "tests/kws/cli/test_phrases.py"),
    "kws listen --phrase": ("needs a phoneme network", "tests/kws/cli/test_phrases.py"),
    "kws pack --phrase": ("needs a phoneme network", "tests/deploy/cli/test_pack_phrases.py"),
    "kws transcribe": ("needs a recording of commands", "tests/kws/test_command_recognizer.py"),
    "kws evaluate phonemes.tflite --task": (
        "needs a phoneme network",
        "tests/training/evaluation/test_spoken.py",
    ),
    "kws record": ("needs a microphone", "tests/kws/enrolment/test_record.py"),
    "unzip ": ("needs unzip", "tests/kws/test_modelfile.py"),
    "ffmpeg ": ("needs ffmpeg", "tests/deploy/c/test_export.py"),
    "kws synthesize": ("needs a text-to-speech engine", "tests/training/cli/test_synthesize.py"),
    "kws data fetch": ("downloads gigabytes", "tests/training/cli/test_data.py"),
    "kws data import": ("needs an archive by account", "tests/training/data/test_common_voice.py"),
    "kws distill": ("trains for hours", "tests/deploy/distillation/test_pipeline.py"),
    "kws push": ("needs the Hub", "tests/kws/hub/test_page.py"),
    "kws pull": ("needs the Hub", "tests/kws/hub/test_page.py"),
    "kws inspect anna/": ("needs the Hub", "tests/kws/hub/test_page.py"),
    "kws spot --model anna/": ("needs the Hub", "tests/kws/hub/test_page.py"),
    "kws train --data hf://": ("needs the Hub", "tests/training/data/test_hub_data.py"),
    "kws evaluate commands --data hf://": ("needs the Hub", "tests/training/data/test_hub_data.py"),
    "kws data export": ("needs labelled recordings", "tests/training/data/test_audiofolder.py"),
    "hf auth": ("needs an account", "tests/kws/hub/test_hub.py"),
    "kws prune": ("trains for minutes", "tests/deploy/test_pruning.py"),
    "kws quantize": ("needs labelled recordings", "tests/deploy/cli/test_quantize.py"),
    "kws pack": ("needs a plain network", "tests/deploy/cli/test_pack.py"),
    "kws check": ("needs labelled recordings", "tests/deploy/cli/test_check.py"),
    "kws export model.tflite --to onnx": ("takes a minute", "tests/deploy/cli/test_export.py"),
    "kws export commands --to binary": ("needs a compiler", "tests/deploy/native/test_binary.py"),
    "./kws ": ("is for a board", "tests/deploy/native/test_binary.py"),
    "scp ": ("needs a board", "tests/deploy/native/test_binary.py"),
    "kws export commands --to library": ("takes seconds", "tests/deploy/native/test_library.py"),
    "cmake ": ("needs CMake", "tests/deploy/native/test_library.py"),
    "build/kws-file ": ("is built there", "tests/deploy/native/test_library.py"),
    "kws export commands --to web": ("needs a compiler", "tests/deploy/web/test_export.py"),
    "python3 -m http.server": ("serves for ever", "tests/deploy/web/test_browser.py"),
    "kws pretrain --task phonemes": ("trains for hours", "tests/training/phonemes"),
    "kws pretrain --features features.npz": ("trains for hours", "tests/training/word_base"),
    "kws pretrain --start begun.tflite": ("trains for hours", "tests/training/word_base"),
    "kws pretrain --start words --features": ("trains for hours", "tests/training/word_base"),
    "kws pretrain --start words.tflite": ("trains for hours", "tests/training/word_base"),
    "kws features --data speech": (
        "takes processes, or a cluster",
        "tests/training/data/test_shards.py",
    ),
    "ray start": ("starts a cluster", "tests/training/spreading/test_ray_cluster.py"),
    "kws evaluate model.tflite --positives said --negatives speech --jobs": (
        "takes processes",
        "tests/training/evaluation/test_spread_streams.py",
    ),
    'kws train --wake-word "hey device" --positives said --negatives shards': (
        "needs shards",
        "tests/training/wake_words/test_shard_pool.py",
    ),
    "kws train --phrases": ("trains for minutes", "tests/training/cli/test_train_phrases.py"),
    "kws tune": ("trains for hours", "tests/training/wake_words/test_tuning.py"),
    "python examples/": ("is run there", "tests/examples/test_examples.py"),
    "python scripts/fuzz": ("takes minutes", "tests/test_fuzz.py"),
    "python benchmarks/": ("needs hours of recordings", "tests/benchmarks"),
    "sudo ": ("needs root, and an emulated machine", "tests/benchmarks/test_arm.py"),
}
#: Pages whose Python is not run here: why, and which test does it.
PYTHON_NOT_RUN = {
    "docs/hub.md": ("needs the Hub", "tests/kws/hub/test_page.py"),
    "docs/typed_phrases.md": (
        "needs a phoneme network",
        "tests/kws/typed/test_model.py",
    ),
    "docs/spoken_commands.md": (
        "needs a phoneme network",
        "tests/kws/test_command_recognizer.py",
    ),
}
#: Pages whose commands train, or judge what was trained: a slow test runs them, page by page. With
#: these verbs, the other pages repeat commands of these pages.
TRAINING = tuple(
    f"docs/{name}.md"
    for name in (
        "augmentation",
        "data",
        "enroll",
        "esphome",
        "evaluate",
        "sounds",
        "train",
        "wake_words",
        "word_base",
    )
)
TRAINING_VERBS = ("enroll", "evaluate", "train")
#: What makes the models that docs/evaluate.md names.
MODELS = (
    "kws train --data recordings --output model.tflite",
    'kws train --wake-word "hey device" --positives said --negatives speech --output hey.tflite',
)
#: Makes a training take seconds; what it trains is not judged here.
QUICK = {
    "train": ["--epochs", "1", "--copies", "1"],
    "pretrain": ["--epochs", "1", "--synthesize", "0"],
    "sweep": ["--snr", "clean"],
}
QUICK_WAKE_WORD = ["--steps", "20", "--ensemble", "1", "--synthesize", "0"]


def commands(page):
    for language, text in BLOCK.findall((ROOT / page).read_text()):
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                command = re.split(r"\s#\s", line + " ")[0].strip()
                if command:
                    yield " ".join(command.split())


ALL = [(page, command) for page in PAGES for command in commands(page)]


def is_listed(command):
    return command.startswith(tuple(NOT_RUN))


def is_trained(page, command):
    return not is_listed(command) and (page in TRAINING or command.split()[1] in TRAINING_VERBS)


def verb_of(name):
    if name in DEVICE_VERBS:
        module, attribute = DEVICE_VERBS[name].split(":")
        return getattr(import_module(f"kws.cli.{module}"), attribute)
    (point,) = entry_points(group="kws.verbs", name=name)
    return point.load()


def run(arguments, folder, environment):
    return subprocess.run(
        [sys.executable, "-m", "kws", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def place(tmp_path):
    """A folder in which the commands of the device's pages find what they name."""
    for name in ("demo", "examples", "kws"):
        (tmp_path / name).symlink_to(ROOT / name)
    model = ROOT / "kws" / "models" / "commands.tflite"
    (tmp_path / "model.tflite").write_bytes(model.read_bytes())
    return tmp_path


def test_every_reason_is_needed_and_names_a_test_that_exists():
    for beginning, (_, test) in NOT_RUN.items():
        assert any(command.startswith(beginning) for _, command in ALL), beginning
        assert (ROOT / test).exists(), test
    for page, (_, test) in PYTHON_NOT_RUN.items():
        assert page in PAGES
        assert (ROOT / test).exists(), test


def test_other_pages_train_as_these_pages_do():
    run = {command for page, command in ALL if page in TRAINING} | set(MODELS)
    for page, command in ALL:
        assert not is_trained(page, command) or command in run, (page, command)


@pytest.mark.parametrize(("page", "command"), [c for c in ALL if "kws " in c[1]])
def test_arguments_are_understood(page, command):
    found = re.search(r"(?:^|\| )kws (\w+)(.*?)(?: > .*| \| .*)?$", command)
    if found is None:
        return  # a path, such as kws/models
    parser = argparse.ArgumentParser(exit_on_error=False)
    verb_of(found.group(1)).configure(parser)
    parser.parse_args(shlex.split(found.group(2)))


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (page, number)
        for page in PAGES
        if page not in PYTHON_NOT_RUN
        for number, block in enumerate(
            b for b in BLOCK.findall((ROOT / page).read_text()) if b[0] == "python"
        )
    ],
)
def test_python_examples(page, number, tmp_path):
    blocks = [text for kind, text in BLOCK.findall((ROOT / page).read_text()) if kind == "python"]
    subprocess.run([sys.executable, "-c", blocks[number]], check=True, cwd=tmp_path)


@pytest.mark.parametrize(
    "command",
    sorted({c for page, c in ALL if not is_listed(c) and not is_trained(page, c)}),
)
def test_commands_of_the_device(command, place, monkeypatch):
    monkeypatch.chdir(place)
    words = shlex.split(command)
    assert words[0] == "kws", f"{command}: run it, or list it with the reason why not"
    if "--compare" in words:  # of a benchmark before
        kws_here("bench", "--seconds", "0.3", "--json", "here.json")
    elif words[1] == "bench":
        words += ["--seconds", "0.3"]
    result = kws_here(*words[1:])
    # a busy machine may miss a budget of milliseconds: that is an answer, too
    assert result.returncode in ((0, 1) if "--budget-ms" in words else (0,)), result.stderr
    assert result.stdout


@pytest.fixture(scope="module")
def made(words, speech, word_images, make_word, tmp_path_factory):
    """A maker's folder: recordings, sounds with folds, noise, log-mel images, all made up."""
    soundfile = pytest.importorskip("soundfile")
    folder = tmp_path_factory.mktemp("maker")
    rng = np.random.default_rng(100)  # other words than those of the fixtures
    for name in ("recordings", "other_recordings"):
        shutil.copytree(words, folder / name)
        (folder / name / "rise").rename(folder / name / "lights")
        (folder / name / "fall").rename(folder / name / "music")
        (folder / name / "hey device").mkdir()
        for speaker in range(10):
            for take in range(3):
                path = folder / name / "hey device" / f"speaker{speaker}_nohash_{take}.wav"
                soundfile.write(path, make_word("rise", rng), 16000)
    for name, word in (("hey", "rise"), ("stop", "fall"), ("said", "rise")):
        shutil.copytree(words / word, folder / name)
    for name in ("speech", "other_speech"):
        shutil.copytree(speech, folder / name)
    talk = np.concatenate([soundfile.read(f)[0] for f in sorted(speech.glob("talk*.wav"))])
    # hours count by what was not heard before: no two minutes are the same samples
    room = np.concatenate([talk + rng.normal(0, 0.001, len(talk)) for _ in range(70)])
    soundfile.write(folder / "living_room.wav", room, 16000)
    (folder / "lights").mkdir()
    for name in ("lights/anna_nohash_0.wav", "your.wav", "yes.wav", "clip.wav", "long.wav"):
        soundfile.write(folder / name, make_word("rise", rng), 16000)
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
    images = {"x": word_images.images, "label": word_images.words, "speaker": word_images.speakers}
    np.savez(folder / "images.npz", **images)
    return folder


@pytest.fixture
def maker(made, tmp_path):
    """A copy of the maker's folder, with the models that pages name without making them."""
    shutil.copytree(made, tmp_path / "maker", copy_function=os.link)
    (tmp_path / "maker" / "demo").symlink_to(ROOT / "demo")
    return tmp_path / "maker"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", TRAINING)
def test_commands_that_train(page, maker, made_yamnet):
    # few words by machines: no engine need be installed here
    environment = {**os.environ, "KWS_YAMNET": str(made_yamnet), "PATH": "/nowhere"}

    def perform(command):
        arguments = shlex.split(command)[1:]
        if "--wake-word" in arguments:
            arguments += QUICK_WAKE_WORD
        elif "sounds" not in arguments:  # whose training takes seconds as it is
            arguments += QUICK.get(arguments[0], [])
        result = run(arguments, maker, environment)
        # the model of one epoch may well be worse than the old one: that is an answer too
        allowed = {0, 1} if arguments[0] == "compare" else {0}
        assert result.returncode in allowed, f"{command}: {result.stderr}"

    if page == "docs/evaluate.md":  # of models that other pages train
        for command in MODELS:
            perform(command)
        for name in ("old", "new"):
            shutil.copy(maker / "model.tflite", maker / f"{name}.tflite")
    for command in commands(page):
        if is_trained(page, command):
            perform(command)
            if page == "docs/train.md" and command.startswith("kws train"):
                shutil.copy(maker / "model.tflite", maker / "old.tflite")
