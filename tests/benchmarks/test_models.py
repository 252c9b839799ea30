import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "synthesized_commands.wav"


@pytest.fixture(scope="module")
def models(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("models")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The ten commands of the demo, one clip each."""
    import csv

    import soundfile

    folder = tmp_path_factory.mktemp("words")
    samples, rate = soundfile.read(DEMO, dtype="int16")
    for row in csv.DictReader(DEMO.with_suffix(".csv").open()):
        middle = (float(row["start"]) + float(row["end"])) / 2
        (folder / row["keyword"]).mkdir()
        first = round((middle - 0.5) * rate)
        soundfile.write(folder / row["keyword"] / "a.wav", samples[first : first + rate], rate)
    return folder


def entry(step, accuracy, interval, size=10**5, clips=100, held_out=False):
    return {
        "step_seconds": step,
        "network_seconds": step / 2,
        "audio_seconds": 0.08,
        "accuracy": accuracy,
        "interval": interval,
        "clips": clips,
        "size": size,
        "held_out": held_out,
    }


def test_models_are_judged_timed_and_drawn(benchmark, words, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "yes").symlink_to(words / "yes")
    (tmp_path / "own" / "stop").symlink_to(words / "stop")
    done = benchmark(
        "models.py",
        "commands",
        "tiny=commands-small",
        "--data",
        words,
        "--held-out",
        f"tiny={tmp_path / 'own'}",
        "--json",
        tmp_path / "a.json",
        "--plot",
        tmp_path / "a.svg",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "a.json").read_text())
    ours, tiny = result["models"]["commands"], result["models"]["tiny"]
    assert (ours["clips"], tiny["clips"]) == (10, 2)
    assert (ours["held_out"], tiny["held_out"]) == (False, True)
    assert ours["accuracy"] >= 0.8  # the demo is what the model understands
    assert ours["size"] == (ROOT / "kws" / "models" / "commands.tflite").stat().st_size
    assert ours["audio_seconds"] == pytest.approx(0.08)
    for one in (ours, tiny):
        assert 0 < one["network_seconds"] < one["step_seconds"] < 1
    assert result["commit"]
    assert "of 2 held out |" in done.stdout
    assert ET.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "a.svg").stat().st_size < 60_000


def test_without_recordings_there_are_times(models, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["models.py", "commands-small"])
    monkeypatch.setattr(models, "ROUNDS", 2)
    assert models.main() == 0
    printed = capsys.readouterr().out
    assert "| commands-small | – | 54 kB |" in printed


def test_rows_come_by_time_and_name_the_interval(models):
    entries = {
        "slow": entry(2e-3, 0.9, [0.85, 0.94]),
        "fast": entry(1e-3, 0.8, [0.7, 0.9], clips=2849),
    }
    _, _, first, second = models.table(entries)
    assert first == "| fast | 80.0 % (70.0 to 90.0) of 2,849 | 100 kB | 1 ms | 500 µs | 80 ms |"
    assert second.startswith("| slow |")


def test_labels_do_not_lie_on_each_other(models, tmp_path):
    entries = {
        f"model number {n}": entry(1e-3 + n * 2e-5, 0.95 + n * 1e-3, [0.94, 0.96]) for n in range(4)
    }
    boxes = []
    label = models._label

    def seen(axes, *others):
        label(axes, *others)
        boxes.extend(text.get_window_extent() for text in axes.texts)

    models._label = seen
    try:
        models.draw(tmp_path / "a.png", entries)
    finally:
        models._label = label
    assert len(boxes) == 4
    for number, one in enumerate(boxes):
        assert all(models._shared(one, other) == 0 for other in boxes[number + 1 :])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["commands", "commands"], "two models of that name"),
        (["commands", "--plot", "a.svg"], "need recordings"),
        (["commands", "--data", "{words}", "--plot", "a.jpg"], "ends in .svg or .png"),
        (["commands", "--data", "{words}", "--held-out", "other={words}"], "no such model"),
        (["commands", "--json", "{words}/none/a.json"], "no such folder"),
        (["commands", "--yamnet", "{words}/yes/a.wav"], "not YAMNet's file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(models, words, monkeypatch, capsys, given, why):
    asked = [one.format(words=words) for one in given]
    monkeypatch.setattr(sys, "argv", ["models.py", *asked])
    monkeypatch.setattr(models, "ROUNDS", 1)
    assert models.main() == 2
    printed = capsys.readouterr().err.splitlines()
    assert why in printed[-1]


def test_a_model_file_that_is_none_is_refused(benchmark, words):
    done = benchmark("models.py", words / "yes" / "a.wav")
    assert done.returncode == 2
    assert "a.wav" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
