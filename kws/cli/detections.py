"""The spotter that the arguments ask for, and its detections as lines."""

from __future__ import annotations

import argparse
import json

from ..console import quiet
from ..detections import Detection, detection_values
from ..packaged import find_model
from ..spotter import KeywordSpotter


def open_spotter(options: argparse.Namespace, sample_rate: int | None) -> KeywordSpotter:
    """Return the spotter that the arguments ask for: model, keywords, threshold.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.
    sample_rate : int or None
        Of the audio that will come, in Hz; None for that of the model.

    Returns
    -------
    KeywordSpotter
    """
    model = find_model(options.model)
    keywords = options.keywords
    thresholds = None
    if getattr(options, "threshold", None) is not None:
        known = model.metadata.keywords if keywords is None else keywords
        thresholds = dict.fromkeys(known, options.threshold)
    with quiet():
        return KeywordSpotter(
            model, sample_rate=sample_rate, thresholds=thresholds, keywords=keywords
        )


def print_detection(detection: Detection, file: str, *, as_json: bool, named: bool) -> None:
    """Print a detection as a line for people, or as a JSON object.

    Parameters
    ----------
    detection : Detection
        What was detected.
    file : str
        The recording, as it was named; ``-`` for a pipe or a microphone.
    as_json : bool
        Whether to print a JSON object.
    named : bool
        Whether to begin the line for people with the recording.
    """
    if as_json:
        print(json.dumps(detection_values(detection, file)), flush=True)
    else:
        where = f"{file}: " if named else ""
        print(
            f"{where}{detection.start:8.2f} – {detection.end:.2f} s  "
            f"{detection.keyword:<12} {detection.score:.2f}",
            flush=True,
        )
