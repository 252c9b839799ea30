"""Two models on the same clips: the test, against cases that can be counted by hand."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from kws_training.data.dataset import Clip, DataError
from kws_training.evaluation.compare import Comparison, shared_clips
from kws_training.evaluation.paired import (
    PairedCounts,
    clips_needed,
    difference_interval,
    mcnemar,
    mcnemar_worse,
)


def by_hand(lost, won):
    """One-sided: all the ways in which coins would fall as badly, or worse."""
    total = lost + won
    return sum(math.comb(total, k) for k in range(lost, total + 1)) / 2**total


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (1, 0), (7, 1), (1, 7), (12, 12), (40, 20)])
def test_mcnemar_counts_coins(lost, won):
    assert mcnemar_worse(lost, won) == pytest.approx(by_hand(lost, won))
    two = min(1, 2 * by_hand(max(lost, won), min(lost, won)))
    assert mcnemar(lost, won) == pytest.approx(two)
    assert mcnemar(lost, won) == mcnemar(won, lost)


def test_example_of_the_literature():
    # airway hyper-responsiveness, Fagerland, Lydersen and Laake 2014: 1, 1, 7, 12 of 21
    counts = PairedCounts(both=1, only_old=7, only_new=1, neither=12)
    assert mcnemar(7, 1) == pytest.approx(0.0703, abs=1e-4)
    assert difference_interval(counts) == pytest.approx((-0.508, -0.013), abs=1e-3)


def test_interval_of_no_change_is_around_zero_and_narrows():
    few = difference_interval(PairedCounts(45, 5, 5, 45))
    many = difference_interval(PairedCounts(4500, 500, 500, 4500))
    assert few[0] == pytest.approx(-few[1])
    assert few[0] < many[0] < 0 < many[1] < few[1]


def test_clips_needed_finds_the_change_as_often_as_it_says():
    """Simulated: models that differ by one point, on as many clips as are said to be needed."""
    import numpy as np

    differing = 0.05
    clips = clips_needed(differing, 0.05)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        lost, won, _ = rng.multinomial(clips, [differing / 2 + 0.005, differing / 2 - 0.005, 0.95])
        found += mcnemar_worse(int(lost), int(won)) < 0.05
    # the exact test is a little more careful than the formula, which is for large numbers
    assert 0.72 < found / 1000 < 0.85
    assert clips_needed(0.1, 0.05) > clips
    assert clips_needed(differing, 0.01) > clips


def compared(counts, alpha=0.05):
    difference = counts.new_accuracy - counts.old_accuracy
    return Comparison(
        counts=counts,
        classes=(),
        speakers=0,
        alpha=alpha,
        p_value=mcnemar(counts.only_old, counts.only_new),
        p_worse=mcnemar_worse(counts.only_old, counts.only_new),
        difference=difference,
        interval=difference_interval(counts),
        clips_needed=clips_needed(0.02, alpha),
        skipped=(),
    )


def test_worse_is_less_accurate_and_not_by_chance():
    assert compared(PairedCounts(80, 10, 2, 8)).worse
    assert not compared(PairedCounts(80, 3, 1, 8)).worse  # by chance
    assert not compared(PairedCounts(80, 2, 10, 8)).worse  # better
    assert not compared(PairedCounts(80, 0, 0, 20)).worse  # the same
    assert not replace(compared(PairedCounts(80, 10, 2, 8)), alpha=0.01).worse


def test_verdict_is_a_line_with_the_reason():
    worse = compared(PairedCounts(80, 10, 2, 8))
    assert worse.verdict.startswith("new is worse: -8.0 points (10 clips lost, 2 won")
    assert "not shown to be worse" in compared(PairedCounts(80, 3, 1, 8)).verdict
    assert "too few to see a change of one point" in worse.doubt
    assert compared(PairedCounts(80000, 100, 100, 8000)).doubt == ""


def clips_of(*words):
    return [Clip(Path(f"{word}/{n}.wav"), word, word, str(n)) for n, word in enumerate(words)]


OLD = ("_silence_", "_unknown_", "yes", "no", "stop")
NEW = ("_silence_", "_unknown_", "yes", "no", "go")


def test_different_labels_are_compared_over_what_is_shared():
    clips = clips_of("yes", "stop", "go", "cat", "_unknown_", "_silence_")
    shared, left_out = shared_clips(clips, OLD, NEW)
    labels = ["yes", "_unknown_", "_unknown_", "_silence_"]
    assert [clip.label for clip in shared] == labels
    assert [clip.word for clip in shared][1] == "cat"
    assert [skip.path.parent.name for skip in left_out] == ["stop", "go"]


def test_sounds_have_no_unknown():
    shared, left_out = shared_clips(
        clips_of("rain", "dog", "cat"), ("rain", "dog"), ("dog", "rain")
    )
    assert [clip.label for clip in shared] == ["rain", "dog"]
    assert [skip.path.parent.name for skip in left_out] == ["cat"]


def test_nothing_in_common_is_refused():
    with pytest.raises(DataError, match="share no keyword"):
        shared_clips(clips_of("yes"), OLD, ("_unknown_", "rain"))
    with pytest.raises(DataError, match="none of the recordings"):
        shared_clips(clips_of("stop"), OLD, NEW)
