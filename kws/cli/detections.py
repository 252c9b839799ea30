"""The spotter that the arguments ask for, and its detections as lines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..console import quiet
from ..detections import Detection, detection_values
from ..errors import ModelError
from ..group import SpotterGroup
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
    return _open_one(options, options.model, sample_rate)


def open_spotters(
    options: argparse.Namespace, sample_rate: int | None
) -> KeywordSpotter | SpotterGroup:
    """Return the spotter of one model, or that of several which hear the same audio.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments; ``model`` is a list, or None.
    sample_rate : int or None
        Of the audio that will come, in Hz; None for that of the model.

    Returns
    -------
    KeywordSpotter or SpotterGroup
        A group where more than one model is given.

    Raises
    ------
    ModelError
        If a keyword is none of any model's, or a model has none of the keywords that matter.
    """
    names = options.model or [None]
    if len(names) == 1:
        return _open_one(options, names[0], sample_rate)
    # a model is called as the user called it
    models = [replace(find_model(name), path=str(name)) for name in names]
    own = {model.path: model.metadata.keywords for model in models}
    keywords = None
    if options.keywords is not None:
        for keyword in options.keywords:
            if not any(keyword in known for known in own.values()):
                raise ModelError(f"{keyword!r:.100} is no keyword of any of the models")
        keywords = {
            name: [keyword for keyword in options.keywords if keyword in known]
            for name, known in own.items()
        }
        for name, some in keywords.items():
            if not some:
                raise ModelError(f"{name}: has none of the keywords that matter: leave it out")
    thresholds = None
    if options.threshold is not None:
        known: Mapping[str, Sequence[str]] = own if keywords is None else keywords
        thresholds = {name: dict.fromkeys(some, options.threshold) for name, some in known.items()}
    with quiet():
        return SpotterGroup(models, sample_rate, thresholds=thresholds, keywords=keywords)


def _open_one(
    options: argparse.Namespace, name: Path | None, sample_rate: int | None
) -> KeywordSpotter:
    model = find_model(name)
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
        whose = f"  {detection.model}" if detection.model else ""
        print(
            f"{where}{detection.start:8.2f} – {detection.end:.2f} s  "
            f"{detection.keyword:<12} {detection.score:.2f}{whose}",
            flush=True,
        )
