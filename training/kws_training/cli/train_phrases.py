"""What `kws train --phrases` does: a model for each phrase of a list, and one report of all.

Each has the same bytes whoever trains it, and beside whatever else.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import sys
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kws.console import note
from kws.errors import KwsError
from kws.files import whole_file
from kws.folders import recordings_below

from ..data.digest import digest_of
from ..data.shards import is_shards, open_shards
from ..data.spelling import plain
from ..spreading.workers import Workers
from .phrase_list import ListedPhrase, read_phrases
from .train_config import WakeWordConfig, config_of
from .train_wake_words import run_wake_words

#: The report of all phrases, for programs and for people.
REPORT = "report.json"
PAGE = "report.md"
#: Part of the key of what was trained. It goes up when the same recordings give another model.
VERSION = 2


@dataclass(frozen=True)
class PhraseJob:
    """A phrase to train.

    Attributes
    ----------
    config : WakeWordConfig
        What the user decided; its output is the model file of the phrase.
    key : str
        Digest of that, and of the recordings that it names.
    """

    config: WakeWordConfig
    key: str

    @property
    def result(self) -> Path:
        """The file that says what came of it, beside the model."""
        return self.config.output.with_suffix(".json")


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
    missing = [job for job in jobs if _trained(job) is None]
    if len(missing) < len(jobs):
        note(f"{len(jobs) - len(missing)} of {len(jobs)} phrases are trained already")
    for _ in workers.spread(train_phrase, missing, len(missing), "phrases"):
        pass
    results = [_trained(job) for job in jobs]
    report = {"phrases": results}
    for name, content in (
        (REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n"),
        (PAGE, "\n".join(_page(results)) + "\n"),
    ):
        with whole_file(folder / name) as stream:
            stream.write(content.encode())
    print(json.dumps(report, indent=1) if options.json else "\n".join(_page(results)))
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
        jobs.append(PhraseJob(config, _key(config)))
    return jobs


def _key(config: WakeWordConfig) -> str:
    """Return a digest of what a model depends on: settings, and the files as the system has them.

    Of the many recordings of negatives their content is not read for it.
    """
    settings = {**asdict(config), "output": None}  # wherever it goes
    files: list[object] = []
    groups = (config.negatives, config.noise, *config.positives)
    for folder in (folder for group in groups for folder in group):
        if is_shards(folder):
            files.append(open_shards(folder).sha256)
        elif folder.is_dir():
            for path in recordings_below(folder):
                state = path.stat()
                files.append((str(path), state.st_size, state.st_mtime_ns))
    return digest_of(VERSION, settings, *files)


def _trained(job: PhraseJob) -> dict[str, Any] | None:
    """Return what came of a phrase that is trained; None if it is not, or otherwise."""
    try:
        found: dict[str, Any] = json.loads(job.result.read_text())
        digest = hashlib.sha256(job.config.output.read_bytes()).hexdigest()
        return found if found["key"] == job.key and found["sha256"] == digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def train_phrase(job: PhraseJob) -> None:
    """Train the model of a phrase, and write what came of it beside it.

    Parameters
    ----------
    job : PhraseJob
        The phrase. What the training says goes into a ``.log`` beside the model.
    """
    output = job.config.output
    with (
        output.with_suffix(".log").open("w") as log,
        contextlib.redirect_stderr(log) if sys.stderr is not None else contextlib.nullcontext(),
    ):
        trained = run_wake_words(job.config)
    content = output.read_bytes()
    found = {
        "key": job.key,
        "phrase": job.config.wake_words[0],
        "model": output.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **trained.figures,
        "skipped": len(trained.skipped),
    }
    with whole_file(job.result) as stream:
        stream.write(json.dumps(found, indent=1, ensure_ascii=False).encode())


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
