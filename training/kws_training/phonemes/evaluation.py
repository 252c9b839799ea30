"""Which phonemes a network writes down."""

from __future__ import annotations

import numpy as np

from kws.arrays import Float32
from kws.phonemes.symbols import BLANK_INDEX, VOICE_INDEX


def written(logits: Float32) -> list[int]:
    """Return the phonemes on the best path, frame by frame, without repetitions and blanks.

    Parameters
    ----------
    logits : float32 (output frames, outputs)
        In the order of `kws.phonemes.symbols.OUTPUTS`.

    Returns
    -------
    list of int
        Indices in `kws.phonemes.symbols.PHONEMES`.
    """
    best = logits[:, :VOICE_INDEX].argmax(1)
    changed = np.flatnonzero(np.diff(best, prepend=BLANK_INDEX))
    return [int(best[n]) - 1 for n in changed if best[n] != BLANK_INDEX]
