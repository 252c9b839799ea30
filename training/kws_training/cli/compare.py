"""The verb compare: whether a new model is worse than an old one on the same clips."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kws.cli.arguments import MODEL_HELP
from kws.cli.verb import Verb
from kws.packaged import find_model

from ..data.dataset import find_clips
from .arguments import add_data
from .evaluate import print_skipped, read_found

if TYPE_CHECKING:  # what this imports is not needed to print --help
    from ..evaluation.compare import Comparison

#: Exit status of `compare` if the new model is worse; errors have 2 and more.
WORSE = 1


def _alpha(text: str) -> float:
    value = float(text)
    if not 0 < value <= 0.5:
        raise argparse.ArgumentTypeError("must be above 0 and at most 0.5")
    return value


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD", help=MODEL_HELP)
    parser.add_argument("new", type=Path, metavar="NEW", help="the same")
    add_data(parser)
    parser.add_argument(
        "--alpha",
        type=_alpha,
        default=0.05,
        metavar="P",
        help="the new model is worse if a model as good as the old one would lose so many clips "
        "less often than this",
    )
    parser.add_argument("--json", action="store_true", help="the comparison as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from kws.console import note

    from ..evaluation.compare import compare, shared_clips
    from ..evaluation.evaluate import open_model
    from ..progress import bar

    old, new = (open_model(find_model(path)) for path in (options.old, options.new))
    found = find_clips(options.data, None, options.speaker_rule)
    found, left_out = shared_clips(found, old.metadata.labels, new.metadata.labels)
    clips, audio, skipped = read_found(found)
    result = compare(old, new, clips, audio, [*skipped, *left_out], options.alpha, bar)
    if options.json and result.worse:
        note(result.verdict)
    try:
        if options.json:
            print(json.dumps(result.to_dict(), indent=1))
        else:
            _print_comparison(result)
            print_skipped(result.skipped)
            print("\n" + "\n".join(line for line in (result.doubt, result.verdict) if line))
        sys.stdout.flush()
    except BrokenPipeError:  # the status counts, even where nobody reads to the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return WORSE if result.worse else 0


def _print_comparison(result: Comparison) -> None:
    from ..evaluation.paired import shown_p

    counts = result.counts
    low, high = (f"{100 * bound:+.1f}" for bound in result.interval)
    print(f"{counts.clips} clips" + (f", {result.speakers} speakers" if result.speakers else ""))
    print(f"old  {counts.old_accuracy:6.1%}   {counts.only_old:5} clips right that new gets wrong")
    print(f"new  {counts.new_accuracy:6.1%}   {counts.only_new:5} clips right that old gets wrong")
    print(
        f"difference {100 * result.difference:+.1f} points (95 % interval {low} to {high}), "
        f"p {shown_p(result.p_value)} (McNemar, exact, two-sided)\n"
    )
    width = max(len(one.label) for one in result.classes)
    print(f"{'':{width}}  clips     old     new   lost    won")
    for one in result.classes:
        print(
            f"{one.label:{width}}  {one.counts.clips:5}  {one.counts.old_accuracy:6.1%}  "
            f"{one.counts.new_accuracy:6.1%}  {one.counts.only_old:5}  {one.counts.only_new:5}"
        )


COMPARE = Verb(
    "compare",
    "say whether a new model is worse than an old one: exit status 1 if it is",
    "kws compare old.tflite new.tflite --data recordings",
    _configure,
    _run,
)
