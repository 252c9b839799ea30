"""What a spotter finds: detections in a stream, and the classification of a clip."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Detection:
    """A keyword was said, or a sound was heard.

    Attributes
    ----------
    keyword : str
        Which one of the model's keywords.
    score : float
        Smoothed score, 0 .. 1.
    start, end : float
        Where the word or sound is, in seconds since the first sample (after the last reset).
    """

    keyword: str
    score: float
    start: float
    end: float


@dataclass(frozen=True)
class Classification:
    """What a clip is.

    Attributes
    ----------
    label : str
        The most probable label.
    score : float
        Its score, 0 .. 1.
    scores : dict of str to float
        Every label's score; they add up to 1, but not those of wake words.
    """

    label: str
    score: float
    scores: dict[str, float]
