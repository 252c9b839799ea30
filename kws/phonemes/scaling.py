"""How the score of a phrase becomes a number that means the same for all phrases."""

from __future__ import annotations

from .contract import Phrase

#: Logit per unit of a phrase's score.
SLOPE = 4.0


def centre_of(phrase: Phrase) -> float:
    """Return the score of a phrase at which its logit is 0.

    Parameters
    ----------
    phrase : Phrase
        The pronunciations of its words.

    Returns
    -------
    float
        At most 0.
    """
    return -1.5
