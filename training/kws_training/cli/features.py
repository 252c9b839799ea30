"""The verb features: recordings as shards of log-mel images, for data that does not fit."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kws.cli.verb import Verb
from kws.console import note

from .arguments import add_figures, add_workers, workers_of


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        metavar="DIR",
        help="folders of recordings, or hf://org/name[:split], a data set on the Hugging Face Hub",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR|URL",
        help="a folder, or storage elsewhere: s3://bucket/folder, gs://…; what an earlier run made "
        "of the same recordings stays",
    )
    add_workers(parser)
    add_figures(parser)


def _run(options: argparse.Namespace) -> int:
    from ..data.sharding import make_shards
    from ..data.shards import PARTS
    from ..data.unlabelled import find_speech

    clips = find_speech(options.data)
    with workers_of(options) as workers:
        made = make_shards(clips, options.output, workers)
    hours = dict.fromkeys(PARTS, 0.0)
    for shard in made.shards:
        hours[shard.part] += shard.seconds / 3600
    for skip in made.skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    figures = {
        "output": str(options.output),
        "shards": len(made.shards),
        "recordings": sum(one.recordings for one in made.shards),
        "hours": {part: round(hours[part], 3) for part in PARTS},
        "skipped": [{"file": str(s.path), "reason": s.reason} for s in made.skipped],
    }
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        shown = ", ".join(f"{hours[part]:.2f} h for {part}" for part in PARTS)
        print(f"wrote {len(made.shards)} shards of {figures['recordings']} recordings: {shown}")
    return 0


FEATURES = Verb(
    "features",
    "make shards of log-mel images, for negatives that do not fit into memory",
    "kws features --data speech --output shards --jobs 8",
    _configure,
    _run,
)
