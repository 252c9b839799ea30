"""How far what was written down is from what was said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def edit_distance(wanted: Sequence[object], found: Sequence[object]) -> int:
    """Return Levenshtein's distance: replacements, deletions and insertions.

    Parameters
    ----------
    wanted : sequence of object
        What was said: words, phonemes or other signs, each a text or a number.
    found : sequence of object
        What was written down.

    Returns
    -------
    int
        The fewest changes that make one of the other: 0 if they are the same.

    Examples
    --------
    >>> edit_distance(["turn", "it", "on"], ["turn", "on", "now"])
    2
    """
    other = np.array(list(found), object)
    row = np.arange(len(other) + 1)
    for count, sign in enumerate(wanted, 1):
        new = np.minimum(row[1:] + 1, row[:-1] + (other != sign))
        new = np.concatenate([[count], new])
        # an insertion takes the cost of the place before it, and one more
        row = np.minimum.accumulate(new - np.arange(len(new))) + np.arange(len(new))
    return int(row[-1])
