"""The verb models: which models are in the package, and how good each of them is."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..packaged import NAMES, measured_accuracy, packaged_content, packaged_model
from .verb import Verb

#: Keywords of a model that are printed; `--json` has all of them.
MOST_KEYWORDS = 10


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the list as one JSON object")


def _run(options: argparse.Namespace) -> int:
    models = [_described(name) for name in NAMES]
    if options.json:
        print(json.dumps({"models": models}, indent=1))
    else:
        print("\n".join(_lines(models)))
    return 0


def _described(name: str) -> dict[str, Any]:
    """Return what is known of a model of the package as JSON values."""
    metadata = packaged_model(name).metadata
    measured = measured_accuracy(name)
    return {
        "name": name,
        "bytes": len(packaged_content(name)),
        "task": metadata.task,
        "keywords": list(metadata.keywords),
        "accuracy": measured.accuracy,
        "accuracy_interval": list(measured.interval),
        "clips": measured.clips,
        "measured_on": measured.data,
        "measured_by": measured.command,
        "measured": measured.date,
    }


def _lines(models: list[dict[str, Any]]) -> list[str]:
    """Return the list as a table for people, and what its figures are."""
    width = max(len(model["name"]) for model in models)
    lines = [f"{'name':{width}}  task           size  accuracy, 95 % interval  keywords"]
    for model in models:
        low, high = (100 * bound for bound in model["accuracy_interval"])
        accuracy = f"{100 * model['accuracy']:.1f} % ({low:.1f} to {high:.1f})"
        lines.append(
            f"{model['name']:{width}}  {model['task']:10}  {model['bytes'] / 1000:4.0f} kB  "
            f"{accuracy:23}  {_shown(model['keywords'])}"
        )
    lines += ["", f"accuracy: {models[0]['measured_on']};", "measured by:"]
    lines += [f"  {model['measured_by']}" for model in models]
    return lines


def _shown(keywords: list[str]) -> str:
    """Return the first keywords, and how many more there are."""
    shown = ", ".join(keywords[:MOST_KEYWORDS])
    more = len(keywords) - MOST_KEYWORDS
    return f"{shown} and {more} more" if more > 0 else shown


MODELS = Verb(
    "models",
    "list the models in the package: size, task, keywords, accuracy",
    "kws models --json",
    _configure,
    _run,
)
