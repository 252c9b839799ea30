"""The verb that makes a word base ready for `kws enroll`."""

from __future__ import annotations

import argparse
from pathlib import Path

from kws.cli import Verb
from kws.errors import KwsError

from .train_command import check_output, seed

#: Recordings of one folder that are heard, at most: evenly spread over it.
MOST = 400


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="BASE", help="a word base")
    parser.add_argument(
        "--speech", type=Path, nargs="+", action="extend", required=True, metavar="DIR",
        help=f"folders of words or sentences; at most {MOST} recordings of each",
    )  # fmt: skip
    parser.add_argument(
        "--noise", type=Path, nargs="+", action="extend", required=True, metavar="DIR",
        help="folders of background noise",
    )  # fmt: skip
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")


def _run(options: argparse.Namespace) -> int:
    check_output(options.output)
    from kws.modelfile import read_model, write_model

    from ..data.dataset import find_recordings
    from ..data.recordings import read_noise
    from ..fitting.enrolment import with_enrolment
    from ..progress import say

    base = read_model(options.model)
    noise, skipped = read_noise(find_recordings(options.noise))
    speech = []
    for folder in options.speech:
        paths = find_recordings([folder])
        found, damaged = read_noise(paths[:: -(-len(paths) // MOST)])
        speech += found
        skipped += damaged
    for skip in skipped:
        say(f"skipped: {skip.path}: {skip.reason}")
    if not noise or not speech:
        raise KwsError("no recording of noise, or none of speech, could be read")
    network, metadata = with_enrolment(base, speech, noise, options.seed)
    write_model(options.output, network, metadata)
    print(f"wrote {options.output} ({options.output.stat().st_size / 1000:.0f} kB)")
    return 0


ENROLMENT = Verb(
    "enrolment", "make a word base ready for kws enroll",
    "kws enrolment base.tflite --speech speech --noise noise --output base.tflite",
    _configure, _run,
)  # fmt: skip
