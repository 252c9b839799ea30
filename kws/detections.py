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
    model : str
        Which of several models: its path as it was given. Empty where there is only one.
    """

    keyword: str
    score: float
    start: float
    end: float
    model: str = ""


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


def detection_values(detection: Detection, file: str) -> dict[str, str | float]:
    """Return what a detection is as plain JSON values, the same from every verb and server.

    Parameters
    ----------
    detection : Detection
        What was detected.
    file : str
        The recording, as it was named; ``-`` for a pipe, a microphone or a connection.

    Returns
    -------
    dict of str to str or float
        ``file``, ``keyword``, ``score`` (0 .. 1), ``start`` and ``end`` (seconds); ``model`` where
        there are several.

    Examples
    --------
    >>> detection_values(Detection("yes", 0.98765, 1.0, 1.51234), "-")
    {'file': '-', 'keyword': 'yes', 'score': 0.9877, 'start': 1.0, 'end': 1.512}
    """
    values: dict[str, str | float] = {
        "file": file,
        "keyword": detection.keyword,
        "score": round(detection.score, 4),
        "start": round(detection.start, 3),
        "end": round(detection.end, 3),
    }
    if detection.model:
        values["model"] = detection.model
    return values
