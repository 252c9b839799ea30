"""The verbs evaluate and compare, as processes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.modelfile import read_model, write_model

from ...conftest import kws_here as kws

MODEL = Path(__file__).resolve().parents[3] / "kws" / "models" / "commands.tflite"


def relabelled(path, **names):
    """Write the model in the package with other labels; heard is what was not said, then."""
    model = read_model(MODEL)
    metadata = model.metadata
    thresholds = metadata.detector.thresholds
    metadata = replace(
        metadata,
        labels=tuple(names.get(label, label) for label in metadata.labels),
        detector=replace(
            metadata.detector,
            thresholds={names.get(keyword, keyword): t for keyword, t in thresholds.items()},
        ),
        operating_points=(),
    )
    write_model(path, model.network, metadata)
    return path


@pytest.fixture(scope="module")
def hiss(tmp_path_factory):
    """Twelve recordings of faint noise by two microphones, and one that is damaged."""
    folder = tmp_path_factory.mktemp("hiss")
    (folder / "_silence_").mkdir()
    rng = np.random.default_rng(0)
    rows = ["path,label,speaker,microphone"]
    for n in range(12):
        name = f"_silence_/room{n % 3}_nohash_{n}.wav"
        soundfile.write(folder / name, rng.normal(0, 0.002, 16000), 16000)
        rows.append(f"{name},_silence_,room{n % 3},{'near' if n % 2 else 'far'}")
    (folder / "_silence_" / "room0_nohash_99.wav").write_bytes(b"RIFF")
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def test_evaluate_by_speaker_with_a_report(hiss, tmp_path):
    command = ("evaluate", MODEL, "--data", hiss, "--group-by", "speaker")
    done = kws(*command, "--json", "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["group_by"] == "speaker"
    assert [group["clips"] for group in figures["groups"]] == [4, 4, 4]
    assert all(group["few"] for group in figures["groups"])
    assert figures["clips"] == 12
    assert len(figures["skipped"]) == 1
    inside = json.loads((tmp_path / "report" / "report.json").read_text())
    assert inside.pop("mistakes") == []
    assert inside == figures
    assert "index.html" in done.stderr
    text = kws(*command)
    assert "accuracy 100.0% of 12 clips" in text.stdout
    assert "room1" in text.stdout
    assert "room0_nohash_99.wav" in text.stdout


def test_evaluate_by_a_column_of_the_manifest(hiss):
    done = kws("evaluate", MODEL, "--data", hiss, "--group-by", "microphone", "--json")
    assert done.returncode == 0, done.stderr
    groups = json.loads(done.stdout)["groups"]
    assert {group["group"]: group["clips"] for group in groups} == {"far": 6, "near": 6}


def test_errors_are_a_line_and_status_2(hiss, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    data = ("--data", hiss)
    for arguments, reason in (
        (("evaluate", MODEL, *data, "--group-by", "mood"), "there are speaker, word, microphone"),
        (("evaluate", MODEL, *data, "--report", tmp_path), "mine.txt"),
        (("compare", MODEL, tmp_path / "mine.txt", *data), "mine.txt"),
        (("compare", MODEL, tmp_path / "no.tflite", *data, "--debug"), "no.tflite"),
        (("compare", MODEL, MODEL, *data, "--alpha", "0"), "alpha"),
    ):
        done = kws(*arguments)
        assert done.returncode == 2, done.stderr
        assert reason in done.stderr
        if "--debug" not in arguments:
            assert len(done.stderr.splitlines()) == 1
        assert done.stdout == ""


def test_compare_a_model_with_itself_and_with_a_worse_one(hiss, tmp_path):
    same = kws("compare", MODEL, MODEL, "--data", hiss)
    assert same.returncode == 0, same.stderr
    assert "new is not worse" in same.stdout
    assert "12 clips are too few" in same.stdout
    swap = {"_silence_": "_unknown_", "_unknown_": "_silence_"}
    worse = relabelled(tmp_path / "worse.tflite", **swap)
    done = kws("compare", MODEL, worse, "--data", hiss)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("new is worse: -100.0 points (12 clips lost")
    assert "room0_nohash_99.wav" in done.stdout
    done = kws("compare", MODEL, worse, "--data", hiss, "--json")
    assert done.returncode == 1
    assert "new is worse" in done.stderr
    values = json.loads(done.stdout)
    assert values["worse"] is True
    assert values["p_value"] == pytest.approx(2 / 2**12)
    assert values["p_worse"] == pytest.approx(1 / 2**12)
    assert values["classes"]["_silence_"]["only_old"] == 12
    better = kws("compare", worse, MODEL, "--data", hiss)
    assert better.returncode == 0


def test_compare_models_with_nothing_in_common(hiss, tmp_path):
    keywords = read_model(MODEL).metadata.keywords
    other = relabelled(tmp_path / "other.tflite", **{word: f"not {word}" for word in keywords})
    done = kws("compare", MODEL, other, "--data", hiss)
    assert done.returncode == 2
    assert "share no keyword" in done.stderr


@pytest.mark.data
def test_worse_at_one_word(shared, tmp_path):
    for word in ("yes", "stop"):
        (tmp_path / "data" / word).mkdir(parents=True)
        for path in sorted((shared / "audio" / "speech_commands" / word).iterdir())[:12]:
            (tmp_path / "data" / word / path.name).symlink_to(path)
    worse = relabelled(tmp_path / "worse.tflite", yes="no", no="yes")
    done = kws("compare", MODEL, worse, "--data", tmp_path / "data", "--json")
    assert done.returncode == 1, done.stderr
    classes = json.loads(done.stdout)["classes"]
    assert classes["yes"]["only_old"] >= 10
    assert classes["stop"]["only_old"] == classes["stop"]["only_new"] == 0
    done = kws("evaluate", MODEL, "--data", tmp_path / "data", "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "index.html").is_file()


def test_labels_that_do_not_fit_are_said(tmp_path):
    rng = np.random.default_rng(0)
    for word in ("Yes", "NO ", "stop"):
        (tmp_path / "data" / word).mkdir(parents=True)
        soundfile.write(tmp_path / "data" / word / "1.wav", rng.normal(0, 0.01, 16000), 16000)
    done = kws("evaluate", MODEL, "--data", tmp_path / "data", "--json")
    assert done.returncode == 0, done.stderr
    classes = json.loads(done.stdout)["classes"]
    counts = {label: one["clips"] for label, one in classes.items()}
    assert {label: n for label, n in counts.items() if n} == {"yes": 1, "no": 1, "stop": 1}
    assert "'Yes' is taken for the label 'yes'" in done.stderr
    assert "'NO ' is taken for the label 'no'" in done.stderr
    # words that are no keyword at all are unknown words, which is said
    for word in ("Yes", "NO ", "stop"):
        (tmp_path / "data" / word).rename(tmp_path / "data" / f"{word.strip()}_2")
    done = kws("evaluate", MODEL, "--data", tmp_path / "data")
    assert "none of the words NO_2, Yes_2, stop_2 is a keyword of the model" in done.stderr


def test_a_recording_twice_counts_once(tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.01, 16000)
    for name in ("yes/1.wav", "yes/2.wav", "no/3.wav", "stop/4.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        level = 0.5 if name == "stop/4.wav" else 1
        soundfile.write(tmp_path / name, level * samples, 16000)
    done = kws("evaluate", MODEL, "--data", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of 1 clips" in done.stdout
    assert "3.wav: is the same recording as" in done.stdout
    assert "but of 'no' and not of 'yes'" in done.stdout


def test_a_keyword_with_a_comma_can_be_named(tmp_path):
    model = relabelled(tmp_path / "m.tflite", yes="yes, please")
    (tmp_path / "data" / "yes, please").mkdir(parents=True)
    samples = np.random.default_rng(0).normal(0, 0.01, 16000)
    soundfile.write(tmp_path / "data" / "yes, please" / "1.wav", samples, 16000)
    done = kws("evaluate", model, "--data", tmp_path / "data", "--keywords", '"yes, please",no')
    assert done.returncode == 0, done.stderr
    assert "yes, please" in done.stdout
