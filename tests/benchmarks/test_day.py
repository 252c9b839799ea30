import mmap
from dataclasses import dataclass

import numpy as np
import pytest

from kws import Detection


@pytest.fixture(scope="module")
def day(benchmark_module):
    return benchmark_module("day")


def test_a_short_day_is_flat_and_right_in_time(benchmark):
    done = benchmark("day.py", "--hours", 0.02)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0.017 h  resident" in done.stdout  # after the first minute
    assert "9 in a loop" in done.stdout
    assert "error of the last detection's time: 0.000 ms" in done.stdout


def test_too_few_hours_are_refused(benchmark):
    done = benchmark("day.py", "--hours", 0.01)
    assert done.returncode == 2
    assert "too few" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_rate_that_80_ms_do_not_divide_is_refused(benchmark):
    done = benchmark("day.py", "--sample-rate", 16001)
    assert done.returncode == 2
    assert "16001" in done.stderr


@dataclass
class Clock:
    """Says "yes" 1 s into each loop of 20 s; its clock may run fast, it may keep memory."""

    fast: float = 0.0
    keeps: int = 0
    sample_rate: int = 16000

    def __post_init__(self):
        self.samples, self.kept = 0, []

    def process(self, samples):
        before = self.samples / self.sample_rate
        self.samples += len(samples)
        if self.keeps:
            # a page of its own: what other tests have freed is not taken again
            page = mmap.mmap(-1, self.keeps)
            page.write(bytes(self.keeps))
            self.kept.append(page)
        if before % 20 <= 1 < before % 20 + 0.08:
            said = (before // 20 * 20 + 1) * (1 + self.fast)
            return [Detection("yes", 1.0, said, said + 0.5)]
        return []


LOOP = np.zeros((250, 1280), np.int16)


@pytest.mark.parametrize("fast", [0.0, 1e-5, 1e-4])
def test_drift_is_seen(day, fast):
    outcome = day.stream(Clock(fast), LOOP, 0.1)
    assert outcome.found == ["yes"]
    last_loop = int((360 - 1.5) // 20) - 1
    assert outcome.error == pytest.approx(fast * (last_loop - 1) * 20, abs=1e-9)


def test_growth_is_seen(day):
    outcome = day.stream(Clock(keeps=4096), LOOP, 0.1)
    # five minutes, 12.5 chunks a second
    assert outcome.growth == pytest.approx(300 * 12.5 * 4096, rel=0.2)
    assert outcome.growth > day.MOST_GROWTH


def test_a_word_that_is_missed_at_the_end_is_seen(day):
    class Tired(Clock):
        def process(self, samples):
            found = super().process(samples)
            return found if self.samples < 200 * self.sample_rate else []

    outcome = day.stream(Tired(), LOOP, 0.1)
    assert outcome.expected == ["yes"]
    assert outcome.found == []
    assert outcome.error is None
