"""How many phonemes a network writes down wrongly: the phoneme error rate."""

from __future__ import annotations

from collections.abc import Sequence

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


def errors(wanted: Sequence[int], found: Sequence[int]) -> int:
    """Return Levenshtein's distance: replacements, deletions and insertions.

    Parameters
    ----------
    wanted : sequence of int
        What was said.
    found : sequence of int
        What was written down.

    Returns
    -------
    int
        0 if they are the same.
    """
    other = np.array(found)
    row = np.arange(len(other) + 1)
    for count, sign in enumerate(wanted, 1):
        new = np.minimum(row[1:] + 1, row[:-1] + (other != sign))
        new = np.concatenate([[count], new])
        # an insertion takes the cost of the place before it, and one more
        row = np.minimum.accumulate(new - np.arange(len(new))) + np.arange(len(new))
    return int(row[-1])
