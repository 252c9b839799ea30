"""A model that hears a microphone: one stream gives scores and detections."""

import numpy as np
import pytest

from kws.audio import read_recording
from kws.errors import ModelError
from kws.packaged import packaged_model
from kws.spotter import KeywordSpotter
from kws_studio.live import Listener

from .conftest import DEMO, RATE


def test_scores_and_detections_are_those_of_the_spotter() -> None:
    samples = read_recording(DEMO).samples[: 3 * RATE]
    model = packaged_model("computer")
    expected = KeywordSpotter(model).process(samples)
    assert [one.keyword for one in expected] == ["computer"]
    for size in (500, len(samples)):  # pieces of a page, and one that completes many frames
        listener = Listener(model, RATE, None)
        heard = [listener.push(part) for part in np.split(samples, range(size, len(samples), size))]
        found = [one for piece in heard for one in piece.detections]
        assert found == expected
        highest = max(piece.score for piece in heard)
        assert highest >= expected[0].score - 1e-6
        assert heard[0].score < 0.5 or size == len(samples)
    # another threshold, which nothing reaches
    assert Listener(model, RATE, 1.0).push(samples).detections == []


def test_sounds_are_no_wake_words() -> None:
    with pytest.raises(ModelError, match="no model of wake words"):
        Listener(packaged_model("phonemes"), RATE, None)
