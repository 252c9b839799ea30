"""What `kws train --phrases` does: a model for each phrase of a list, and one report of all.

Each has the same bytes whoever trains it, and beside whatever else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from kws.console import note
from kws.errors import KwsError

from ..data.spelling import plain
from ..spreading.workers import Workers
from .model_jobs import ModelJob, key_of, write_report
from .phrase_list import ListedPhrase, read_phrases
from .train_config import WakeWordConfig, config_of
from .train_wake_words import run_wake_words

#: Part of the key of what was trained. It goes up when the same recordings give another model.
VERSION = 2


@dataclass(frozen=True)
class PhraseJob(ModelJob):
    """A phrase to train.

    Attributes
    ----------
    config : WakeWordConfig
        What the user decided; its output is the model file of the phrase.
    """

    config: WakeWordConfig


def run_phrases(options: argparse.Namespace, workers: Workers) -> int:
    """Train a model for each phrase of a list; returns the exit status.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments of `kws train`.
    workers : Workers
        Each trains a phrase of its own.
    """
    folder: Path = options.output
    if options.wake_words or options.positives:
        raise KwsError("--phrases: the list names phrases and recordings: leave out --wake-word")
    if folder.exists() and not folder.is_dir():
        raise KwsError(f"{folder}: is a file: --phrases writes a folder of models")
    listed = read_phrases(options.phrases)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(options, listed)
    missing = [job for job in jobs if job.done() is None]
    if len(missing) < len(jobs):
        note(f"{len(jobs) - len(missing)} of {len(jobs)} phrases are trained already")
    for _ in workers.spread(train_phrase, missing, len(missing), "phrases"):
        pass
    results = [job.done() for job in jobs]
    report, page = {"phrases": results}, _page(results)
    write_report(folder, report, page)
    print(json.dumps(report, indent=1) if options.json else "\n".join(page))
    return 0


def _jobs(options: argparse.Namespace, listed: Sequence[ListedPhrase]) -> list[PhraseJob]:
    """Return what is to be trained; arguments that do not fit are refused before all work."""
    jobs: list[PhraseJob] = []
    names: set[str] = set()
    for one in listed:
        name = plain(one.phrase).replace(" ", "_")
        if name in names:
            raise KwsError(f"{options.phrases}: {one.phrase!r:.60}: is there twice")
        names.add(name)
        own = copy(options)
        own.wake_words, own.positives = [one.phrase], [list(one.positives)] * bool(one.positives)
        own.task, own.output = "wake-words", options.output / f"{name}.tflite"
        own.jobs, own.ray = 1, None  # who trains a phrase does all of its work
        own.language = one.language or options.language
        own.synthesize = options.synthesize if one.synthesize is None else one.synthesize
        config = config_of(own)
        assert isinstance(config, WakeWordConfig)
        if config.board is not None:
            raise KwsError("--board: is for one wake word: leave it out, or leave out --phrases")
        settings = {**asdict(config), "output": None}  # wherever it goes
        groups = (config.negatives, config.noise, *config.positives)
        key = key_of(VERSION, settings, chain.from_iterable(groups))
        jobs.append(PhraseJob(config.output, key, config))
    return jobs


def train_phrase(job: PhraseJob) -> None:
    """Train the model of a phrase, and write what came of it beside it.

    Parameters
    ----------
    job : PhraseJob
        The phrase. What the training says goes into a ``.log`` beside the model.
    """
    with job.logged():
        trained = run_wake_words(job.config)
    phrase = {"phrase": job.config.wake_words[0]}
    job.finish({**phrase, **trained.figures, "skipped": len(trained.skipped)})


def _page(results: Sequence[Any]) -> list[str]:
    """Return the report for people: a table of Markdown, the phrase with most misses first."""
    lines = [
        "| phrase | model | threshold | false accepts per hour | missed | measured on |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows = []
    for one in results:
        threshold = one["thresholds"][one["phrase"]]
        point = next((p for p in one["operating_points"] if p["threshold"] == threshold), None)
        alarms = misses = hours = "not measured"
        missed = -1.0
        if point is not None:
            alarms = f"{point['false_accepts_per_hour']:.2f}"
            hours = f"{point['hours']:.2f} h"
            if point["miss_rate"] is not None:
                missed = point["miss_rate"]
                misses = f"{missed:.1%} of {point['recordings']}"
        cells = (one["phrase"].replace("|", "\\|"), one["model"], f"{threshold:.4g}", alarms)
        rows.append((missed, f"| {' | '.join((*cells, misses, hours))} |"))
    return lines + [row for _, row in sorted(rows, key=lambda row: -row[0])]
