"""`kws train --wake-word`, and what it makes of folders."""

import json
import re
import shutil
import zipfile

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.errors import KwsError
from kws.modelfile import read_model
from kws_training.cli.train_wake_words import folders_of
from kws_training.data.unlabelled import find_speech

from ...conftest import kws_alone
from ...conftest import kws_here as kws


@pytest.fixture(scope="module")
def trained(words, speech, tiny_base, tmp_path_factory):
    """A model of the phrase "rise", its positives in one flat folder, one of them damaged."""
    folder = tmp_path_factory.mktemp("wake")
    positives = folder / "positives"
    shutil.copytree(words / "rise", positives)
    (positives / "cut.wav").write_bytes((positives / "speaker0_nohash_0.wav").read_bytes()[:30])
    output = folder / "model.tflite"
    done = kws(
        "train",
        "--wake-word",
        "rise",
        "--positives",
        positives,
        "--negatives",
        words,
        speech,
        "--base",
        tiny_base,
        "--output",
        output,
        "--steps",
        20,
        "--ensemble",
        1,
        "--synthesize",
        0,
        "--false-accepts-per-hour",
        2,
        "--learning-curve",
        "--rare-voices",
    )
    assert done.returncode == 0, done.stderr
    return output, done


def test_it_says_what_it_did(trained):
    output, done = trained
    assert "rise: threshold" in done.stdout
    assert "95 % intervals" in done.stdout
    assert f"wrote {output}" in done.stdout
    # words has a folder "rise"
    assert re.search(r"3\d of the negatives say a phrase", done.stderr)
    assert "cut.wav: " in done.stderr
    assert "damaged.wav: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(output.parent.glob("*.part"))


def test_the_file_is_a_model_of_wake_words(trained):
    output, _ = trained
    model = read_model(output)
    assert (model.metadata.task, model.metadata.labels) == ("wake-words", ("rise",))
    with zipfile.ZipFile(output) as archive:
        contract = json.loads(archive.read("kws.json"))
    assert contract["provenance"]["recordings"]["rise"]["people"] == 27
    (source,) = contract["provenance"]["sources"]  # no manifest says where they come from
    assert (source["source"], source["licence"]) == ("not stated", "not stated")
    assert source["recordings"] > 30
    assert contract["provenance"]["synthesized_by"] == []
    assert contract["provenance"]["options"]["rare_voices"] is True
    curve = contract["provenance"]["learning_curve"]
    assert [point["recordings"] for point in curve] == sorted({p["recordings"] for p in curve})
    assert all(point["clips"] + point["recordings"] == 27 for point in curve)
    for point in model.metadata.operating_points:
        assert point.recordings == 3  # of one speaker of ten
        assert point.hours > 0
        low, high = point.miss_rate_interval
        assert low <= point.miss_rate <= high
    targets = {point.threshold for point in model.metadata.operating_points}
    assert model.metadata.detector.thresholds["rise"] in targets


def test_the_runtime_runs_it(trained, words):
    spotter = KeywordSpotter.load(trained[0], thresholds={"rise": 0.0})
    samples, _ = soundfile.read(words / "rise" / "speaker1_nohash_0.wav", dtype="float32")
    scores = spotter.posteriors(np.concatenate([samples, np.zeros(16000, np.float32)]))
    assert scores.shape[1] == 1
    assert ((scores >= 0) & (scores < 1)).all()


@pytest.mark.slow
def test_two_phrases_taught_by_two_networks(words, speech, tiny_base, tmp_path):
    output = tmp_path / "two.tflite"
    done = kws(
        "train",
        "--wake-word",
        "rise",
        "--wake-word",
        "fall",
        "--positives",
        words,
        "--negatives",
        speech,
        "--base",
        tiny_base,
        "--output",
        output,
        "--steps",
        150,
        "--ensemble",
        2,
        "--synthesize",
        0,
        "--precision",
        "float32",
    )
    assert done.returncode == 0, done.stderr
    assert "network 2 of 2" in done.stderr
    model = read_model(output)
    assert model.metadata.labels == ("rise", "fall")
    spotter = KeywordSpotter(model)
    highest = {}
    for word in ("rise", "fall"):
        samples, _ = soundfile.read(words / word / "speaker1_nohash_0.wav", dtype="float32")
        stream = np.concatenate([np.zeros(16000, np.float32), samples, np.zeros(8000, np.float32)])
        highest[word] = spotter.posteriors(stream).max(axis=0)
    assert highest["rise"].argmax() == 0
    assert highest["fall"].argmax() == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--wake-word", "a"], "--negatives"),
        (["--wake-word", "_a_", "--negatives", "."], "underscores"),
        (["--wake-word", "a", "--wake-word", "a", "--negatives", "."], "different"),
        (["--wake-word", "a", "--positives", "nowhere", "--negatives", "."], "nowhere"),
        (["--wake-word", "a", "--negatives", ".", "--steps", "1"], "--steps"),
        (["--wake-word", "a", "--negatives", ".", "--crossings", "1.1"], "must be 0 to 1"),
        (["--wake-word", "a", "--data", "."], "--data"),
        (
            ["--wake-word", "a", "--negatives", ".", "--frozen-base", "--precision", "float32"],
            "--frozen-base",
        ),
        (["--positives", "."], "--wake-word"),
        ([], "--data"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(arguments, reason, tmp_path):
    done = kws("train", "--output", tmp_path / "m.tflite", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_without_an_engine_it_says_what_to_install(words, speech, tmp_path, monkeypatch):
    monkeypatch.setattr("kws_training.synthesis.engines.installed", lambda *_: [])
    arguments = "--wake-word", "rise", "--positives", words, "--negatives", speech
    done = kws("train", *arguments, "--output", tmp_path / "m.tflite")
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert "no text-to-speech engine" in last
    assert "apt-get install espeak-ng" in last
    assert "--synthesize 0" in last
    assert not list(tmp_path.iterdir())


def test_folders_of_phrases(tmp_path):
    for name in ("hey_device", "Stop!", "other"):
        (tmp_path / "all" / name).mkdir(parents=True)
    (tmp_path / "flat").mkdir()
    every, flat = tmp_path / "all", tmp_path / "flat"
    assert folders_of(["hey device"], [[every]]) == [[every / "hey_device"]]
    assert folders_of(["hey device"], [[flat], [every]]) == [[flat, every / "hey_device"]]
    both = [[every / "hey_device"], [every / "Stop!"]]
    assert folders_of(["hey device", "stop"], [[every]]) == both
    assert folders_of(["hey device", "stop"], [[every], [flat]]) == [both[0], [flat]]
    assert folders_of(["a", "b"], []) == [[], []]
    with pytest.raises(KwsError, match="no sub-folder"):
        folders_of(["hey device", "go"], [[every]])
    with pytest.raises(KwsError, match="2 times for 3"):
        folders_of(["a", "b", "c"], [[every], [flat]])


def test_who_speaks_in_recordings_without_words(tmp_path):
    for name in ("anna_nohash_0.wav", "b.wav", "deep/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.zeros(160), 16000)
    (tmp_path / "manifest.csv").write_text("path,label,speaker,end\ndeep/c.wav,hi,carl,0.5\n")
    clips = {clip.path.name: clip for clip in find_speech([tmp_path])}
    assert clips["anna_nohash_0.wav"].speaker == "anna"
    assert clips["b.wav"].speaker.endswith("b.wav")
    assert clips["c.wav"].speaker == "carl"
    assert clips["c.wav"].columns == {"speaker": "carl", "end": "0.5", "label": "hi"}


@pytest.mark.slow
def test_the_same_bytes_by_any_number_of_processes(words, speech, tiny_base, tmp_path):
    """Networks of an ensemble, their verifier, and what is listened to."""
    found = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        done = kws_alone(  # whatever others have computed here
            *("train", "--wake-word", "rise", "--positives", words / "rise"),
            *("--negatives", words, speech, "--base", tiny_base, "--steps", 20, "--ensemble", 2),
            *("--synthesize", 0, "--verifier", "elder"),
            *("--jobs", jobs, "--output", folder / "model.tflite"),
            KWS_CACHE=str(folder / "cache"),
        )
        assert done.returncode == 0, done.stderr
        found.append((folder / "model.tflite").read_bytes())
        assert ("network 2: round 4/4" in done.stderr) == (jobs == 2)
    assert found[0] == found[1]
