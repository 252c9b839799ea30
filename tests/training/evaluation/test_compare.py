"""Two models on the same clips: the test, against cases that can be counted by hand."""

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
