"""What is said in which order: the loss, and how many output frames it needs."""

import numpy as np
import pytest

from kws_training.fitting.ctc import ctc_loss, output_frames


def test_output_frames_that_are_needed():
    assert output_frames(()) == 0
    assert output_frames((1, 2, 3)) == 3
    assert output_frames((1, 1, 2, 2)) == 6  # a blank between each two that are alike


def test_the_loss_is_the_one_of_ctc():
    """Against the sum over all alignments, for a case that is small enough."""
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(2, 4, 3)).astype(np.float32)
    phonemes = np.array([[0, 1, -1], [1, -1, -1]], np.int32)
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    def probability(row: int, wanted: list[int]) -> float:
        total = 0.0
        for path in np.ndindex(3, 3, 3, 3):
            merged = [s for n, s in enumerate(path) if n == 0 or s != path[n - 1]]
            if [s for s in merged if s != 2] == wanted:
                total += float(np.prod(share[row, np.arange(4), path]))
        return total

    expected = [-np.log(probability(0, [0, 1])), -np.log(probability(1, [1]))]
    weights = np.array([0.5, 1.0], np.float32)
    found = float(ctc_loss(phonemes, logits, weights))
    assert found == pytest.approx(np.mean(np.array(expected) * weights), rel=1e-4)
