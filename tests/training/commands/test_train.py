"""The main job as a process: recordings and weights in, a model file out, figures."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.cli.main import main
from kws.frontend import DC_FRAMES, SPEECH, WORDS, YAMNET, JoinedConfig
from kws.modelfile import pack, read_model
from kws.packaged import packaged_model
from kws_training.networks.word_base import read_base

from ...conftest import kws_alone
from ...conftest import kws_here as kws


@pytest.fixture(scope="module")
def trained(words, speech, made_yamnet, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (words / "rise" / "speaker1_nohash_9.wav").write_bytes(b"RIFF damaged")
    output = folder / "model.tflite"
    command = (
        "train",
        "--data",
        words,
        "--extractor",
        "yamnet",
        "--yamnet",
        made_yamnet,
        "--output",
        output,
        "--epochs",
        "3",
        "--copies",
        "2",
        "--hold-out",
        "0.4",
        "--seed",
        "1",
        "--negatives",
        speech,
    )
    return output, command, kws_alone(*command)


def test_train_says_what_it_did(trained):
    output, _, result = trained
    assert result.returncode == 0, result.stderr
    assert "accuracy on validation speakers" in result.stdout
    assert "accuracy on held-out speakers" in result.stdout
    assert f"wrote {output}" in result.stdout
    assert "skipped: " in result.stderr
    assert "speaker1_nohash_9.wav" in result.stderr
    assert "damaged.wav" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in output.parent.iterdir()] == ["model.tflite"]


def test_model_file_carries_its_contract(trained):
    output, *_ = trained
    with zipfile.ZipFile(output) as archive:
        contract = json.loads(archive.read("kws.json"))
    assert contract["labels"] == ["_silence_", "_unknown_", "fall", "rise"]
    assert contract["front_end"]["bands"] == 64
    assert contract["provenance"]["options"]["tap"] == 6
    assert {point["keyword"] for point in contract["operating_points"]} == {"fall", "rise"}


def test_model_tells_the_words_apart(trained, make_word):
    spotter = KeywordSpotter.load(trained[0])
    rng = np.random.default_rng(99)
    right = [
        spotter.classify(make_word(kind, rng)).label == kind
        for kind in ("rise", "fall")
        for _ in range(10)
    ]
    assert np.mean(right) > 0.8


def test_evaluate(trained, words):
    result = kws("evaluate", trained[0], "--data", words, "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert set(report) == {"accuracy", "clips", "classes", "confusion", "skipped"}
    assert report["clips"] == 90
    assert report["accuracy"] > 0.8
    assert sum(map(sum, report["confusion"])) == 90
    assert len(report["confusion"]) == len(report["classes"])
    labels = list(report["classes"])
    for row, (label, figures) in zip(report["confusion"], report["classes"].items(), strict=True):
        assert figures["clips"] == sum(row)
        assert figures["recall"] == pytest.approx(row[labels.index(label)] / sum(row))
    assert "speaker1_nohash_9.wav" in report["skipped"][0]["file"]
    table = kws("evaluate", trained[0], "--data", words)
    assert "accuracy" in table.stdout
    assert "rise" in table.stdout


@pytest.mark.slow
def test_same_seed_same_model(trained, tmp_path):
    output, command, _ = trained
    again = tmp_path / "again.tflite"
    arguments = [again if argument == output else argument for argument in command]
    assert kws_alone(*arguments).returncode == 0
    assert read_model(again).network == read_model(output).network


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (["--output", "{tmp}/no/such/model.tflite"], "no such folder"),
        (["--data", "{tmp}/missing"], "no such folder"),
        (["--keywords", "rise,jump"], "jump: no recordings"),
        (["--yamnet", "{tmp}/missing.tflite"], "missing.tflite"),
        (["--tap", "15"], "layers 1 to 14"),
        (["--copies", "0"], "at least 1"),
        (["--epochs", "-1"], "at least 1"),
        (["--speaker-rule", "("], "speaker rule"),
        (["--noise", "{tmp}"], "no recordings in this folder"),
        (["--negatives", "{tmp}"], "no recordings in this folder"),
        (["--hold-out", "2"], "0 to 0.9"),
        (["--extractor", "words", "--base", "{tmp}/missing.tflite"], "missing.tflite"),
        (["--extractor", "neither"], "invalid choice"),
    ],
)
def test_bad_arguments(words, made_yamnet, tmp_path, change, reason):
    output = tmp_path / "model.tflite"
    change = [argument.format(tmp=tmp_path) for argument in change]
    result = kws("train", "--data", words, "--yamnet", made_yamnet, "--output", output, *change)
    assert result.returncode == 2
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    "choice", [pytest.param("words", marks=pytest.mark.slow), "both", "speech-words"]
)
def test_other_extractors(
    words, made_yamnet, made_speech_embedding, tiny_base, make_word, tmp_path, capsys, choice
):
    output = tmp_path / "model.tflite"
    command = [
        "train",
        "--data",
        words,
        "--extractor",
        choice,
        "--base",
        tiny_base,
        "--output",
        output,
        "--epochs",
        "2",
        "--copies",
        "2",
        "--hold-out",
        "0.3",
    ]
    if choice == "both":
        command += ["--yamnet", made_yamnet]
    elif choice == "speech-words":
        command += ["--speech-embedding", made_speech_embedding]
    else:
        command += ["--learning-curve"]
    assert main([str(argument) for argument in command]) == 0
    shown = capsys.readouterr()
    assert "accuracy on held-out speakers" in shown.out
    assert "Traceback" not in shown.err
    model = read_model(output)
    provenance = model.metadata.provenance
    base = read_base(tiny_base)
    assert provenance["options"]["extractor"] == choice
    assert base.digest in provenance["extractor_digest"]
    if choice == "both":
        assert model.metadata.front_end == JoinedConfig(
            (dataclasses.replace(YAMNET, dc_frames=DC_FRAMES), WORDS)
        )
        assert "YAMNet, tap 6 and word base" in provenance["extractor"]
    elif choice == "speech-words":
        assert model.metadata.front_end == JoinedConfig(
            (dataclasses.replace(SPEECH, dc_frames=DC_FRAMES), WORDS)
        )
        assert "Google's speech embedding and word base" in provenance["extractor"]
    else:
        assert model.metadata.front_end == WORDS
        points = provenance["learning_curve"]
        counts = [point["recordings"] for point in points]
        assert len(points) >= 2
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]
        assert all(0 <= point["accuracy"] <= 1 and point["clips"] > 0 for point in points)
    # as a stream, in chunks of any size, it hears the same
    rng = np.random.default_rng(5)
    samples = np.concatenate([make_word(kind, rng) for kind in ("rise", "shake", "fall")])
    spotters = [KeywordSpotter(model) for _ in range(2)]
    whole = spotters[0].process(samples)
    parts = [one for part in np.array_split(samples, 37) for one in spotters[1].process(part)]
    assert parts == whole
    right = [
        spotters[0].classify(make_word(kind, rng)).label == kind
        for kind in ("rise", "fall")
        for _ in range(10)
    ]
    assert np.mean(right) > 0.6


def test_a_file_that_is_no_word_base(words, tmp_path, capsys):
    other = tmp_path / "other.tflite"
    model = packaged_model()
    other.write_bytes(pack(model.network, dataclasses.replace(model.metadata, provenance={})))
    arguments = (
        "train",
        "--data",
        words,
        "--extractor",
        "words",
        "--base",
        other,
        "--output",
        tmp_path / "model.tflite",
    )
    assert main([str(argument) for argument in arguments]) == 2
    assert f"{other}: is no word base" in capsys.readouterr().err
    assert not (tmp_path / "model.tflite").exists()


def test_one_class_only(tmp_path, made_yamnet):
    (tmp_path / "data" / "yes").mkdir(parents=True)
    soundfile.write(tmp_path / "data" / "yes" / "1.wav", np.zeros(16000), 16000)
    result = kws(
        "train",
        "--data",
        tmp_path / "data",
        "--yamnet",
        made_yamnet,
        "--output",
        tmp_path / "model.tflite",
    )
    assert result.returncode == 2
    assert "one class only (yes)" in result.stderr
    assert result.stderr.count("\n") == 1
