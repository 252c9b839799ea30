"""What is told of sound that is none."""

from __future__ import annotations

import numpy as np
import pytest

from kws.sound_watch import SoundWatch

RATE = 16000
CHUNK = 1280


def told(samples: np.ndarray) -> tuple[list[str], int]:
    watch = SoundWatch(RATE)
    pieces = np.array_split(samples.astype(np.float32), max(1, len(samples) // CHUNK))
    return [line for line in map(watch.push, pieces) if line is not None], watch.faults


def room(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1e-3, round(seconds * RATE))


def square(seconds: float) -> np.ndarray:
    return np.sign(np.sin(2 * np.pi * 440 / RATE * (np.arange(round(seconds * RATE)) + 0.5)))


@pytest.mark.parametrize(
    ("fault", "what", "advice"),
    [
        (np.zeros(3600 * RATE), "3600 s of digital silence", "muted"),
        (np.full(60 * RATE, 0.5), "60 s of a constant", "driver"),
        (np.full(60 * RATE, -1.0), "60 s of a constant", "driver"),
        (square(60), "60 s of sound at full scale", "gain"),
    ],
    ids=["zero", "dc", "rail", "square"],
)
def test_a_fault_is_told_once_and_its_end_too(fault: np.ndarray, what: str, advice: str) -> None:
    lines, faults = told(np.concatenate([room(0.8), fault, room(2)]))
    begun, ended = lines
    assert faults == 1
    assert begun.startswith("nothing but ")
    assert advice in begun
    assert ended == f"sound comes again after {what}"


def test_sound_is_no_fault() -> None:
    loud = np.clip(4 * np.random.default_rng(1).normal(0, 0.2, 20 * RATE), -1, 1)
    for samples in (room(60), loud, room(60) + 0.5, np.zeros(9 * RATE), np.zeros(0)):
        assert told(samples) == ([], 0)


def test_one_fault_after_another() -> None:
    lines, faults = told(np.concatenate([np.zeros(20 * RATE), square(20), room(1)]))
    assert faults == 2
    assert [line.split(" after ")[0] for line in lines] == [
        "nothing but digital silence comes: is the microphone muted?",
        "sound comes again",
        "nothing but sound at full scale comes: is its gain too high, or the cable loose?",
        "sound comes again",
    ]
