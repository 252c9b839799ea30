"""Where the phrase is in a recording, and what is wrong with it."""

import numpy as np
import pytest

from kws.enrolment.enroll import Positive
from kws.enrolment.record import Take
from kws.enrolment.utterance import Utterance, examine
from kws.errors import AudioError

RATE = 16000


def recording(
    start: float, end: float, seconds: float, level: float = 0.3, noise: float = 1e-3
) -> np.ndarray:
    """Noise, with a tone of many harmonics from start to end."""
    time = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(0)
    tone = sum(np.sin(2 * np.pi * 150 * n * time) / n for n in range(1, 10))
    tone *= (time >= start) & (time < end)
    return (level * tone / 2 + noise * rng.normal(size=len(time))).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_the_phrase_is_found(rate: int):
    samples = np.interp(
        np.arange(3 * rate) / rate, np.arange(3 * RATE) / RATE, recording(0.7, 1.5, 3)
    ).astype(np.float32)
    found = examine(samples, rate)
    assert found.start == pytest.approx(0.7, abs=0.05)
    assert found.end == pytest.approx(1.5, abs=0.05)
    assert found.problems == ()
    assert found.clearness > 30


def test_a_pause_belongs_to_the_phrase():
    samples = recording(0.5, 0.9, 3) + recording(1.1, 1.6, 3)
    found = examine(samples, RATE)
    assert (found.start, found.end) == pytest.approx((0.5, 1.6), abs=0.05)


def test_a_pause_between_two_words_belongs_to_the_phrase():
    samples = recording(0.5, 0.9, 3) + recording(1.3, 1.8, 3, level=0.1)
    found = examine(samples, RATE)
    assert (found.start, found.end) == pytest.approx((0.5, 1.8), abs=0.05)


def test_what_comes_long_after_does_not():
    samples = recording(0.5, 1.0, 3) + recording(2.0, 2.4, 3, level=0.1)
    found = examine(samples, RATE)
    assert (found.start, found.end) == pytest.approx((0.5, 1.0), abs=0.05)


def test_a_click_is_no_phrase():
    samples = recording(1.0, 1.6, 3, level=0.1)
    samples[3200:3210] = 0.5
    found = examine(samples, RATE)
    assert (found.start, found.end) == pytest.approx((1.0, 1.6), abs=0.05)


def problem(samples: np.ndarray) -> str:
    (found,) = examine(samples.astype(np.float32), RATE).problems
    return found


def test_too_quiet():
    assert "too quiet (peak -6" in problem(recording(0.5, 1.0, 2, level=0.0004, noise=1e-6))
    assert "too quiet" in problem(np.zeros(RATE))


def test_too_short_and_too_long():
    assert "too short (0.1" in problem(recording(0.5, 0.6, 2))
    assert "too long (3.5 s" in problem(recording(0.5, 4.0, 5))


def test_clipped():
    loud = np.clip(8 * recording(0.5, 1.0, 2), -1, 1)
    assert problem(loud).startswith("clipped (")
    # a single full sample, as normalized files have it, is none
    normal = recording(0.5, 1.0, 2)
    assert examine(normal / np.abs(normal).max(), RATE).problems == ()


def test_one_sample():
    found = examine(np.full(1, 0.5, np.float32), RATE)
    assert isinstance(found, Utterance)
    assert "too short" in found.problems[0]


def test_samples_at_the_scale_of_integers_are_refused():
    unscaled = 32768 * recording(0.6, 1.2, 2)
    with pytest.raises(AudioError, match="divide 16-bit ones by 32768"):
        examine(unscaled, RATE)
    with pytest.raises(AudioError, match="divide 16-bit ones by 32768"):
        Take.of(unscaled, RATE)
    with pytest.raises(AudioError, match="divide 16-bit ones by 32768"):
        Positive("a.wav", unscaled, 1.2, 0.6)
