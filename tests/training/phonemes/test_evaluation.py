"""What a network writes down, and how much of it is wrong."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS, PHONEMES
from kws_training.phonemes.evaluation import errors, written

SIGNS = st.lists(st.integers(0, 3), max_size=5)


def reference(wanted, found):
    """Levenshtein's distance by its definition."""
    if not wanted or not found:
        return len(wanted) + len(found)
    return min(
        reference(wanted[1:], found) + 1,
        reference(wanted, found[1:]) + 1,
        reference(wanted[1:], found[1:]) + (wanted[0] != found[0]),
    )


@given(SIGNS, SIGNS)
def test_errors_are_the_fewest_changes(wanted, found):
    assert errors(wanted, found) == reference(wanted, found)


def test_repetitions_and_blanks_are_not_written():
    d, ih = (PHONEMES.index(sign) for sign in ("d", "ih"))
    said = [None, d, d, None, d, ih, ih, None]
    logits = np.zeros((len(said), len(OUTPUTS)), np.float32)
    logits[:, -1] = 9.0  # the voice is no phoneme
    for frame, sign in enumerate(said):
        logits[frame, BLANK_INDEX if sign is None else sign + 1] = 5.0
    assert written(logits) == [d, d, ih]
