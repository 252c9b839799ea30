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
from ..modelfile import ModelFile
from ..packaged import PHONEMES, find_model
from ..phonemes.symbols import PHONEME_TASK
from ..spotter import KeywordSpotter
from ..typed.model import typed_model


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
    if model.metadata.task == PHONEME_TASK:
        raise _no_phrase(model)
    return _open_one(options, model, sample_rate)


def open_spotters(
    options: argparse.Namespace, sample_rate: int | None
) -> KeywordSpotter | SpotterGroup:
    """Return the spotter of one model, or that of several which hear the same audio.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments; ``model`` and ``phrases`` are lists, or None.
    sample_rate : int or None
        Of the audio that will come, in Hz; None for that of the model.

    Returns
    -------
    KeywordSpotter or SpotterGroup
        A group where more than one model is given.

    Raises
    ------
    ModelError
        If a keyword is none of any model's, or a model has none of the keywords that matter, or
        there are phonemes without a phrase.
    KwsError
        If a phrase cannot be pronounced.
    """
    models = _models(options.model or [], options.phrases or [])
    if len(models) == 1:
        return _open_one(options, models[0], sample_rate)
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
        return SpotterGroup(
            models, sample_rate, thresholds=thresholds, keywords=keywords, vad=options.vad
        )


def _models(names: Sequence[Path], phrases: Sequence[str]) -> list[ModelFile]:
    """Return the models that listen, one of them for phrases that are typed."""
    if not names and not phrases:
        return [find_model(None)]
    found = [find_model(name) for name in names]
    if len(names) + bool(phrases) > 1:  # a model is called as the user called it
        found = [replace(model, path=str(name)) for model, name in zip(found, names, strict=True)]
    networks = [model for model in found if model.metadata.task == PHONEME_TASK]
    if networks and not phrases:
        raise _no_phrase(networks[0])
    if not phrases:
        return found
    if len(networks) > 1:
        raise ModelError(f"{networks[1].path}: is a second phoneme network: leave one out")
    network = networks[0] if networks else find_model(None, PHONEMES)
    others = [model for model in found if model.metadata.task != PHONEME_TASK]
    return [*others, typed_model(network, phrases)]


def _no_phrase(model: ModelFile) -> ModelError:
    return ModelError(f"{model.path}: hears phonemes, and no words: say which with --phrase")


def _open_one(
    options: argparse.Namespace, model: ModelFile, sample_rate: int | None
) -> KeywordSpotter:
    keywords = options.keywords
    thresholds = None
    if getattr(options, "threshold", None) is not None:
        known = model.metadata.keywords if keywords is None else keywords
        thresholds = dict.fromkeys(known, options.threshold)
    with quiet():
        return KeywordSpotter(
            model,
            sample_rate=sample_rate,
            thresholds=thresholds,
            keywords=keywords,
            vad=getattr(options, "vad", False),
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
