"""Figures of clips, against cases that can be counted by hand."""

from pathlib import Path

import numpy as np

from kws import KeywordSpotter
from kws_training.dataset import Clip, Skipped
from kws_training.evaluate import judge_clips


def test_clips_through_the_model_in_the_package():
    spotter = KeywordSpotter.default()
    rng = np.random.default_rng(0)
    audio = [rng.integers(-300, 300, 16000).astype(np.int16) for _ in range(4)]
    clips = [Clip(Path(str(n)), label, label, str(n)) for n, label in enumerate(
        ["_silence_", "_silence_", "_silence_", "yes"])]  # fmt: skip
    skipped = [Skipped(Path("bad.wav"), "is empty")]
    report = judge_clips(spotter, clips, audio, skipped, lambda numbers, *_: numbers)
    assert report.clips == 4
    labels = [figures.label for figures in report.classes]
    assert sum(map(sum, report.confusion)) == 4
    assert report.confusion[labels.index("yes")][labels.index("yes")] == 0  # it is noise
    assert report.to_dict()["skipped"] == [{"file": "bad.wav", "reason": "is empty"}]
