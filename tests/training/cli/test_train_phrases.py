"""`kws train --phrases`: a model for each phrase of a list, and one report of all."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from kws.errors import KwsError
from kws_training.cli import train_phrases
from kws_training.cli.phrase_list import ListedPhrase, read_phrases

from ...conftest import kws_alone
from ...conftest import kws_here as kws


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_list_of_phrases(tmp_path):
    path = write(tmp_path / "p.yaml", "- hey device\n- computer\n")
    assert read_phrases(path) == [ListedPhrase("hey device"), ListedPhrase("computer")]
    path = write(
        tmp_path / "p.yaml",
        "hey device:\n  positives: said/hey\n  language: de\n  synthesize: 20\n"
        "computer:\n  positives:\n    - a\n    - b\nstop: {}\n",
    )
    assert read_phrases(path) == [
        ListedPhrase("hey device", (tmp_path / "said/hey",), "de", 20),
        ListedPhrase("computer", (tmp_path / "a", tmp_path / "b")),
        ListedPhrase("stop"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}\n", "no phrases: write one a line"),
        ("a:\n  recordings: x\n", "line 2: 'recordings': a phrase has positives"),
        ("a: x\n", "line 1: 'a': write positives: FOLDER"),
        ("a:\n  synthesize: many\n", "line 2: synthesize 'many': is no number"),
        ("- a\n-\n  - b\n", "line "),
    ],
)
def test_what_is_no_list_is_refused(text, reason, tmp_path):
    with pytest.raises(KwsError, match=reason):
        read_phrases(write(tmp_path / "p.yaml", text))
    with pytest.raises(KwsError, match=r"missing\.yaml: cannot be read"):
        read_phrases(tmp_path / "missing.yaml")


@pytest.fixture
def matrix(tmp_path, words, speech, monkeypatch):
    """Runs the command on two phrases; what would train writes down what it was told."""
    said = []

    def train(job):
        said.append(job.config)
        phrase = job.config.wake_words[0]
        job.config.output.write_bytes(phrase.encode())
        point = {
            "keyword": phrase,
            "threshold": 0.5,
            "false_accepts_per_hour": 0.1,
            "hours": 2.0,
            "miss_rate": 0.25 if phrase == "rise" else None,
            "recordings": 20,
        }
        found = {
            "key": job.key,
            "phrase": phrase,
            "model": job.config.output.name,
            "sha256": hashlib.sha256(phrase.encode()).hexdigest(),
            "thresholds": {phrase: 0.5},
            "operating_points": [point],
        }
        job.result.write_text(json.dumps(found))

    monkeypatch.setattr(train_phrases, "train_phrase", train)
    listed = write(tmp_path / "p.yaml", f"rise:\n  positives: {words / 'rise'}\nfall down: {{}}\n")

    def run(*more):
        said.clear()
        done = kws(
            *("train", "--phrases", listed, "--negatives", speech, "--output", tmp_path / "out"),
            *more,
        )
        return done, [config.wake_words[0] for config in said], list(said)

    return run, tmp_path / "out"


def test_one_model_each_and_one_report(matrix):
    run, folder = matrix
    done, trained, configs = run("--steps", 30, "--jobs", 1)
    assert done.returncode == 0, done.stderr
    assert trained == ["rise", "fall down"]
    assert [config.output.name for config in configs] == ["rise.tflite", "fall_down.tflite"]
    assert [config.steps for config in configs] == [30, 30]
    assert [len(config.positives) for config in configs] == [1, 0]
    page = (folder / "report.md").read_text()
    assert "| rise | rise.tflite | 0.5 | 0.10 | 25.0% of 20 | 2.00 h |" in page
    assert "| fall down | fall_down.tflite | 0.5 | 0.10 | not measured | 2.00 h |" in page
    assert done.stdout == page
    report = json.loads((folder / "report.json").read_text())
    assert [one["phrase"] for one in report["phrases"]] == ["rise", "fall down"]


def test_what_is_trained_already_stays(matrix):
    run, folder = matrix
    run()
    report = (folder / "report.json").read_bytes()
    done, trained, _ = run()
    assert trained == []
    assert "2 of 2 phrases are trained already" in done.stderr
    assert (folder / "report.json").read_bytes() == report
    (folder / "rise.tflite").write_bytes(b"damaged")
    assert run()[1] == ["rise"]
    assert run("--seed", 1)[1] == ["rise", "fall down"]  # another setting, another model
    assert run()[1] == ["rise", "fall down"]  # the first seed again


def test_arguments_that_do_not_fit(matrix, tmp_path):
    run, _ = matrix
    for more, reason in (
        (("--wake-word", "x"), "--phrases: the list names phrases"),
        (("--board", "esp32-s3"), "--board: is for one wake word"),
        (("--epochs", 2), "--epochs: is not for --task wake-words"),
    ):
        done, trained, _ = run(*more)
        assert (done.returncode, trained) == (2, [])
        assert reason in done.stderr
    write(tmp_path / "p.yaml", "- Hey device\n- hey_device\n")
    assert "'hey_device': is there twice" in run()[0].stderr


@pytest.mark.slow
def test_the_same_bytes_by_any_number_of_workers(words, speech, tiny_base, tmp_path):
    text = "".join(f"{one}:\n  positives: {words / one}\n" for one in ("rise", "fall"))
    listed = write(tmp_path / "p.yaml", text)
    found = {}
    for jobs in (1, 2):
        done = kws_alone(
            *("train", "--phrases", listed, "--negatives", speech, "--base", tiny_base),
            *("--output", tmp_path / str(jobs), "--steps", 20, "--ensemble", 1),
            *("--synthesize", 0, "--jobs", jobs),
        )
        assert done.returncode == 0, done.stderr
        found[jobs] = {
            path.name: path.read_bytes()
            for path in (tmp_path / str(jobs)).iterdir()
            if path.suffix != ".log"
        }
    assert found[1] == found[2]
    assert {"rise.tflite", "fall.tflite", "report.json", "report.md"} < set(found[1])
    shutil.rmtree(tmp_path / "1")
