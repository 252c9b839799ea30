"""What a user decides about students of wake words, and what holds where nothing is said.

Importing it does not load TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass

from kws_training.wake_words.defaults import FALSE_ACCEPTS_PER_HOUR, HOLD_OUT, SYNTHESIZED

#: Training steps.
STEPS = 1500
#: Times that each recording of a phrase is heard.
COPIES = 6
#: Seconds over which scores are averaged: five of them, as microWakeWord's own models do.
SMOOTHING = 0.15
#: Thresholds are at most so high: scores of 8 bits tell no more than 255 / 256.
HIGHEST_THRESHOLD = 0.98


@dataclass(frozen=True)
class MicroOptions:
    """What a user decides about a student of wake words.

    Attributes
    ----------
    synthesized : int
        Times that text to speech says each phrase, and as often other things; 0 for none.
    language : str
        Language of the phrases: a code of espeak-ng's.
    hold_out : float
        Share of each phrase's recordings, by speaker, on which misses are stated.
    false_accepts_per_hour : float
        False accepts per hour for which the thresholds are chosen.
    steps : int
        Training steps.
    copies : int
        Times that each recording of a phrase is heard.
    seed : int
        Seed of all that is drawn.
    """

    synthesized: int = SYNTHESIZED
    language: str = "en"
    hold_out: float = HOLD_OUT
    false_accepts_per_hour: float = FALSE_ACCEPTS_PER_HOUR
    steps: int = STEPS
    copies: int = COPIES
    seed: int = 0
