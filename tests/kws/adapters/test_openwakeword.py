"""The adapter for programs with openWakeWord: its loop, and what KeywordSpotter detects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter, KwsError
from kws.adapters.openwakeword import FRAME, KEPT, Model
from kws.errors import AudioError

from ..conftest import Demo


@pytest.fixture(scope="module")
def pcm(demo: Demo) -> np.ndarray:
    return np.rint(demo.samples * 32767).astype(np.int16)


@pytest.fixture(scope="module")
def spotted(pcm: np.ndarray) -> list[str]:
    return [one.keyword for one in KeywordSpotter.default().process(pcm)]


def frames(pcm: np.ndarray, size: int = FRAME) -> list[np.ndarray]:
    return [pcm[start : start + size] for start in range(0, len(pcm) - size + 1, size)]


def rises(model: Model, predictions: list[dict[str, float]]) -> list[str]:
    """Keywords in the order in which their scores come to reach their thresholds."""
    found, before = [], set()
    for prediction in predictions:
        now = {name for name, score in prediction.items() if score >= model.thresholds[name]}
        found += sorted(now - before)
        before = now
    return found


def test_scores_reach_thresholds_where_the_spotter_detects(
    pcm: np.ndarray, spotted: list[str]
) -> None:
    model = Model(wakeword_models=["commands"])
    assert list(model.models) == ["commands"]
    predictions = [model.predict(frame) for frame in frames(pcm)]
    assert rises(model, predictions) == spotted
    assert len(spotted) == 10
    # what the example program of openWakeWord prints a table of
    assert list(model.prediction_buffer) == list(model.models["commands"].keywords)
    for name, kept in model.prediction_buffer.items():
        assert list(kept) == [prediction[name] for prediction in predictions[-KEPT:]]


def test_a_word_whose_score_stays_high_is_one_detection(
    pcm: np.ndarray, spotted: list[str]
) -> None:
    model = Model()
    found = []
    for frame in frames(pcm):
        prediction = model.predict(frame, debounce_time=1.0)
        found += [name for name, score in prediction.items() if score >= model.thresholds[name]]
    assert found == spotted


def test_times_longer_than_the_predictions_that_are_kept(pcm: np.ndarray) -> None:
    """Frames of 10 ms: a second is more of them than are kept to be looked at."""
    model = Model()
    limits = {"yes": 0.2}  # reached for longer than the predictions that are kept
    found = []
    for number, frame in enumerate(frames(pcm[: 40 * FRAME], 160)):
        score = model.predict(frame, threshold=limits, debounce_time=1.0)["yes"]
        if score >= limits["yes"]:
            found.append(number)
    assert len(found) == 1
    model.reset()
    scores = [
        model.predict(frame, threshold=limits, patience={"yes": KEPT + 5})["yes"]
        for frame in frames(pcm[: 40 * FRAME], 160)
    ]
    first = next(number for number, score in enumerate(scores) if score >= limits["yes"])
    assert first == found[0] + KEPT + 5


def test_the_highest_score_of_a_long_frame_counts_and_a_short_one_repeats(pcm: np.ndarray) -> None:
    whole, halves, long = Model(), Model(), Model()
    expected = [whole.predict(frame) for frame in frames(pcm[: 40 * FRAME])]
    got = [halves.predict(frame) for frame in frames(pcm[: 40 * FRAME], FRAME // 2)]
    # some step is complete in the first half of the second frame
    assert {tuple(one.values()) for one in got} == {tuple(one.values()) for one in expected}
    once = long.predict(pcm[: 40 * FRAME])
    assert once == {name: max(one[name] for one in expected) for name in once}


def test_reset_forgets(pcm: np.ndarray) -> None:
    model = Model()
    first = [model.predict(frame) for frame in frames(pcm[: 30 * FRAME])]
    model.reset()
    assert not any(model.prediction_buffer.values())
    assert [model.predict(frame) for frame in frames(pcm[: 30 * FRAME])] == first


def test_patience_waits_for_predictions_before(pcm: np.ndarray) -> None:
    model, patient = Model(), Model()
    at_once = [model.predict(frame) for frame in frames(pcm[: 40 * FRAME])]
    later = [patient.predict(frame, patience={"yes": 2}) for frame in frames(pcm[: 40 * FRAME])]

    def first(predictions: list[dict[str, float]], limit: float) -> int:
        return next(n for n, one in enumerate(predictions) if one["yes"] >= limit)

    limit = model.thresholds["yes"]
    assert first(later, limit) == first(at_once, limit) + 2
    model.reset()
    options = {"threshold": {"yes": 0.3}, "patience": {"yes": 1}}
    lower = [model.predict(one, **options) for one in frames(pcm[: 40 * FRAME])]
    assert first(lower, 0.3) == first(at_once, 0.3) + 1


def test_clips(demo_path: Path, pcm: np.ndarray, spotted: list[str]) -> None:
    model = Model()
    assert rises(model, model.predict_clip(demo_path)) == spotted
    model.reset()
    some = model.predict_clip(pcm[:32000], padding=0, chunk_size=640, debounce_time=1.0)
    assert len(some) == 50
    assert rises(model, some) == ["yes"]


def test_several_models_and_whose_a_keyword_is() -> None:
    with pytest.raises(KwsError, match="has the name 'commands'"):
        Model(["commands", "commands"])
    with pytest.raises(KwsError, match="has the keyword 'down', too"):
        Model(["commands", "commands-small"])
    model = Model(["commands-small"])
    assert model.get_parent_model_from_label("yes") == "commands-small"
    assert model.get_parent_model_from_label("perhaps") == ""
    with pytest.raises(KwsError, match="hey_jarvis: cannot be read"):
        Model(["hey_jarvis"])


def test_what_is_no_audio_is_refused() -> None:
    model = Model()
    with pytest.raises(AudioError):
        model.predict([0] * FRAME)  # type: ignore[arg-type]
    with pytest.raises(KwsError, match="no samples"):
        model.predict(np.zeros(0, np.int16))
    with pytest.raises(KwsError, match="exclude each other"):
        model.predict(np.zeros(FRAME, np.int16), patience={"yes": 1}, debounce_time=1)
