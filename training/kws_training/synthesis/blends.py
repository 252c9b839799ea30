"""Voices blended from others: names that say of which, and as many of them as asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

#: Most voices that one blend is made of.
MOST_PARTS = 3
#: Least share of a voice in a blend, in percent: less of it is hardly heard.
LEAST_SHARE = 20
#: Draws for each blend before it is said that there are no more.
DRAWS = 50


def blend_name(parts: dict[str, int]) -> str:
    """Write a blend as the name of a voice.

    Parameters
    ----------
    parts : dict of str to int
        Share of each voice in percent, the largest first.

    Returns
    -------
    str
        The voice's own name if it is alone; it begins with the voice that has the largest share.

    Examples
    --------
    >>> blend_name({"af_heart": 60, "bm_lewis": 40})
    'af_heart-60+bm_lewis-40'
    """
    if len(parts) == 1:
        return next(iter(parts))
    return "+".join(f"{voice}-{share}" for voice, share in parts.items())


def read_blend(name: str) -> dict[str, int]:
    """Return the voices that a name stands for, and the share of each.

    Parameters
    ----------
    name : str
        As `blend_name` writes it.

    Returns
    -------
    dict of str to int
        Share of each voice in percent.

    Raises
    ------
    ValueError
        If the name is none.

    Examples
    --------
    >>> read_blend("af_heart-60+bm_lewis-40")
    {'af_heart': 60, 'bm_lewis': 40}
    """
    if re.fullmatch(r"\w+", name):
        return {name: 100}
    parts = {}
    for part in name.split("+"):
        found = re.fullmatch(r"(\w+)-(\d{1,3})", part)
        if found is None or found[1] in parts:
            raise ValueError(f"{name!r:.100} is no blend of voices")
        parts[found[1]] = int(found[2])
    return parts


def draw_blends(voices: Sequence[str], count: int, seed: int) -> list[str]:
    """Draw blends of two or three voices.

    Parameters
    ----------
    voices : sequence of str
        Names of letters, digits and underscores.
    count : int
        Number of blends. Few voices have fewer.
    seed : int
        What is drawn first does not depend on the count.

    Returns
    -------
    list of str
        The names of different blends.
    """
    rng = np.random.default_rng((seed, 0xB1E4D))
    drawn: dict[str, None] = {}
    for _ in range(count * DRAWS):
        if len(drawn) == count or len(voices) < 2:
            break
        number = int(rng.integers(2, min(MOST_PARTS, len(voices)) + 1))
        chosen = [voices[one] for one in rng.choice(len(voices), number, replace=False)]
        # what is left after the least shares is divided at random, in steps of 5 percent
        left = (100 - LEAST_SHARE * number) // 5
        cuts = np.sort(rng.integers(0, left + 1, number - 1))
        shares = LEAST_SHARE + 5 * np.diff([0, *cuts, left])
        parts = sorted(zip(chosen, map(int, shares), strict=True), key=lambda one: (-one[1], one))
        drawn[blend_name(dict(parts))] = None
    return list(drawn)
