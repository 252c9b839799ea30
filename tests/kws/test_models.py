"""The model in the package: small, with a contract that says where it comes from."""

from importlib import resources

import pytest

from kws import KeywordSpotter
from kws.packaged import packaged_model

COMMANDS = {"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"}


def test_size_and_contract() -> None:
    file = resources.files("kws") / "models" / "commands.tflite"
    assert len(file.read_bytes()) < 150_000
    metadata = packaged_model().metadata
    assert set(metadata.keywords) == COMMANDS
    assert set(metadata.detector.thresholds) == COMMANDS
    assert metadata.provenance["teacher_sha256"]
    assert "distill" in (resources.files("kws") / "models" / "README.md").read_text()


def test_every_threshold_has_a_measured_operating_point() -> None:
    metadata = packaged_model().metadata
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
    """Half of the speakers of the official test set; most of them taught it, so this is a floor."""
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
