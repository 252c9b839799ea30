"""The verb distill."""

from __future__ import annotations

import argparse
from pathlib import Path

from kws.cli import Verb
from kws.errors import KwsError
from kws_training.verbs.train_command import (
    add_data,
    add_negatives,
    check_output,
    import_tensorflow,
    seed,
)


def _configure_distill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("teacher", type=Path, metavar="TEACHER", help="a model file")
    add_data(parser)
    parser.add_argument(
        "--features", type=Path, metavar="FILE.npz",
        help="labelled log-mel images without a waveform (x, label, speaker), learned from labels",
    )  # fmt: skip
    parser.add_argument(
        "--noise", type=Path, nargs="+", action="extend", required=True, metavar="DIR",
        help="folders of background noise",
    )  # fmt: skip
    add_negatives(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--width", type=int, default=104, help="channels of the student")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--copies", type=int, default=2, help="copies of each recording")
    parser.add_argument("--seed", type=seed, default=0)


def _run_distill(options: argparse.Namespace) -> int:
    check_output(options.output)
    if not 8 <= options.width <= 512:
        raise KwsError(f"--width {options.width}: must be 8 to 512")
    if options.epochs < 1 or options.copies < 1:
        raise KwsError("--epochs and --copies must be at least 1")
    from kws.modelfile import read_model, write_model

    teacher = read_model(options.teacher)
    import_tensorflow()
    from kws_training.progress import say

    from ..pipeline import Options, distill

    result = distill(
        teacher, options.data, options.speaker_rule, options.features, options.noise,
        options.negatives,
        Options(options.width, options.epochs, options.copies, options.seed),
    )  # fmt: skip
    write_model(options.output, result.network, result.metadata)
    for skip in result.skipped:
        say(f"skipped: {skip.path}: {skip.reason}")
    for name, report in (("teacher", result.teacher), ("student", result.student)):
        print(f"{name}: {report.accuracy:.1%} of {report.clips} clips of {result.judges} speakers")
    print(f"wrote {options.output} ({options.output.stat().st_size / 1000:.0f} kB, int8)")
    return 0


DISTILL = Verb(
    "distill", "train a small student from a teacher",
    "kws distill teacher.tflite --data recordings --noise noise --output student.tflite",
    _configure_distill, _run_distill,
)  # fmt: skip
