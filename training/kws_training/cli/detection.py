"""What `kws evaluate --positives --negatives` takes and prints."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kws.arrays import Float32
from kws.markdown import shown_threshold
from kws.packaged import find_model, model_content

from ..data.dataset import DataError
from ..data.unlabelled import find_recordings, find_speech, without_keywords
from ..spreading.workers import Workers
from .arguments import add_snr_reference
from .breakdown import print_groups, print_kinds

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..evaluation.detection_results import DetectionReport, Place, Point

#: Misses and false accepts that are printed, of each keyword.
MOST_PLACES = 5
#: What ``--by-kind`` without a column stands for; no column has an empty name.
FOLDERS = ""
#: Seed of the faint noise and of the gaps between recordings.
SEED = 0


def add_detection(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name recordings of keywords, and hours without.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    group = parser.add_argument_group(
        "continuous audio",
        "misses and false accepts per hour through the detector, instead of clips (--data)",
    )
    add_streams(group, required=False)
    group.add_argument(
        "--snr",
        type=float,
        metavar="DB",
        help="put noise under all recordings, so many decibels below them",
    )
    add_snr_reference(group)
    group.add_argument(
        "--by-kind",
        nargs="?",
        const=FOLDERS,
        metavar="COLUMN",
        help="false accepts of each kind of negatives, the worst first: by sub-folder, or by a "
        "column of their manifest",
    )


def add_streams(parser: argparse._ActionsContainer, required: bool) -> None:
    """Add the arguments that name positives, negatives and noise.

    Parameters
    ----------
    parser : ArgumentParser or argument group
        Of the verb, or a group of its arguments.
    required : bool
        Whether the verb cannot do without.
    """
    parser.add_argument(
        "--positives",
        type=Path,
        nargs="+",
        action="extend",
        required=required,
        metavar="DIR",
        help="recordings of the keyword; of several keywords in sub-folders named after them",
    )
    parser.add_argument(
        "--negatives",
        type=Path,
        nargs="+",
        action="extend",
        required=required,
        metavar="DIR",
        help="hours of recordings in which nobody says it, and which nothing was trained on",
    )
    parser.add_argument(
        "--noise",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="recordings of noise; made-up noise if left out",
    )


def wants_detection(options: argparse.Namespace) -> bool:
    """Tell whether continuous audio is to be evaluated.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Returns
    -------
    bool

    Raises
    ------
    DataError
        If the arguments do not fit together.
    """
    streams = bool(options.positives), bool(options.negatives)
    if any(streams) and options.data:
        raise DataError("--data evaluates clips, --positives and --negatives streams: give one")
    if any(streams) and not all(streams):
        missing = "--negatives" if streams[0] else "--positives"
        raise DataError(f"{missing} is missing: misses and false accepts are only known together")
    if not any(streams):
        if not options.data:
            raise DataError("give --data DIR for clips, or --positives DIR and --negatives DIR")
        if options.noise or options.snr is not None:
            raise DataError("--noise and --snr go with --positives and --negatives")
        if options.by_kind is not None:
            raise DataError("--by-kind goes with --positives and --negatives")
        return False
    if options.noise and options.snr is None:
        raise DataError("--noise needs --snr: how far below the recordings it is, in decibels")
    return True


def run_detection(options: argparse.Namespace, workers: Workers) -> int:
    """Evaluate a model in continuous audio; returns the exit status.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.
    workers : Workers
        Who hears the recordings.

    Returns
    -------
    int
        The exit status.
    """
    from kws.console import note

    from ..evaluation.breakdown import count_by_kind, group_positives, grouped, kinds_of
    from ..evaluation.conditions import CLEAN, Condition
    from ..evaluation.continuous import score_negatives, score_positives
    from ..evaluation.detection import detector_of, judge
    from ..evaluation.evaluate import open_model
    from ..evaluation.positives import by_keyword, find_positives
    from ..evaluation.spread_streams import SpreadStream
    from ..progress import bar
    from ..reports.report import check_folder

    if options.report is not None:
        check_folder(options.report)
        import matplotlib  # noqa: F401  (missing: said before the work, not after it)
    model = find_model(options.model)
    spotter = open_model(model, keywords=options.keywords)
    detector_of(spotter.metadata)
    found, left_out = find_positives(options.positives, spotter.keywords)
    paths = _without_keywords(options.negatives, spotter.keywords)
    column, about = None, ""
    if options.group_by is not None or options.report is not None:
        found, column, about = grouped(found, options.group_by, bar)
    kinds = None
    if options.by_kind is not None or options.report is not None:
        kinds = kinds_of(options.negatives, options.by_kind or None)
    condition = CLEAN
    if options.snr is not None:
        noise = noise_of(options.noise or [])
        condition = Condition(noise=noise, snr=options.snr, reference=options.snr_reference)
    spread = SpreadStream(model, options.keywords, workers)
    negatives = score_negatives(spotter, paths, condition, SEED, bar, spread=spread)
    positives = {
        keyword: score_positives(spotter, ones, condition, SEED, bar, spread)
        for keyword, ones in by_keyword(found).items()
    }
    report = replace(judge(spotter.metadata, positives, negatives), snr=condition.ratio)
    if kinds is not None and (options.by_kind is not None or len(set(kinds.values())) > 1):
        report = replace(report, kinds=count_by_kind(report.keywords, negatives, kinds))
    if column is not None:
        groups = group_positives(report.keywords, positives, column)
        report = replace(report, group_by=column, groups=groups, group_about=about)
    figures = report.to_dict()
    figures["skipped"] += [{"file": str(s.path), "reason": s.reason} for s in left_out]
    if options.report is not None:
        from ..reports.detections import Evaluated, write_detections

        evaluated = Evaluated(
            model,
            len(model_content(options.model)),
            tuple(map(str, options.positives)),
            tuple(map(str, options.negatives)),
            report,
            positives,
            negatives,
            spotter.metadata,
        )
        write_detections(options.report, evaluated, figures)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        print_report(report)
        if report.kinds:
            print_kinds(report.kinds)
        if report.group_by is not None:
            print_groups(report.group_by, report.groups, "detected")
            if report.group_about:
                print(report.group_about)
        for skip in figures["skipped"]:
            print(f"skipped: {skip['file']}: {skip['reason']}")
    if options.report is not None:
        note(f"wrote {options.report / 'index.html'}")
    return 0


def _without_keywords(folders: list[Path], keywords: Sequence[str]) -> list[Path]:
    """Find negatives; those in which a keyword is said (`without_keywords`) are left out."""
    from kws.console import note

    found = find_speech(folders)
    kept, left_out = without_keywords(found, keywords)
    if left_out:
        note(
            f"{left_out} of {len(found)} recordings of --negatives say a keyword, by folder or "
            "manifest: left out"
        )
    if not kept:
        raise DataError(f"{folders[0]}: a keyword is said in every recording of --negatives")
    return [clip.path for clip in kept]


def noise_of(folders: list[Path]) -> list[Float32]:
    """Read the recordings of noise; those that cannot be used are named.

    Parameters
    ----------
    folders : list of Path
        Folders of recordings, or recordings.

    Returns
    -------
    list of Float32 (n,)
        Samples at 16 kHz, -1 .. 1.

    Raises
    ------
    DataError
        If none of the recordings could be used.
    """
    from kws.console import note

    from ..data.recordings import read_noise

    noise, skipped = read_noise(find_recordings(folders))
    for skip in skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    if folders and not noise:
        raise DataError(f"{folders[0]}: no noise: none of the recordings could be used")
    return noise


def print_report(report: DetectionReport) -> None:
    """Print a table that a maker understands.

    Parameters
    ----------
    report : DetectionReport
        What was found of each keyword.
    """
    print(f"{report.recordings} recordings of keywords, {report.hours:.2f} h without any")
    if report.snr is not None:
        print(f"noise under everything: SNR {report.snr.described}")
    print()
    width = max(16, *(len(one.keyword) for one in report.keywords))
    print(
        f"{'':{width}}  {'':8}  threshold  missed  95 % interval     false accepts per hour"
        "  95 % interval"
    )
    unsupported = False
    for result in report.keywords:
        for point in result.points:
            name = result.keyword if point is result.points[0] else ""
            print(f"{name:{width}}  {_row(point)}")
            unsupported |= not point.supported
    print("\nfile: the threshold in the model file. The others were read off these recordings.")
    if unsupported:
        least = min(point.target for one in report.keywords for point in one.points if point.target)
        print(
            f"*: {report.hours:.2f} h are too few for a single false accept at this rate (it takes "
            f"{1 / least:g} h for {least:g}): without any, the rate is below the interval's end."
        )
    latency = report.latency
    if latency["median"] is not None:
        print(
            f"latency: {latency['median']:.2f} s from the end of the word to the event (median), "
            f"{latency['p95']:.2f} s (95th percentile)"
        )
    if report.verifications is not None:
        print(f"verifier: asked {report.verifications / report.hours:.0f} times per hour without")
    for keyword in report.unsaid:
        print(f"{keyword}: no recordings, not judged")
    for result in report.keywords:
        _print_places("missed", result.points[0].misses, result.misses)
        _print_places("false accept", result.points[0].false_accepts, result.false_accepts)


def _row(point: Point) -> str:
    label = "file" if point.target is None else f"{point.target:g}/h"
    low, high = point.miss_rate_interval
    missed = f"{100 * low:.1f} to {100 * high:.1f} %"
    low, high = point.false_accepts_per_hour_interval
    return (
        f"{label + ('' if point.supported else ' *'):8}  {shown_threshold(point.threshold):>9}  "
        f"{100 * point.miss_rate:4.1f} %  {missed:16}  {point.false_accepts_per_hour:22.2f}  "
        f"{low:.2f} to {high:.2f}"
    )


def _print_places(what: str, count: int, places: tuple[Place, ...]) -> None:
    for place in places[:MOST_PLACES]:
        print(
            f"{what}: {place.keyword}: {place.path} at {place.at:.2f} s, score "
            f"{shown_threshold(place.score)}"
        )
    if count > MOST_PLACES:
        print(f"… {count} in all (--json has up to {len(places)})")
