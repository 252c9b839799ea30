"""What a network writes down."""

import numpy as np

from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS, PHONEMES
from kws_training.phonemes.evaluation import written


def test_repetitions_and_blanks_are_not_written():
    d, ih = (PHONEMES.index(sign) for sign in ("d", "ih"))
    said = [None, d, d, None, d, ih, ih, None]
    logits = np.zeros((len(said), len(OUTPUTS)), np.float32)
    logits[:, -1] = 9.0  # the voice is no phoneme
    for frame, sign in enumerate(said):
        logits[frame, BLANK_INDEX if sign is None else sign + 1] = 5.0
    assert written(logits) == [d, d, ih]
