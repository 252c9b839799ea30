"""The spotter that the arguments ask for, and its detections as lines."""

from __future__ import annotations

import argparse
import json

from ..console import quiet
from ..detections import Detection
from ..packaged import find_model
from ..spotter import KeywordSpotter


def open_spotter(options: argparse.Namespace, sample_rate: int | None) -> KeywordSpotter:
    """Return the spotter that the arguments ask for: model, keywords, threshold."""
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
    """Print a detection as a line for people, or as a JSON object."""
    if as_json:
        values = {
            "file": file,
            "keyword": detection.keyword,
            "score": round(detection.score, 4),
            "start": round(detection.start, 3),
            "end": round(detection.end, 3),
        }
        print(json.dumps(values), flush=True)
    else:
        where = f"{file}: " if named else ""
        print(
            f"{where}{detection.start:8.2f} – {detection.end:.2f} s  "
            f"{detection.keyword:<12} {detection.score:.2f}",
            flush=True,
        )
