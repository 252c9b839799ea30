"""A network that sleeps while nothing sounds, and says the same afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.arrays import Float32
from kws.audio import load_audio
from kws.errors import KwsError, ModelError
from kws.frontend import WORDS, YAMNET, open_front_end
from kws.gating import ActivityConfig, SoundActivity
from kws.group import SpotterGroup
from kws.micro_frontend import MicroConfig
from kws.packaged import NAMES, PHONEMES, packaged_model

RATE = 16000


def noise(seconds: float, level: float, seed: int = 0) -> Float32:
    samples = np.random.default_rng(seed).normal(0, level, round(seconds * RATE))
    return samples.astype(np.float32)


def stream(demo: Path) -> Float32:
    """Quiet, the demo's words, quiet, the words again; faint noise under all of it."""
    words = load_audio(demo, RATE)
    parts = [np.zeros(12 * RATE, np.float32), words, np.zeros(20 * RATE, np.float32), words]
    heard = np.concatenate(parts)
    return heard + noise(len(heard) / RATE, 0.001)


class Watched(SoundActivity):
    """Remembers what it told."""

    def __init__(self, name: str) -> None:
        super().__init__(packaged_model(name).metadata.front_end)
        self.awake: list[bool] = []

    def push(self, frames: Float32) -> bool:
        self.awake.append(super().push(frames))
        return self.awake[-1]


def heard(spotter: KeywordSpotter, samples: Float32) -> list[tuple[str, float]]:
    """Return what is detected, in chunks."""
    found = []
    for first in range(0, len(samples), 1280):
        found += spotter.process(samples[first : first + 1280])
    found += spotter.flush()
    return [(one.keyword, one.end) for one in found]


@pytest.mark.parametrize("name", [name for name in NAMES if name != PHONEMES])
def test_what_is_detected_is_the_same_and_the_network_sleeps(name: str, demo_path: Path) -> None:
    samples = stream(demo_path)
    watched = Watched(name)
    always = heard(KeywordSpotter.default(name), samples)
    assert heard(KeywordSpotter.default(name, vad=watched), samples) == always
    assert heard(KeywordSpotter.default(name, vad=True), samples) == always
    awake = watched.awake
    assert len(awake) * 0.2 < sum(awake) < len(awake) * 0.7


@pytest.mark.parametrize("name", ["commands", "computer"])
def test_awake_the_scores_are_those_without_sleep(name: str, demo_path: Path) -> None:
    samples = stream(demo_path)
    watched = Watched(name)
    spotter = KeywordSpotter.default(name, vad=watched)
    always = KeywordSpotter.default(name).process_posteriors(samples)
    gated = spotter.process_posteriors(samples)
    mask = np.repeat(watched.awake, len(gated) // len(watched.awake))
    assert 0 < mask.mean() < 1
    np.testing.assert_array_equal(gated[mask], always[mask])
    asleep = gated[~mask]
    np.testing.assert_array_equal(asleep, np.broadcast_to(asleep[0], asleep.shape))


def test_a_group_sleeps_as_its_models_do(demo_path: Path) -> None:
    models = [packaged_model("commands"), packaged_model("computer")]
    samples = stream(demo_path)
    found = []
    for vad in (False, True):
        group = SpotterGroup(models, vad=vad)
        detections = group.process(samples) + group.flush()
        found.append([(one.keyword, one.end, one.model) for one in detections])
    assert found[0] == found[1]
    assert len(found[0]) > 10


@pytest.mark.parametrize("at", [5.0, 13.1, 30.0, 47.0])
def test_a_saved_state_goes_on_asleep_or_awake(at: float, demo_path: Path) -> None:
    samples, place = stream(demo_path), round(at * RATE)
    one, other = (KeywordSpotter.default("commands", vad=True) for _ in range(2))
    one.process(samples[:place])
    other.restore(one.state())
    assert other.process(samples[place:]) == one.process(samples[place:])
    group = SpotterGroup([packaged_model("commands")], vad=True)
    group.process(samples[:place])
    second = SpotterGroup([packaged_model("commands")], vad=True)
    second.restore(group.state())
    assert second.process(samples[place:]) == group.process(samples[place:])


def test_a_state_of_one_that_never_sleeps_is_another() -> None:
    with pytest.raises(KwsError, match="another"):
        KeywordSpotter.default(vad=True).restore(KeywordSpotter.default().state())


def test_whole_clips_are_heard_awake(demo_path: Path) -> None:
    clip = load_audio(demo_path, RATE)
    gated, always = KeywordSpotter.default(vad=True), KeywordSpotter.default()
    np.testing.assert_array_equal(gated.posteriors(clip), always.posteriors(clip))
    assert gated.classify(clip[: 2 * RATE]) == always.classify(clip[: 2 * RATE])


@pytest.mark.parametrize("front_end", [WORDS, YAMNET])
def test_steady_noise_is_the_background_and_what_rises_above_it_sounds(front_end) -> None:
    tone = 0.02 * np.sin(2 * np.pi * 700 * np.arange(RATE) / RATE).astype(np.float32)
    samples = noise(12, 0.003)
    samples[6 * RATE : 7 * RATE] += tone
    frames = open_front_end(front_end, 2).push(samples)
    activity = SoundActivity(front_end)
    heard = np.array([activity.push(frames[n : n + 2]) for n in range(0, len(frames), 2)])
    hop = 2 * front_end.hop_seconds
    asleep = [*range(round(3 / hop), round(5.9 / hop)), *range(round(8.3 / hop), len(heard))]
    assert not heard[asleep].any()
    assert heard[round(6.1 / hop) : round(7.9 / hop)].all()


def test_microwakewords_front_end_is_refused() -> None:
    with pytest.raises(ModelError, match="leave out vad"):
        SoundActivity(MicroConfig())


def test_a_longer_hold_keeps_it_awake() -> None:
    frames = np.zeros((400, 40), np.float32) - 10
    frames[100] = 0
    short, long = (SoundActivity(WORDS, ActivityConfig(hold=hold)) for hold in (0.2, 1.0))
    counts = [sum(one.push(frames[n : n + 1]) for n in range(400)) for one in (short, long)]
    assert counts == [20 + 20, 100 + 100]
