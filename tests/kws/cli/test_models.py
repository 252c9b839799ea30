"""What kws models lists, and that its figures are of the models that ship."""

import json
from importlib import resources

import pytest

from kws.cli.main import main
from kws.modelfile import network_digest
from kws.packaged import (
    NAMES,
    PHONEMES,
    WAKE_WORDS,
    measured_accuracy,
    measured_wake_word,
    packaged_content,
    packaged_model,
)


def test_the_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert [one["name"] for one in models] == list(NAMES)
    for one in models:
        assert one["bytes"] == len(packaged_content(one["name"]))
        assert one["keywords"] == list(packaged_model(one["name"]).metadata.keywords)
        if one["name"] in WAKE_WORDS:
            low, high = one["miss_rate_interval"]
            assert low <= one["miss_rate"] < high < 0.5
            low, high = one["false_accepts_per_hour_interval"]
            assert low <= one["false_accepts_per_hour"] < high
            assert one["hours"] > 2
            assert f"kws evaluate {one['name']} " in one["measured_by"]
        elif one["name"] == PHONEMES:
            assert 0 < one["phoneme_error_rate"] < 1
            assert one["phonemes"] > 5000
            assert one["measured_by"].startswith("python benchmarks/phonemes.py phonemes ")
        else:
            low, high = one["accuracy_interval"]
            assert 0.9 < low < one["accuracy"] < high < 1
            assert one["measured_by"].startswith(f"kws evaluate {one['name']} ")


def test_the_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 2 * len(NAMES) : 2]] == list(NAMES)
    measured = measured_accuracy("commands")
    assert f"{len(packaged_content('commands')) / 1000:.0f} kB" in lines[1]
    assert f"{100 * measured.accuracy:.1f} % of clips right (" in lines[2]
    assert lines[5].endswith("and 25 more")
    assert "% of phonemes written down wrongly" in lines[2 * NAMES.index(PHONEMES) + 2]
    wake_word = lines[2 * NAMES.index("computer") + 2]
    assert "% missed (" in wake_word
    assert "false accepts per hour (" in wake_word


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_of_the_network_that_ships(name: str) -> None:
    """Who puts another model into the package measures it anew."""
    models = resources.files("kws") / "models"
    if name in (PHONEMES, *WAKE_WORDS):
        table = "phonemes.json" if name == PHONEMES else "wake_words.json"
        row = json.loads((models / table).read_text())[name]
    else:
        row = json.loads((models / "accuracy.json").read_text())["models"][name]
    assert row["network_sha256"] == network_digest(packaged_model(name))


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (PHONEMES, *WAKE_WORDS)])
def test_the_command_measures_it_again(
    name: str, shared, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.chdir(shared / "audio")
    measured = measured_accuracy(name)
    assert main([*measured.command.split()[1:], "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clips"] == measured.clips
    # other kernels of the interpreter may round a clip or two to another label
    assert abs(round(report["accuracy"] * report["clips"]) - measured.right) <= 3


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_figures_of_a_wake_word_are_measured_again(
    shared, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the half of the recordings, and the kinds of speech, that "computer" never heard."""
    pytest.importorskip("tensorflow")
    audio = shared / "audio"
    said = tmp_path / "computer"
    said.mkdir()
    for path in (audio / "wake_words" / "computer").glob("[89a-f]*"):
        (said / path.name).symlink_to(path)
    kinds = [audio / "speech" / kind for kind in ("accents", "community", "moods")]
    negatives = [*kinds, audio / "telephone"]
    arguments = ["evaluate", "computer", "--positives", said, "--negatives", *negatives, "--json"]
    assert main([*map(str, arguments)]) == 0
    point = json.loads(capsys.readouterr().out)["operating_points"][0]
    figures = measured_wake_word("computer")
    assert (point["recordings"], point["hours"]) == (
        figures.recordings,
        pytest.approx(figures.hours, abs=0.01),
    )
    # other kernels of the interpreter may round a score to the other side of the threshold
    assert abs(point["misses"] - figures.misses) <= 1
    assert abs(point["false_accepts"] - figures.false_accepts) <= 1
