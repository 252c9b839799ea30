"""A model of the package goes by its name wherever a verb wants a model, on all three sides."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kws.cli.main import main
from kws.errors import KwsError
from kws.packaged import NAMES
from kws.wav import write_wav

NOWHERE = "no-such-model"
HINT = f"{NOWHERE}: cannot be read (No such file or directory): check the path, or name a model "

#: Each verb that wants a model, and each argument that does: M stands for the model.
DEVICE = {
    "spot": "spot --model M clip.wav",
    "classify": "classify --model M clip.wav",
    "listen": "listen --model M",
    "enroll": "enroll --model M --positives clips --output out.tflite",
    "calibrate": "calibrate M --ambient clip.wav --output out.tflite",
    "inspect": "inspect M",
    "bench": "bench M --seconds 0.1",
}
TRAINING = {
    "evaluate": "evaluate M --data words",
    "evaluate streams": "evaluate M --positives words --negatives clips",
    "compare old": "compare M words --data words",
    "compare new": "compare words M --data words",
    "sweep": "sweep M --positives words --negatives clips",
    "train": "train --extractor words --base M --data words --output out.tflite",
    "train wake word": "train --wake-word hi --base M --negatives clips --output out.tflite",
    "pretrain": "pretrain --start M --data words --noise clips --synthesize 0 --output out.tflite",
    "pretrain for enrolment": "pretrain --start M --enrolment-only --speech clips --noise clips "
    "--output out.tflite",
}
DEPLOY = {
    "distill": "distill M --data words --noise clips --output out.tflite",
    "prune": "prune M --keep 0.5 --data words --noise clips --output out.tflite",
    "quantize": "quantize M --calibration clips",
    "check": "check M --against commands --data words",
    "check against": "check commands --against M --data words",
    "check float": "check commands --against commands --data words --float M",
    "export c": "export M --to c --output out",
    "export onnx": "export M --to onnx --audio clips --output out.onnx",
}
VERBS = {**DEVICE, **TRAINING, **DEPLOY}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a clip, a folder of clips, and one of two words by four speakers."""
    rng = np.random.default_rng(0)
    names = ["clip.wav", *(f"clips/{n}.wav" for n in range(3))]
    names += [f"words/{word}/s{n}_nohash_0.wav" for word in ("yes", "no") for n in range(4)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(tmp_path / name, rng.integers(-3000, 3000, 16000).astype(np.int16), 16000)
    monkeypatch.chdir(tmp_path)
    microphone = SimpleNamespace(sample_rate=16000)
    monkeypatch.setattr("kws.lasting_microphone.LastingMicrophone", lambda *_: microphone)
    return tmp_path


class ReachedError(KwsError):
    """Raised where the work begins: the model was found."""


@pytest.fixture
def stopped(monkeypatch):
    """Stop each verb where its work begins, after the models are read."""

    def stop(*arguments, **options):
        raise ReachedError("found")

    for where in (
        "kws.cli.detections.KeywordSpotter",
        "kws.enrolment.enroll.enroll",
        "kws.cli.calibrate.Ambient",
        "kws.cli.inspect.describe",
        "kws.cli.bench.run",
        "kws_training.evaluation.evaluate.open_model",
        "kws_training.cli.train_commands.import_tensorflow",
        "kws_training.cli.train_wake_words.import_tensorflow",
        "kws_training.cli.pretrain.import_tensorflow",
        "kws_training.word_base.projection.with_enrolment",
        "kws_deploy.cli.distill.import_tensorflow",
        "kws_deploy.pruning.prune",
        "kws_deploy.quantization.pipeline.open_source",
        "kws_deploy.check.judging.judge_labelled",
        "kws_deploy.c.export.export_c",
        "kws_deploy.onnx.export.export_onnx",
    ):
        monkeypatch.setattr(where, stop)


def arguments(verb: str, model: str) -> list[str]:
    return [model if word == "M" else word for word in VERBS[verb].split()]


@pytest.mark.parametrize("verb", VERBS)
def test_a_model_that_is_nowhere_is_told_the_names_of_those_in_the_package(place, capsys, verb):
    if verb not in DEVICE:
        pytest.importorskip("tensorflow")
    before = sorted(place.iterdir())
    assert main(arguments(verb, NOWHERE)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error == (
        f"kws: {HINT}of the package ({', '.join(NAMES)}) or of the Hugging Face Hub (org/name)"
    )
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_is_enough(place, capsys, stopped, verb):
    if verb not in DEVICE:
        pytest.importorskip("tensorflow")
    assert main(arguments(verb, "words")) == 2
    found = "found"
    if verb == "check float":  # every model of the package is quantized
        found = "words.tflite: is quantized: --float takes the float model"
    assert capsys.readouterr().err.strip().splitlines()[-1] == f"kws: {found}"


def test_pack_takes_the_network_of_a_model_in_the_package(place, capsys):
    pytest.importorskip("tensorflow")
    assert main(["pack", "commands", "--template"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"]


def test_calibrate_does_not_write_into_the_package(place, capsys):
    assert main(["calibrate", "commands", "--ambient", "clip.wav"]) == 2
    assert "stays as it is: name the file to write with --output" in capsys.readouterr().err
    assert not Path("commands").exists()
