"""The word base is trained: in memory, stopped and gone on with, and by the command line."""

import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.cli.main import main
from kws.frontend import WORDS
from kws.modelfile import pack
from kws_training.data.dataset import DataError
from kws_training.networks.word_base import BaseShape, read_base
from kws_training.synthesis.utterances import SYNTHETIC
from kws_training.word_base import fit as module
from kws_training.word_base.data import WordBaseSources
from kws_training.word_base.defaults import FitConfig, WordBaseOptions
from kws_training.word_base.train import train as train_base

from ...conftest import kws_here
from .test_data import images

SHAPE = BaseShape(stem=4, width=12, features=16, fine=(3,), coarse=(5, 5), pool=3)
CONFIG = FitConfig(epochs=12, batch=16, phonemes=0.0)


def train(words, noise, folder, synthesized=None, left_out=(), **options):
    config = dataclasses.replace(CONFIG, **options)
    chosen = WordBaseOptions(left_out=tuple(left_out), validation=0.1, shape=SHAPE, fit=config)
    return train_base(WordBaseSources(words, synthesized, noise), chosen, folder)


@pytest.mark.slow
def test_left_out_words_synthesized_words_and_sets(word_images, noise_bank, tmp_path, capsys):
    """One training shows them all: what is in the file says what was trained on."""
    sets = np.where(word_images.speakers == "s1", "validation", "train")
    sets[word_images.speakers == "s2"] = "test"
    words = dataclasses.replace(word_images, sets=sets) + images("secret", 30, prefix="x")
    machines = images("machine", 6, prefix=SYNTHETIC) + images("secret", 6, prefix=SYNTHETIC)
    made = train(words, noise_bank, tmp_path, machines, ["secret"], epochs=1)
    model = made.model
    assert model.metadata.labels == ("_silence_", "_unknown_", "fall", "rise", "shake")
    assert model.metadata.front_end == WORDS
    said = model.metadata.provenance
    # 24 speakers less the one who validates and the one who tests, 12 images each
    assert said["images"] == {"people": 22 * 12, "synthesized": 6}
    assert said["speakers"] == 22
    assert said["left_out"] == ["secret"]
    assert made.images == 12
    assert 0 <= made.accuracy <= 1
    assert "264 images of 22 people and 6 synthesized ones to train, 12 to validate; 3 words" in (
        capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())  # the checkpoint is gone


def test_nobody_to_train_with(word_images, noise_bank, tmp_path):
    words = dataclasses.replace(word_images, sets=np.full(len(word_images.words), "validation"))
    with pytest.raises(DataError, match="two words"):
        train(words, noise_bank, tmp_path)


def test_it_learns_the_made_up_words(tiny_base, make_word):
    spotter = KeywordSpotter.load(tiny_base)
    rng = np.random.default_rng(9)
    kinds = [kind for kind in ("rise", "fall", "shake") for _ in range(8)]
    scores = [spotter.classify(make_word(kind, rng)).scores for kind in kinds]
    words = ("rise", "fall", "shake")
    heard = [max(words, key=lambda word, one=one: one[word]) for one in scores]
    right = np.mean([one == kind for one, kind in zip(heard, kinds, strict=True)])
    assert right > 0.6  # a third would be chance; it has a thousand weights


@pytest.mark.slow
def test_stopped_and_gone_on_with_it_is_the_same_file(
    word_images, noise_bank, tiny_base, tmp_path, monkeypatch, capsys
):
    said = module.note

    def stop(message: str) -> None:
        said(message)
        if message.startswith("epoch  2"):
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "note", stop)
    with pytest.raises(KeyboardInterrupt):
        train(word_images, noise_bank, tmp_path)
    (checkpoint,) = tmp_path.iterdir()
    assert checkpoint.suffix == ".npz"
    monkeypatch.setattr(module, "note", said)
    capsys.readouterr()
    made = train(word_images, noise_bank, tmp_path)
    shown = capsys.readouterr().err
    assert "going on after epoch 2" in shown
    assert "epoch  3/12" in shown
    assert "epoch  2/12" not in shown
    assert pack(made.model.network, made.model.metadata) == tiny_base.read_bytes()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"phonemes": 0.5, "connected": 4}, {"folded": True}])
def test_it_goes_on_from_another_base(word_images, noise_bank, tiny_base, tmp_path, options):
    start = read_base(tiny_base)
    config = dataclasses.replace(CONFIG, epochs=1, **options)
    other = BaseShape(stem=6, width=4, features=4, fine=(), coarse=(), pool=2)
    chosen = WordBaseOptions(validation=0.1, keywords=("fall", "rise"), shape=other, fit=config)
    made = train_base(WordBaseSources(word_images, None, noise_bank), chosen, tmp_path, start)
    path = tmp_path / "further.tflite"
    path.write_bytes(pack(made.model.network, made.model.metadata))
    further = read_base(path)
    assert further.shape == SHAPE  # that of the base, whatever is asked for
    assert further.model.metadata.keywords == ("fall", "rise")
    assert further.model.metadata.provenance["start_sha256"] == start.digest
    # an epoch from there, not anew: of a new network the mean weight would move by more than itself
    moved = np.abs(further.weights[0][0] - start.weights[0][0]).mean()
    assert 0 < moved < 0.5 * np.abs(start.weights[0][0]).mean()


# --- the command ---


@pytest.fixture(scope="module")
def data(word_images, make_word, tmp_path_factory):
    """A features file with sets, recordings, noise."""
    folder = tmp_path_factory.mktemp("data")
    sets = np.where(word_images.speakers == "s1", "validation", "training")
    np.savez(
        folder / "f.npz",
        x=word_images.images,
        label=word_images.words,
        speaker=word_images.speakers,
        set=sets,
    )
    rng = np.random.default_rng(0)
    (folder / "noise").mkdir()
    soundfile.write(folder / "noise" / "hiss.wav", rng.normal(0, 0.02, 32000), 16000)
    for word in ("rise", "shake"):
        (folder / "words" / word).mkdir(parents=True)
        for take in range(2):
            name = folder / "words" / word / f"r1_nohash_{take}.wav"
            soundfile.write(name, make_word(word, rng), 16000)
    (folder / "words" / "rise" / "r2_nohash_0.wav").write_bytes(b"RIFF damaged")
    (folder / "short").mkdir()
    soundfile.write(folder / "short" / "click.wav", rng.normal(0, 0.02, 100), 16000)
    return folder


def command(data, output, *more):
    return [
        str(argument)
        for argument in (
            "pretrain",
            "--features",
            data / "f.npz",
            "--noise",
            data / "noise",
            "--synthesize",
            "0",
            "--epochs",
            "2",
            "--output",
            output,
            *more,
        )
    ]


def test_the_command_line(data, tmp_path):
    output = tmp_path / "base.tflite"
    more = (
        *("--data", data / "words", "--negatives", data / "noise", "--leave-out", "shake"),
        *("--speech", data / "words"),
    )
    result = kws_here(*command(data, output, *more))
    assert result.returncode == 0, result.stderr
    assert "epoch  2/2" in result.stderr
    assert "r2_nohash_0.wav" in result.stderr
    assert "Traceback" not in result.stderr
    first, second = result.stdout.splitlines()
    assert first.startswith("validation: ")
    assert first.endswith("images of other speakers")
    assert second.startswith(f"wrote {output} (")
    assert [path.name for path in tmp_path.iterdir()] == ["base.tflite"]
    base = read_base(output)
    assert base.shape == BaseShape()
    assert base.model.metadata.keywords == ("fall", "rise")
    assert base.model.metadata.provenance["left_out"] == ["shake"]
    assert base.model.metadata.arrays["projection.npy"].ndim == 2  # kws enroll can start from it
    assert output.stat().st_size < 300_000


@pytest.mark.slow
def test_with_a_teacher(data, speech, made_speech_embedding, tiny_base, tmp_path, capsys):
    output = tmp_path / "base.tflite"
    teacher = ("--teacher", "speech", "--teacher-data", speech)
    weights = ("--speech-embedding", made_speech_embedding)
    more = ("--start", tiny_base, "--epochs", "1")
    assert main(command(data, output, *teacher, *weights, *more)) == 0
    assert "the teacher heard 0.0 hours" in capsys.readouterr().err
    base = read_base(output)
    assert 0 < base.model.metadata.provenance["taught_hours"] < 0.1
    assert base.model.metadata.provenance["start_sha256"] == read_base(tiny_base).digest


@pytest.mark.slow
def test_stopped_by_control_c_and_started_again(data, tmp_path):
    environment = {**os.environ, "KWS_CACHE": str(tmp_path / "cache")}
    output, whole = tmp_path / "base.tflite", tmp_path / "whole.tflite"
    process = subprocess.Popen(
        [sys.executable, "-m", "kws", *command(data, output)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # a shell in the background has its processes ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stderr:
        if line.startswith("epoch  1/2"):
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait() == 130
    assert rest.splitlines()[-1] == "kws: stopped"
    assert not output.exists()
    again, uninterrupted = (
        subprocess.run(
            [sys.executable, "-m", "kws", *command(data, path)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        for path in (output, whole)
    )
    assert again.returncode == uninterrupted.returncode == 0, again.stderr
    assert "going on after epoch 1" in again.stderr
    assert "going on" not in uninterrupted.stderr
    assert output.read_bytes() == whole.read_bytes()
    assert not list((tmp_path / "cache" / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (["--output", "{tmp}/no/such.tflite"], "no such folder"),
        (["--output", "{tmp}"], "is a folder"),
        (["--features", "{tmp}/missing.npz"], "missing.npz"),
        (["--noise", "{tmp}/missing"], "missing: no such folder"),
        (["--speech", "{tmp}/missing"], "missing: no such folder"),
        (["--enrolment-only"], "give --start, the word base, and --speech"),
        (["--teacher", "speech"], "--teacher and --teacher-data: give both"),
        (["--teacher-data", "{tmp}"], "--teacher and --teacher-data: give both"),
        (["--data", "{tmp}/missing"], "no such folder"),
        (["--epochs", "0"], "--epochs must be at least 1"),
        (["--synthesize", "-1"], "--synthesize 0 to 1000"),
        (["--validation", "2"], "0 to 0.9"),
        (["--seed", "-1"], "seed"),
        (["--leave-out", "rise,jump"], "--leave-out jump: there is no such word"),
        (["--leave-out", "rise,fall"], "two words said by 20 people"),
    ],
)
def test_bad_arguments(data, tmp_path, capsys, change, reason):
    output = tmp_path / "base.tflite"
    arguments = command(data, output, *(one.format(tmp=tmp_path) for one in change))
    try:
        status = main(arguments)
    except SystemExit as error:
        status = error.code
    error = capsys.readouterr().err.splitlines()
    assert status == 2, error
    assert reason in error[-1]
    assert error[-1].startswith("kws")
    assert not list(tmp_path.iterdir())


def test_without_words_or_with_too_short_noise(data, tmp_path, capsys):
    output = tmp_path / "base.tflite"
    noise = ["--noise", str(data / "noise")]
    assert main(["pretrain", *noise, "--output", str(output)]) == 2
    assert "give --features, --data or both" in capsys.readouterr().err
    arguments = ["--features", str(data / "f.npz"), "--synthesize", "0", "--output", str(output)]
    assert main(["pretrain", "--noise", str(data / "short"), *arguments]) == 2
    assert "too short" in capsys.readouterr().err
