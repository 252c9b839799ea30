"""The models in the package: small, with contracts that say where they come from."""

from importlib import resources
from pathlib import Path

import pytest

from kws import KeywordSpotter
from kws.packaged import (
    NAMES,
    WAKE_WORDS,
    find_model,
    measured_wake_word,
    packaged_content,
    packaged_model,
)
from kws.phonemes.symbols import OUTPUTS

from .conftest import Demo

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"}


@pytest.mark.parametrize(("name", "most"), [("commands", 135_000), ("commands-small", 56_000)])
def test_size_and_contract(name: str, most: int) -> None:
    assert len(packaged_content(name)) < most
    metadata = packaged_model(name).metadata
    assert set(metadata.keywords) == COMMANDS
    assert set(metadata.detector.thresholds) == COMMANDS
    assert metadata.provenance["teachers_sha256"]
    assert "distill" in (resources.files("kws") / "models" / "README.md").read_text()


@pytest.mark.parametrize("name", ["commands", "commands-small"])
def test_every_threshold_has_a_measured_operating_point(name: str) -> None:
    metadata = packaged_model(name).metadata
    points = {point.keyword: point for point in metadata.operating_points}
    assert set(points) == COMMANDS
    for keyword, point in points.items():
        assert point.threshold == metadata.detector.thresholds[keyword]
        assert point.hours > 0
        assert point.recordings > 0
        low, high = point.miss_rate_interval
        assert low <= point.miss_rate <= high


def test_the_phoneme_network_is_small_and_gives_phonemes() -> None:
    assert len(packaged_content("phonemes")) < 1_000_000
    metadata = packaged_model("phonemes").metadata
    assert metadata.labels == OUTPUTS
    assert metadata.keywords == ()
    assert metadata.provenance["people"] > 2000


#: Licences that let a model be shipped without strings.
FREE = {"CC BY 4.0", "CC BY 3.0", "CC0", "Apache-2.0"}


def source_of(row: dict[str, str]) -> str:
    """Name of a source; what is in brackets behind it says how to read its rows."""
    return row["source"].partition(" (")[0]


@pytest.mark.parametrize("name", WAKE_WORDS)
def test_a_wake_word_is_small_and_says_what_it_was_trained_on(name: str) -> None:
    assert len(packaged_content(name)) < 350_000
    metadata = packaged_model(name).metadata
    assert metadata.task == "wake-words"
    assert metadata.keywords == (name.replace("_", " "),)
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    sources = metadata.provenance["sources"]
    assert sources
    for one in sources:
        assert one["licence"] in FREE
        assert source_of(one) in notice, f"{source_of(one)} is not in NOTICE"
    for engine in metadata.provenance["synthesized_by"]:
        assert engine.partition("-")[0].casefold() in notice.casefold(), f"{engine}: not in NOTICE"
    people = metadata.provenance["recordings"][metadata.keywords[0]]["people"]
    assert (people == 0) == (name == "hey_device")


@pytest.mark.parametrize("name", WAKE_WORDS)
def test_a_wake_word_has_a_card_with_its_figures(name: str) -> None:
    card = " ".join((ROOT / "docs" / "cards" / f"{name}.md").read_text().split())
    figures = measured_wake_word(name)
    assert f"{len(packaged_content(name)) / 1000:.0f} kB" in card
    assert f"missed {figures.misses} of {figures.recordings}" in card
    assert f"{figures.false_accepts} false accepts in {figures.hours:.2f} h" in card
    threshold = packaged_model(name).metadata.detector.thresholds[name.replace("_", " ")]
    assert f"{threshold:.4g}" in card
    for one in packaged_model(name).metadata.provenance["sources"]:
        assert source_of(one) in card


@pytest.mark.parametrize("name", WAKE_WORDS)
def test_a_wake_word_is_detected_once_and_nothing_else(
    name: str, wake_words_demo: Demo, demo: Demo
) -> None:
    """By a voice that it was not trained on; of the commands it detects none."""
    spotter = KeywordSpotter.default(name)
    (word,) = [one for one in wake_words_demo.words if one.keyword in spotter.keywords]
    (found,) = spotter.process(wake_words_demo.samples) + spotter.flush()
    assert found.keyword == word.keyword
    assert found.start == pytest.approx(word.start, abs=0.15)
    assert found.end == pytest.approx(word.end, abs=0.15)
    spotter.reset()
    assert spotter.process(demo.samples) + spotter.flush() == []


@pytest.mark.data
def test_accuracy_on_commands(shared) -> None:
    """Half of the speakers of the official test set, none of whom it was trained on."""
    pytest.importorskip("soundfile")
    from kws.audio import load_audio

    spotter = KeywordSpotter.default()
    right = total = 0
    for word in sorted(COMMANDS):
        for path in sorted((shared / "audio" / "speech_commands" / word).iterdir())[:20]:
            right += spotter.classify(load_audio(path, 16000)).label == word
            total += 1
    assert total == 200
    assert right / total > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is the package's, unless a file has it; a folder does not count."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    assert find_model(name).network == packaged_model(name).network
    assert find_model(None).network == packaged_model().network
    (tmp_path / name).rmdir()
    other = next(one for one in NAMES if one != name)
    (tmp_path / name).write_bytes(packaged_content(other))
    assert find_model(name).network == packaged_model(other).network
