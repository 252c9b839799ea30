"""Which audio counts as hours."""

import numpy as np
import pytest

from kws.arrays import Float32
from kws.calibration.hours import LONGEST_PART, HoursCounter, without_silence
from kws.errors import AudioError

RATE = 16000


def noise(seconds: float, seed: int = 0) -> Float32:
    """Return noise that has the levels of 16-bit audio."""
    levels = np.random.default_rng(seed).integers(-3000, 3000, round(seconds * RATE))
    return (levels / 32768).astype(np.float32)


def heard(hours: HoursCounter, samples: Float32, size: int = 1 << 16) -> Float32:
    """Return what is new in a recording that comes in blocks, and check where it is."""
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    parts = list(hours.unheard(blocks))
    for part in parts:
        same = samples[part.offset : part.offset + len(part.samples)]
        np.testing.assert_array_equal(part.samples, same)
    return np.concatenate([np.empty(0, np.float32), *(part.samples for part in parts)])


@pytest.mark.parametrize("size", [160, 5000, 1 << 18])
def test_what_is_new_comes_as_it_was_given(size: int) -> None:
    samples = noise(20.3)
    hours = HoursCounter(RATE)
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    parts = list(hours.unheard(blocks))
    assert [len(part.samples) for part in parts] == [len(block) for block in blocks]
    np.testing.assert_array_equal(np.concatenate([part.samples for part in parts]), samples)
    assert hours.seconds == len(samples) / RATE
    assert hours.repeated_seconds == hours.silent_seconds == 0


def test_a_recording_twelve_times_is_one() -> None:
    hours = HoursCounter(RATE)
    for _ in range(12):
        heard(hours, noise(10))
    assert hours.seconds == 10
    assert hours.repeated_seconds == 110


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0])
def test_short_recordings_are_compared_too(seconds: float) -> None:
    hours = HoursCounter(RATE)
    for seed in (0, 1, 0, 0, 1):
        heard(hours, noise(seconds, seed))
    assert hours.seconds == pytest.approx(2 * seconds)


def test_a_loop_and_a_copy_that_begins_elsewhere() -> None:
    hours = HoursCounter(RATE)
    loop = noise(10.0023)
    heard(hours, np.concatenate([loop] * 12), 5000)
    assert 10 < hours.seconds < 13  # the parts around where the loop closes are new once
    before = hours.seconds
    heard(hours, loop[12345:], 777)
    assert hours.seconds < before + 5


def test_what_is_new_between_what_was_heard() -> None:
    hours = HoursCounter(RATE)
    old, new = noise(20), noise(20, 1)
    heard(hours, old)
    rest = heard(hours, np.concatenate([old, new, old]))
    assert 20 * RATE <= len(rest) < 28 * RATE
    assert hours.seconds == (len(old) + len(rest)) / RATE


def test_digital_silence_is_passed_on_and_not_counted() -> None:
    hours = HoursCounter(RATE)
    silence = np.zeros(600 * RATE, np.float32)
    assert len(heard(hours, silence)) == len(silence)
    assert len(heard(hours, silence + np.float32(0.25))) == len(silence)  # a constant is none too
    assert hours.seconds == 0
    assert hours.silent_seconds == 1200
    # a pause that is shorter than a second is one that a gate leaves
    gated = np.concatenate([noise(5), silence[:RATE], noise(5, 1), silence[: 2 * RATE]])
    heard(hours, gated, 999)
    assert hours.seconds == 11
    assert hours.silent_seconds == 1202


def dither(seconds: int) -> np.ndarray:
    """What a muted microphone or an editor gives: noise of one level of 16 bits."""
    levels = np.random.default_rng(0).integers(-1, 2, seconds * RATE)
    return (levels / 32768).astype(np.float32)


def test_dither_is_digital_silence() -> None:
    hours = HoursCounter(RATE)
    heard(hours, dither(60), 777)
    heard(hours, dither(60) + np.float32(0.1))
    assert hours.seconds == 0
    assert hours.silent_seconds > 100
    assert len(without_silence(dither(60), RATE)) == 0


def test_the_faintest_microphone_counts() -> None:
    hours = HoursCounter(RATE)
    faint = np.random.default_rng(0).normal(0, 1 / 32768, 60 * RATE).astype(np.float32)
    heard(hours, faint)
    assert hours.seconds == 60
    assert without_silence(faint, RATE) is faint


def test_silence_counts_as_such_where_the_rest_is_not_wanted() -> None:
    hours = HoursCounter(RATE)
    silence = np.zeros(60 * RATE, np.float32)
    for part in hours.unheard(silence[start : start + RATE] for start in range(0, 60 * RATE, RATE)):
        if part.offset > 20 * RATE:
            break
    assert hours.seconds == 0


def test_damage_comes_after_what_was_read() -> None:
    def blocks():
        yield noise(1)
        raise AudioError("a.flac: is damaged")

    hours = HoursCounter(RATE)
    parts = hours.unheard(blocks())
    assert len(next(parts).samples) == RATE
    with pytest.raises(AudioError, match="damaged"):
        next(parts)
    assert hours.seconds == 1


def test_no_more_than_a_part_is_held() -> None:
    taken = given = 0

    def blocks():
        nonlocal taken
        for number in range(60):
            taken += RATE
            yield noise(1, number) if number % 20 else np.zeros(RATE, np.float32)

    for part in HoursCounter(RATE).unheard(blocks()):
        given += len(part.samples)
        assert taken - given <= LONGEST_PART + RATE
    assert given == taken


def test_long_silence_is_cut_out() -> None:
    sound = noise(2)
    assert without_silence(sound, RATE) is sound
    silence = np.zeros(3 * RATE, np.float32)
    cut = without_silence(np.concatenate([silence, sound, silence, sound]), RATE)
    np.testing.assert_array_equal(cut, np.concatenate([sound, sound]))
    assert len(without_silence(silence, RATE)) == 0
