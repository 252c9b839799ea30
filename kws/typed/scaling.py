"""How the score of a phrase becomes a number that means the same for all phrases.

In speech in which nobody says it, the peaks of a phrase's score grow rarer the higher they are: so
many times for each unit of score per phoneme, from a height that depends on the phrase's length. So
the odds of its scaled score say how often it would fire by itself: from a score of t on, about
``RATE * (1 - t) / t`` times per hour of speech. A phrase differs from that by some factor; `kws
calibrate` measures it.

The constants are those of the network whose digest begins with 6d2fc804e347, fitted by ``python
benchmarks/phrase_scaling.py --phrases 40 --background speech/orders wake_words/computer``.
"""

from __future__ import annotations

from ..phonemes.contract import Phrase

#: Logit per unit of a phrase's score per phoneme.
SLOPE = 5.0
#: Score per phoneme at which a phrase without end fires `RATE` times per hour of speech.
CENTRE = -3.3
#: How much higher that score is for a phrase of one phoneme.
PER_LENGTH = 8.6
#: That score is at most this: phrases of two or three phonemes could not be detected otherwise.
#: They fire more often than their threshold says.
HIGHEST = -0.9
#: False accepts per hour of speech at a threshold of 0.5.
RATE = 0.5


def phrase_length(phrase: Phrase) -> int:
    """Return the number of phonemes of a phrase, as it is said with care.

    Parameters
    ----------
    phrase : Phrase
        The pronunciations of its words.

    Returns
    -------
    int
        At least 1.
    """
    return sum(len(word[0]) for word in phrase)


def centre_of(phrase: Phrase) -> float:
    """Return the score per phoneme at which a phrase fires `RATE` times per hour of speech.

    Parameters
    ----------
    phrase : Phrase
        The pronunciations of its words.

    Returns
    -------
    float
        Where its logit is 0.
    """
    return min(HIGHEST, CENTRE + PER_LENGTH / phrase_length(phrase))


def threshold_for(rate: float) -> float:
    """Return the threshold from which a phrase fires so often by itself, as far as is known.

    Parameters
    ----------
    rate : float
        False accepts per hour of speech, above 0.

    Returns
    -------
    float
        0 .. 1.

    Examples
    --------
    >>> threshold_for(0.5), threshold_for(4.5)
    (0.5, 0.1)
    """
    return RATE / (RATE + rate)
