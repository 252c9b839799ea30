"""The verb models: which models are in the package, and what each of them promises."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..packaged import (
    NAMES,
    PHONEMES,
    WAKE_WORDS,
    MeasuredAccuracy,
    MeasuredPhonemes,
    MeasuredWakeWord,
    measured_accuracy,
    measured_phonemes,
    measured_wake_word,
    packaged_content,
    packaged_model,
)
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
    figures: MeasuredAccuracy | MeasuredWakeWord | MeasuredPhonemes
    if name == PHONEMES:
        figures = measured_phonemes()
    else:
        figures = measured_wake_word(name) if name in WAKE_WORDS else measured_accuracy(name)
    return {
        "name": name,
        "bytes": len(packaged_content(name)),
        "task": metadata.task,
        "keywords": list(metadata.keywords),
        **_values(figures),
        "measured_on": figures.data,
        "measured_by": figures.command,
        "measured": figures.date,
    }


def _values(figures: MeasuredAccuracy | MeasuredWakeWord | MeasuredPhonemes) -> dict[str, Any]:
    """Return what was measured as JSON values."""
    if isinstance(figures, MeasuredPhonemes):
        return {"phoneme_error_rate": figures.error_rate, "phonemes": figures.phonemes}
    if isinstance(figures, MeasuredAccuracy):
        return {
            "accuracy": figures.accuracy,
            "accuracy_interval": list(figures.interval),
            "clips": figures.clips,
        }
    return {
        "miss_rate": figures.miss_rate,
        "miss_rate_interval": list(figures.miss_rate_interval),
        "recordings": figures.recordings,
        "false_accepts_per_hour": figures.false_accepts_per_hour,
        "false_accepts_per_hour_interval": list(figures.false_accepts_per_hour_interval),
        "hours": figures.hours,
        "trained_on": figures.training,
    }


def _lines(models: list[dict[str, Any]]) -> list[str]:
    """Return the list as a table for people, and what its figures are."""
    width = max(len(model["name"]) for model in models)
    lines = [f"{'name':{width}}  task           size  keywords"]
    for model in models:
        size = f"{model['bytes'] / 1000:4.0f} kB"
        lines += [
            f"{model['name']:{width}}  {model['task']:10}  {size}  {_shown(model['keywords'])}",
            f"{'':{width}}  {_figures(model)}",
        ]
    lines += ["", "measured with 95 % intervals, at the thresholds in the files:"]
    by_data: dict[str, list[str]] = {}
    for model in models:
        by_data.setdefault(model["measured_on"], []).append(model["measured_by"])
    for data, commands in by_data.items():
        lines += [f"on {data}:", *(f"  {command}" for command in commands)]
    return lines


def _figures(model: dict[str, Any]) -> str:
    """Return what a model of the package does, in a line."""
    if "phoneme_error_rate" in model:
        return f"{100 * model['phoneme_error_rate']:.1f} % of phonemes written down wrongly"
    if "accuracy" in model:
        low, high = (100 * bound for bound in model["accuracy_interval"])
        return f"{100 * model['accuracy']:.1f} % of clips right ({low:.1f} to {high:.1f})"
    low, high = (100 * bound for bound in model["miss_rate_interval"])
    least, most = model["false_accepts_per_hour_interval"]
    return (
        f"{100 * model['miss_rate']:.1f} % missed ({low:.1f} to {high:.1f}), "
        f"{model['false_accepts_per_hour']:.2f} false accepts per hour "
        f"({least:.2f} to {most:.2f})"
    )


def _shown(keywords: list[str]) -> str:
    """Return the first keywords, and how many more there are."""
    if not keywords:
        return "those that are typed: --phrase"
    shown = ", ".join(keywords[:MOST_KEYWORDS])
    more = len(keywords) - MOST_KEYWORDS
    return f"{shown} and {more} more" if more > 0 else shown


MODELS = Verb(
    "models",
    "list the models in the package: size, task, keywords, and how well they do",
    "kws models --json",
    _configure,
    _run,
)
