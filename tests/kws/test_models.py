"""The model in the package: small, with a contract that says where it comes from."""

from importlib import resources
from pathlib import Path

import pytest

from kws import KeywordSpotter
from kws.packaged import NAMES, find_model, packaged_content, packaged_model

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
