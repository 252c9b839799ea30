"""A spotter hears the first word after a hardship as if there had been none: one second later."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kws import KeywordSpotter, KwsError

from .conftest import RATE, Demo

Signal = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def square(hertz: float) -> Signal:
    return lambda time, rng: np.where((time * hertz) % 1 < 0.5, 1.0, -1.0)


#: Signals of times in seconds, in -1 .. 1.
HARDSHIPS: dict[str, Signal] = {
    "digital zero": lambda time, rng: 0 * time,
    "DC": lambda time, rng: 0 * time + 0.5,
    "DC at the rail": lambda time, rng: 0 * time - 1,
    "square of 1 Hz": square(1),
    "square of 50 Hz": square(50),
    "square of 440 Hz": square(440),
    "square of 1 kHz": square(1000),
    "Nyquist": square(RATE / 2),
    "noise at full scale": lambda time, rng: rng.choice([-1.0, 1.0], len(time)),
    "faint hiss": lambda time, rng: rng.normal(0, 1e-4, len(time)),
    "impulses": lambda time, rng: (np.round(time * RATE) % 8000 == 0) * 1.0,
}


def check(model: str, hardship: str, seconds: int, demo: Demo) -> None:
    rng = np.random.default_rng(0)
    # a second of a quiet room, and then the first word
    first = round((demo.words[0].start - 0.1) * RATE)
    room = rng.normal(0, 1e-3, RATE - round(0.1 * RATE))
    rest = np.concatenate([room, demo.samples[first:]]).astype(np.float32)
    spotter = KeywordSpotter.default(model)
    expected = [*spotter.process(rest), *spotter.flush()]
    assert len(expected) >= 9
    spotter.reset()
    for at in range(0, seconds, 10):
        time = at + np.arange(10 * RATE) / RATE
        spotter.process(HARDSHIPS[hardship](time, rng).astype(np.float32))
    found = [*spotter.process(rest), *spotter.flush()]
    found = [one for one in found if one.end > seconds + 1]  # it may itself sound like a word
    assert [one.keyword for one in found] == [one.keyword for one in expected]
    for after, before in zip(found, expected, strict=True):
        assert after.start == pytest.approx(before.start + seconds, abs=1e-6)
        assert after.score == pytest.approx(before.score, abs=0.1)


@pytest.mark.parametrize("hardship", HARDSHIPS)
@pytest.mark.parametrize("model", ["commands", "commands-small"])
def test_a_minute(model: str, hardship: str, demo: Demo) -> None:
    check(model, hardship, 60, demo)


@pytest.mark.slow
@pytest.mark.parametrize("hardship", HARDSHIPS)
def test_two_hours(hardship: str, demo: Demo) -> None:
    check("commands-small", hardship, 7200, demo)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 32768.0, -3.0e38])
def test_samples_that_are_none_are_refused_and_the_stream_goes_on(bad: float, demo: Demo) -> None:
    spotter = KeywordSpotter.default("commands-small")
    expected = [*spotter.process(demo.samples), *spotter.flush()]
    spotter.reset()
    found = []
    for start in range(0, len(demo.samples), 4000):
        chunk = np.zeros(1280, np.float32)
        chunk[700] = bad
        with pytest.raises(KwsError):
            spotter.process(chunk)
        found += spotter.process(demo.samples[start : start + 4000])
    assert [*found, *spotter.flush()] == expected
