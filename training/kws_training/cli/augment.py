"""The verb augment: examples of a recipe, to listen to and to look at."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError

from ..progress import bar
from .arguments import add_figures, add_recipe, add_seed, add_snr_reference

#: Most examples of a recording.
MOST = 1000


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="recordings of at most 30 s"
    )
    add_recipe(parser, "heavy")
    add_snr_reference(parser, "the recipe's snr", default=None)
    parser.add_argument(
        "--noise",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of background noise; some is made up besides",
    )
    parser.add_argument(
        "--count", type=int, default=4, metavar="N", help="examples of each recording"
    )
    add_seed(parser)
    add_figures(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the WAV files, examples.csv and examples.png",
    )


def _run(options: argparse.Namespace) -> int:
    from ..augmentation.examples import MOST_PANELS, Surroundings, make_examples
    from ..augmentation.recipe import read_recipe
    from ..augmentation.rooms import find_responses
    from ..augmentation.snr import defined, definition
    from ..data.recordings import read_noise
    from ..data.unlabelled import find_recordings

    if not 1 <= options.count <= MOST:
        raise KwsError(f"--count {options.count}: must be 1 to {MOST}")
    _check_folder(options.output)
    augmentation = read_recipe(options.recipe)
    if options.snr_reference is not None:
        augmentation = replace(augmentation, snr_reference=options.snr_reference)
    noise_paths = find_recordings(options.noise)
    room_paths = find_recordings(options.rooms)
    noise, damaged = read_noise(noise_paths)
    responses, unusable = find_responses(augmentation, room_paths, options.seed)
    for skip in damaged + unusable:
        note(f"skipped: {skip.path}: {skip.reason}")
    silent = {skip.path for skip in damaged + unusable}
    recorded = [str(path) for path in room_paths if path not in silent]
    simulated = [f"simulated {n}" for n in range(len(responses) - len(recorded))]
    surroundings = Surroundings(
        noise,
        [str(path) for path in noise_paths if path not in silent],
        responses,
        simulated + recorded,
    )
    written, skipped = make_examples(
        options.files, augmentation, surroundings, options.count, options.seed, options.output, bar
    )
    for skip in skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    if options.json:
        left_out = [*damaged, *unusable, *skipped]
        figures = {
            "folder": str(options.output),
            "examples": written,
            **definition(augmentation.snr_reference),
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in left_out],
        }
        print(json.dumps(figures, indent=1))
    else:
        print(f"wrote {written} examples, examples.csv and examples.png to {options.output}")
        print(f"SNR: {defined(augmentation.snr_reference)}")
    if written + written // options.count > MOST_PANELS:
        note(f"examples.png shows the first {MOST_PANELS} spectrograms")
    return 0


def _check_folder(path: Path) -> None:
    """Find out before the work that a folder cannot be made or written to."""
    if path.exists() and not path.is_dir():
        raise KwsError(f"{path}: is a file: name a folder for the examples")
    parent = path.resolve().parent
    if not parent.is_dir():
        raise KwsError(f"{parent}: no such folder: make it, or name another output")
    for folder in (parent, path):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise KwsError(f"{folder}: cannot be written to: name another output")


AUGMENT = Verb(
    "augment",
    "make examples of what augmentation does to recordings",
    "kws augment yes.wav --recipe heavy --output examples",
    _configure,
    _run,
)
