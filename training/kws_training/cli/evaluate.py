"""The verb evaluate: how good a model is on clips."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kws.arrays import Int16
from kws.cli.arguments import MODEL_HELP, names
from kws.cli.verb import Verb
from kws.metadata import SILENCE, UNKNOWN
from kws.packaged import find_model, model_content

from ..data.dataset import Clip, DataError, Skipped, find_clips
from ..spreading.workers import ALONE, Workers
from .arguments import add_data, add_workers, workers_of
from .breakdown import print_groups
from .detection import add_detection, run_detection, wants_detection
from .evaluate_spoken import add_spoken, run_spoken

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..evaluation.results import ClipReport

#: Recordings with the same reason that are printed.
MOST_FILES = 10


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    add_data(parser, required=False)
    add_detection(parser)
    add_spoken(parser)
    parser.add_argument(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="those of the model's keywords that matter; the others count as unknown words",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page with pictures, the clips that went wrong and the model card to this "
        "folder: new, empty, or an older report, which is replaced",
    )
    parser.add_argument(
        "--group-by",
        metavar="COLUMN",
        help="accuracy by speaker, word, or a column of the manifest, the worst group first; with "
        "--positives the share that is detected, also by voice: by pitch and spectrum, where "
        "nobody says who speaks",
    )
    add_workers(parser)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")


def _run(options: argparse.Namespace) -> int:
    with workers_of(options) as workers:
        if options.task is not None:
            return run_spoken(options)
        if wants_detection(options):
            return run_detection(options, workers)
        return _run_clips(options, workers)


def _run_clips(options: argparse.Namespace, workers: Workers) -> int:
    from kws.console import note

    from ..evaluation.evaluate import (
        Evaluation,
        SpreadClips,
        judge_clips,
        known_clips,
        open_model,
    )
    from ..evaluation.groups import check_column, first_names, group_results, useful_columns
    from ..progress import bar
    from ..reports.report import check_folder, write_report

    if options.report is not None:
        check_folder(options.report)
        import matplotlib  # noqa: F401  (missing: said before the work, not after it)
    model = find_model(options.model)
    spotter = open_model(model, keywords=options.keywords)
    found = find_clips(options.data, spotter.keywords, options.speaker_rule)
    words = sorted({clip.word for clip in found} - {SILENCE, UNKNOWN})
    if words and not set(words) & set(spotter.keywords):
        note(
            f"kws: none of the words {first_names(words)} is a keyword of the model, which knows "
            f"{first_names(spotter.keywords)}: all are judged as unknown words"
        )
    found, left_out = known_clips(found, spotter.metadata.labels)
    if options.group_by is not None:
        check_column(found, options.group_by)
    clips, audio, skipped = read_found(found, workers)
    spread = SpreadClips(model, options.keywords, workers)
    report = judge_clips(spotter, clips, audio, [*skipped, *left_out], bar, spread)
    figures = report.to_dict()
    columns: tuple[str, ...] = ()
    if options.group_by is not None:
        columns = (options.group_by,)
    elif options.report is not None:
        columns = useful_columns(clips)
    groups = {column: group_results(report.results, column) for column in columns}
    if options.group_by is not None:
        figures["group_by"] = options.group_by
        figures["groups"] = [group.to_dict() for group in groups[options.group_by]]
    if options.report is not None:
        size = len(model_content(options.model))
        folders = tuple(map(str, options.data))
        evaluation = Evaluation(model, size, folders, report, groups)
        write_report(options.report, evaluation, audio, figures)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        print("\n".join(class_lines(report)))
        if options.group_by is not None:
            print_groups(options.group_by, groups[options.group_by], "accuracy")
        print_skipped(report.skipped)
    if options.report is not None:
        note(f"wrote {options.report / 'index.html'}")
    return 0


def read_found(
    found: Sequence[Clip], workers: Workers = ALONE
) -> tuple[list[Clip], list[Int16], list[Skipped]]:
    """Read the recordings that were found, with a progress bar; each counts once.

    Parameters
    ----------
    found : sequence of Clip
        What to read.
    workers : Workers
        Who reads.

    Returns
    -------
    clips : list of Clip
        Those that could be read.
    audio : list of Int16 (n,)
        Their samples at 16 kHz.
    skipped : list of Skipped
        The others.

    Raises
    ------
    DataError
        If none could be used.
    """
    from ..data.clips import read_clips
    from ..data.recordings import ClipSet, repeated
    from ..progress import bar

    read = ClipSet(*read_clips(found, bar, workers))
    read = read.without(repeated(read.clips, read.audio))
    if not read.clips:
        first = read.skipped[0]
        raise DataError(
            f"none of the {len(found)} recordings could be used: {first.path}: {first.reason}"
        )
    return read.clips, read.audio, read.skipped


def class_lines(report: ClipReport) -> list[str]:
    """Return a table of the figures of every class and what its clips were taken for.

    Parameters
    ----------
    report : ClipReport
        What a model made of the clips.

    Returns
    -------
    list of str
        The accuracy over all clips, an empty line, the head of the table, and a line a class.
    """
    width = max(len(figures.label) for figures in report.classes)
    low, high = report.interval
    lines = [
        f"accuracy {report.accuracy:.1%} of {report.clips} clips "
        f"(95 % interval {low:.1%} to {high:.1%})\n"
    ]
    header = " ".join(f"{figures.label[:6]:>6}" for figures in report.classes)
    lines.append(f"{'':{width}}  precision  recall  clips   taken for: {header}")
    for figures, row in zip(report.classes, report.confusion, strict=True):
        cells = " ".join(f"{n or '.':>6}" for n in row)
        lines.append(
            f"{figures.label:{width}}  {_share(figures.precision):>9}  "
            f"{_share(figures.recall):>6}  "
            f"{figures.clips:5}              {cells}"
        )
    return lines


def _share(value: float | None) -> str:
    """Return a share in per cent, and a dash for one of nothing."""
    return "–" if value is None else f"{value:.1%}"


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """Print a line for each recording, or one for all with the same reason if they are many.

    Parameters
    ----------
    skipped : sequence of Skipped
        Recordings that were left out.
    """
    files = defaultdict(list)
    for skip in skipped:
        files[skip.reason].append(skip.path)
    for reason, paths in files.items():
        if len(paths) > MOST_FILES:
            print(f"skipped: {paths[0]} and {len(paths) - 1} more: {reason}")
        else:
            for path in paths:
                print(f"skipped: {path}: {reason}")


EVALUATE = Verb(
    "evaluate",
    "say how good a model is",
    "kws evaluate model.tflite --data recordings --report report",
    _configure,
    _run,
)
