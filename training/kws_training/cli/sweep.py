"""The verb sweep: where a model stops working, in noise, rooms, other levels, the telephone."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.cli.arguments import MODEL_HELP
from kws.cli.verb import INTERRUPTED, Verb
from kws.packaged import find_model

from ..data.unlabelled import find_recordings
from ..spreading.workers import Workers
from .arguments import add_snr_reference, add_workers, workers_of
from .detection import SEED, add_streams, noise_of

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..augmentation.snr import SnrReference
    from ..evaluation.sweep import Outcome, Threshold

#: Values of a list, at most.
MOST_VALUES = 20
#: Bounds of a ratio of speech to noise, in decibels.
SNR = (-30.0, 100.0)
#: Bounds of a reverberation time, in seconds.
RT60 = (0.0, 1.5)
#: Bounds of a change of level, in decibels.
GAIN = (-80.0, 60.0)


def _numbers(low: float, high: float, clean: bool = False) -> Any:
    def parse(text: str) -> list[float]:
        values = []
        for part in (one.strip() for one in text.split(",")):
            if clean and part == "clean":
                values.append(math.inf)
                continue
            try:
                value = float(part)
            except ValueError:
                raise argparse.ArgumentTypeError(f"{part[:20]!r} is no number") from None
            if not low <= value <= high:
                raise argparse.ArgumentTypeError(f"{part[:20]} is not in {low:g} to {high:g}")
            values.append(value)
        if len(values) > MOST_VALUES:
            raise argparse.ArgumentTypeError(f"at most {MOST_VALUES} values, not {len(values)}")
        return list(dict.fromkeys(values))

    return parse


def _minutes(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100_000:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    add_streams(parser, required=True)
    parser.add_argument(
        "--snr",
        type=_numbers(*SNR, clean=True),
        default="clean,20,10,5,0,-5",
        metavar="DB,…",
        help="noise so many decibels below a recording; clean: none",
    )
    add_snr_reference(parser)
    parser.add_argument(
        "--rt60",
        type=_numbers(*RT60),
        default="0",
        metavar="S,…",
        help="reverberation times in seconds, the speaker 2 m away, such as 0,0.3,0.6,0.9",
    )
    parser.add_argument(
        "--gain",
        type=_numbers(*GAIN),
        default="0",
        metavar="DB,…",
        help="changes of level in decibels, such as --gain=-30,-15,0; what is too loud is clipped",
    )
    parser.add_argument(
        "--telephone",
        action="store_true",
        help="everything once more through the telephone's band",
    )
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=30.0,
        metavar="M",
        help="of the negatives in each condition; the threshold is chosen on all of them",
    )
    add_workers(parser)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page with a heat map to this folder: new, empty, or an older report",
    )


def _run(options: argparse.Namespace) -> int:
    with workers_of(options) as workers:
        return _sweep(options, workers)


def _sweep(options: argparse.Namespace, workers: Workers) -> int:
    from kws.console import note

    from ..augmentation.snr import defined
    from ..evaluation.detection import detector_of
    from ..evaluation.evaluate import open_model
    from ..evaluation.positives import by_keyword, find_positives
    from ..evaluation.spread_streams import SpreadStream
    from ..evaluation.sweep import choose, settings_of, sweep
    from ..progress import bar
    from ..reports.report import check_folder

    if options.report is not None:
        check_folder(options.report)
        import matplotlib  # noqa: F401  (missing: said before the work, not after it)
    if any(options.rt60):
        import pyroomacoustics  # noqa: F401  (the same)
    model = find_model(options.model)
    spotter = open_model(model)
    detector_of(spotter.metadata)
    found, left_out = find_positives(options.positives, spotter.keywords)
    positives = by_keyword(found)
    negatives = find_recordings(options.negatives)
    noise = noise_of(options.noise or [])
    settings = settings_of(options.snr, options.rt60, options.gain, options.telephone)
    for skip in left_out:
        note(f"skipped: {skip.path}: {skip.reason}")
    spread = SpreadStream(model, None, workers)
    thresholds = choose(spotter, negatives, list(positives), SEED, bar, spread)
    outcomes: list[Outcome] = []
    stopped = False
    try:
        for done in sweep(
            model,
            thresholds,
            positives,
            negatives,
            noise,
            options.snr_reference,
            settings,
            60 * options.minutes,
            SEED,
            workers,
        ):
            outcomes += done
    except KeyboardInterrupt:  # hours of work are not thrown away
        if not outcomes:
            raise
        stopped = True
        note(f"stopped after {len(outcomes) // len(thresholds)} of {len(settings)} conditions")
    figures = _figures(thresholds, outcomes, options.snr_reference, complete=not stopped)
    if options.report is not None:
        from ..reports.sweeps import write_sweep

        write_sweep(options.report, model, thresholds, outcomes, figures)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        _print(thresholds, outcomes)
        if any(math.isfinite(one) for one in options.snr):
            print(f"SNR: {defined(options.snr_reference)}")
    if options.report is not None:
        note(f"wrote {options.report / 'index.html'}")
    return INTERRUPTED if stopped else 0


def _figures(
    thresholds: list[Threshold],
    outcomes: list[Outcome],
    reference: SnrReference,
    *,
    complete: bool,
) -> dict[str, Any]:
    from ..augmentation.snr import definition
    from ..evaluation.sweep import TARGET

    return {
        "target": TARGET,
        **definition(reference),
        "thresholds": [
            {
                "keyword": one.keyword,
                "threshold": one.threshold,
                "false_accepts": one.false_accepts,
                "hours": one.hours,
                "supported": one.supported,
            }
            for one in thresholds
        ],
        "conditions": [one.to_dict() for one in outcomes],
        "complete": complete,
    }


def _print(thresholds: list[Threshold], outcomes: list[Outcome]) -> None:
    """Print a table for each keyword: a line for each room and level, a column for each SNR."""
    from kws.markdown import shown_threshold

    from ..evaluation.sweep import TARGET
    from ..reports.sweeps import grid_of

    for one in thresholds:
        grid = grid_of(outcomes, one.keyword)
        few = "" if one.supported else ", too few for this rate"
        print(
            f"{one.keyword}: missed, % (false accepts per hour), at threshold "
            f"{shown_threshold(one.threshold)}: {one.false_accepts} false accepts in "
            f"{one.hours:.2f} h without noise ({TARGET:g} per hour were asked for{few})"
        )
        width = max(12, *(len(row) for row in grid.rows))
        print(f"{'':{width}}" + "".join(f"{column:>16}" for column in grid.columns))
        for name, cells in zip(grid.rows, grid.cells, strict=True):
            line = "".join(
                f"{'–':>16}"
                if cell is None
                else f"{100 * cell.miss_rate:7.1f} ({cell.false_accepts / cell.hours:6.1f})"
                for cell in cells
            )
            print(f"{name:{width}}{line}")
        print()


SWEEP = Verb(
    "sweep",
    "say how a model does in noise, rooms, at other levels and over the telephone",
    "kws sweep model.tflite --positives said --negatives speech --noise noise --rt60 0,0.6 "
    "--report report",
    _configure,
    _run,
)
