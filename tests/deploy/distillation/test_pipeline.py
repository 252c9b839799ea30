"""A student learns made-up words from images and a teacher, and is pruned."""

import json
import re
from importlib import resources

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.modelfile import read_model
from kws_deploy.distillation import fit, pipeline
from kws_deploy.distillation.pipeline import labels_of
from kws_training.networks.word_base import read_base

from ...conftest import kws_alone, kws_here

DEFAULT = resources.files("kws") / "models" / "commands.tflite"
LABELS = read_model(str(DEFAULT)).metadata.labels


def tone(rng, pitch):
    time = np.arange(8000) / 16000
    samples = rng.normal(0, 0.001, 16000)
    samples[4000:12000] += 0.2 * np.sin(2 * np.pi * pitch * (1 + rng.uniform(-0.05, 0.05)) * time)
    return samples.astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Tones by ten speakers under the names of the package's commands, and noise."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number, word in enumerate(LABELS[2:]):
        (folder / "words" / word).mkdir(parents=True)
        for speaker in range(10):
            name = folder / "words" / word / f"s{speaker}_nohash_0.wav"
            soundfile.write(name, tone(rng, 300 * 1.25**number), 16000)
    (folder / "noise").mkdir()
    soundfile.write(folder / "noise" / "hiss.wav", rng.normal(0, 0.01, 16000 * 10), 16000)
    np.savez(
        folder / "images.npz",
        x=rng.integers(0, 255, (30, 98, 40), dtype=np.uint8),
        label=np.array(["bird"] * 30),
        speaker=np.array([f"i{n}" for n in range(30)]),
    )
    return folder


def run(cache, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KWS_CACHE", str(cache))
        patch.setattr(pipeline, "TONES", 4)
        # how well it learns is not what these tests are about
        patch.setattr(fit, "LEAST_STEPS", 4)
        return kws_here(*arguments)


@pytest.fixture(scope="module")
def distilled(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    result = run(
        folder,
        "distill",
        DEFAULT,
        "--data",
        data / "words",
        "--noise",
        data / "noise",
        "--features",
        data / "images.npz",
        "--unlabelled",
        data / "words" / LABELS[3],
        "--student",
        16,
        "--epochs",
        1,
        "--output",
        folder / "student.tflite",
        "--float",
        folder / "float.tflite",
    )
    assert result.returncode == 0, result.stderr
    return folder, result


def test_three_lines_and_a_model(distilled):
    folder, result = distilled
    lines = result.stdout.splitlines()
    assert lines[0].startswith("teacher commands.tflite: ")
    assert lines[1].startswith("student temporal-width-16, int8: ")
    assert lines[2].startswith("the same without teacher, int8: ")
    model = read_model(folder / "student.tflite")
    assert model.metadata.labels == LABELS
    assert model.metadata.front_end == WORDS
    assert len(model.network) < 40_000
    assert set(model.metadata.detector.thresholds) == set(LABELS[2:])
    assert KeywordSpotter(model).process(np.zeros(16000, np.int16)) == []


def test_the_float_student_is_the_same_one(distilled):
    folder, _ = distilled
    models = [read_model(folder / name) for name in ("student.tflite", "float.tflite")]
    samples = tone(np.random.default_rng(1), 500)
    first, second = (KeywordSpotter(model).classify(samples).scores for model in models)
    assert max(abs(first[label] - second[label]) for label in LABELS) < 0.1
    assert len(models[1].network) > 1.3 * len(models[0].network)


def test_the_student_is_pruned(distilled, data, tmp_path):
    folder, _ = distilled
    output = tmp_path / "pruned.tflite"
    result = run(
        tmp_path,
        "prune",
        folder / "float.tflite",
        "--keep",
        0.5,
        "--data",
        data / "words",
        "--noise",
        data / "noise",
        "--epochs",
        1,
        "--output",
        output,
    )
    assert result.returncode == 0, result.stderr
    assert "pruned-8-8" in result.stdout
    assert len(read_model(output).network) < len(read_model(folder / "student.tflite").network)


def test_a_student_is_gone_on_with(distilled, data, tmp_path):
    """It keeps its size, learns from running speech, and no other is trained beside it."""
    folder, _ = distilled
    output = tmp_path / "more.tflite"
    result = run(
        tmp_path,
        *("distill", DEFAULT, "--start", folder / "student.tflite"),
        *("--data", data / "words", "--noise", data / "noise", "--features", data / "images.npz"),
        *("--negatives", data / "noise", "--epochs", 1, "--output", output),
    )
    assert result.returncode == 0, result.stderr
    assert "without keywords beside them, every frame of them" in result.stderr
    lines = result.stdout.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["teacher", "student", "wrote"]
    before, after = read_model(folder / "student.tflite"), read_model(output)
    assert after.metadata.labels == LABELS
    assert len(after.network) == pytest.approx(len(before.network), rel=0.003)
    assert after.network != before.network
    assert after.metadata.provenance["recipe"]["kept"] == 0.5
    assert after.metadata.provenance["keyword_shift"] in pipeline.SHIFTS
    # and it can be gone on with again
    assert read_base(output).shape == read_base(folder / "student.tflite").shape


def test_keywords_are_raised_until_most_clips_are_named_rightly():
    """By as little as that takes; an unknown word must stay one."""
    logits = np.zeros((4, 4), np.float32)
    logits[0, 1], logits[0, 2] = 3.0, 2.2  # a keyword, taken for an unknown word by 0.8
    logits[1, 1], logits[1, 3] = 3.0, 1.7  # another, by 1.3
    logits[2, 1], logits[2, 3] = 3.0, 0.8  # an unknown word, one by 2.2
    logits[3, 0] = 9.0  # silence
    said = np.array([2, 3, 1, 0])
    assert pipeline.keyword_shift(logits, said, [2, 3]) == 1.5
    assert pipeline.keyword_shift(logits, said, [2]) == 1.0
    assert pipeline.keyword_shift(logits[3:], said[3:], [2, 3]) == 0.0


@pytest.mark.slow
def test_figures_for_programs(data, tmp_path):
    """Distilled for a board, by two keywords, and pruned; both print one JSON object."""
    folders = ("--data", data / "words", "--noise", data / "noise", "--epochs", 1, "--json")
    student = tmp_path / "float.tflite"
    keywords = ",".join(LABELS[2:4])
    result = run(
        tmp_path,
        *("distill", DEFAULT, *folders, "--keywords", keywords, "--budget-ms", 5),
        *("--board", "pi4", "--output", tmp_path / "student.tflite", "--float", student),
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["bytes"] == (tmp_path / "student.tflite").stat().st_size
    assert [one["model"] for one in found["teachers"]] == [str(DEFAULT)]
    assert found["distilled"].keys() == found["without_teacher"].keys()
    assert read_model(student).metadata.labels == LABELS[:4]

    output = tmp_path / "pruned.tflite"
    result = run(tmp_path, "prune", student, "--keep", 0.5, *folders, "--output", output)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    before, after = found["networks"]
    assert before["name"] == "before"
    assert after["weights"] < before["weights"]
    assert found["model"] == str(output)


@pytest.mark.slow
def test_several_students_and_one_report(data, tmp_path):
    """The same bytes by any number of processes; what is trained already stays."""
    folders = ("--data", data / "words", "--noise", data / "noise", "--epochs", 1)
    found = {}
    for jobs in (1, 2):
        output = tmp_path / str(jobs)
        command = ("distill", DEFAULT, *folders, "--student", "16,bc-resnet-10k", "--jobs", jobs)
        done = kws_alone(*command, "--output", output, KWS_CACHE=str(tmp_path / f"cache{jobs}"))
        assert done.returncode == 0, done.stderr
        assert done.stdout == (output / "report.md").read_text()
        files = [path for path in output.iterdir() if path.suffix != ".log"]
        found[jobs] = {path.name: path.read_bytes() for path in files}
    assert found[1] == found[2]
    assert {"temporal-width-16.tflite", "bc-resnet-10k.tflite", "report.md"} < set(found[1])
    assert "epoch  1/1: loss" in (output / "bc-resnet-10k.log").read_text()
    students = json.loads((output / "report.json").read_text())["students"]
    assert [one["student"] for one in students] == ["temporal-width-16", "bc-resnet-10k"]
    assert done.stdout.splitlines()[0].startswith("teacher commands.tflite: ")
    assert re.search(r"^\| bc-resnet-10k \| \d+ \| [\d.]+% \|", done.stdout, re.M)
    again = run(tmp_path, *command, "--output", output)
    assert "2 of 2 students are trained already" in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("model", "arguments", "said"),
    [
        (DEFAULT, ["--keep", "0.5", "--epochs", "0"], "--epochs must be at least 1"),
        (DEFAULT, ["--keep", "much"], "--keep"),
        (DEFAULT, ["--keep", "1.5"], "--keep 1.5: must be between 0 and 1"),
        (DEFAULT, ["--keep", "0.999"], "channels"),
        (DEFAULT, ["--keep", "0.5", "--data", "nowhere"], "nowhere: no such file or folder"),
        (DEFAULT, [], "--keep"),
        ("nowhere.tflite", ["--keep", "0.5"], "nowhere.tflite"),
    ],
)
def test_what_cannot_be_pruned(data, tmp_path, model, arguments, said):
    output = tmp_path / "pruned.tflite"
    folders = ("--data", data / "words", "--noise", data / "noise")
    result = run(tmp_path, "prune", model, *folders, "--output", output, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr.splitlines()[-1]
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--student", "temporal-1k"], "--student 'temporal-1k'"),
        (["--student", "16", "--budget-ms", "5", "--board", "pi4"], "give one of them"),
        (["--budget-ms", "5"], "go together"),
        (["--epochs", "0"], "--epochs"),
        (["--keywords", "nothing"], "must know nothing"),
        (["--start", "commands", "--student", "16"], "leave out --student or --budget-ms"),
        (["--start", "nowhere.tflite"], "nowhere.tflite"),
        (["--sentences", "-1"], "--sentences must be at least 0"),
        (["--unlabelled", "nowhere"], "nowhere: no such file or folder"),
        (["--jobs", "2"], "--jobs, --ray: are for several students"),
        (["--student", "16,30,016"], "one is there twice"),
        (["--student", "16,17", "--float", "f.tflite"], "--float: is for one student"),
    ],
)
def test_what_cannot_be(data, tmp_path, arguments, said):
    output = tmp_path / "student.tflite"
    result = run(
        tmp_path,
        "distill",
        DEFAULT,
        "--data",
        data / "words",
        "--noise",
        data / "noise",
        "--output",
        output,
        *arguments,
    )
    assert result.returncode == 2
    assert said in result.stderr.splitlines()[-1]
    assert not output.exists()


def test_some_keywords_of_a_teacher():
    teacher = read_model(str(DEFAULT))
    assert labels_of([teacher], None) == LABELS
    assert labels_of([teacher], ("yes", "stop")) == tuple(
        label for label in LABELS if label in ("_silence_", "_unknown_", "yes", "stop")
    )
    with pytest.raises(KwsError, match="must know maybe"):
        labels_of([teacher], ("maybe",))
