"""The verb check: the gate before a release, with the reasons where a model lost too much."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kws.cli.arguments import MODEL_HELP, milliseconds
from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError
from kws.metadata import WAKE_WORDS
from kws.modelfile import ModelFile
from kws.packaged import find_model
from kws_training.cli.arguments import add_data
from kws_training.progress import bar

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..check.judging import Judged

#: Exit status if a gate is not passed; errors have 2 and more.
FAILED = 1


def _configure_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    add_data(parser, required=False)
    parser.add_argument(
        "--positives",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="instead of --data, for wake words: recordings of the keyword; of several keywords "
        "in sub-folders named after them",
    )
    parser.add_argument(
        "--negatives",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="with --positives: hours of recordings in which nobody says it",
    )
    parser.add_argument(
        "--against",
        type=Path,
        required=True,
        metavar="TEACHER",
        help=f"the model that it must keep up with: {MODEL_HELP}",
    )
    parser.add_argument(
        "--float",
        type=Path,
        metavar="FILE",
        dest="float_file",
        help="the float model that MODEL was quantized from; if left out, MODEL's own weights are "
        "dequantized",
    )
    parser.add_argument(
        "--budget-ms",
        type=milliseconds,
        metavar="N",
        help="milliseconds that a step of the network may take; as long as its audio if left out",
    )
    parser.add_argument(
        "--board",
        metavar="NAME|FILE",
        help="where the budget holds: a board's profile, or what kws bench --json wrote there; if "
        "left out, a step is timed here",
    )
    parser.add_argument("--json", action="store_true", help="all figures as one JSON object")


def _run_check(options: argparse.Namespace) -> int:
    model, teacher = find_model(options.model), find_model(options.against)
    _fit(options, model, teacher)
    from ..check.gates import Budget, check
    from ..check.models import float_form
    from ..check.report import lines, to_dict

    if options.board is not None:
        from ..boards.board import read_board

        read_board(options.board)  # what is wrong with it is said before the work
    named = None if options.float_file is None else find_model(options.float_file)
    other, source = float_form(model, named)
    judged = _judge(options, model, teacher, other)
    budget = Budget(options.budget_ms, options.board)
    gates = check(model, teacher, other, source, judged, budget)
    failed = [gate for gate in gates if not gate.passed]
    try:
        if options.json:
            names = {"model": str(options.model), "against": str(options.against)}
            print(json.dumps({**names, **to_dict(gates, judged)}, indent=1))
            for gate in failed:
                note(f"{gate.name}: {gate.text}")
        else:
            print("\n".join(lines(gates, judged)))
        sys.stdout.flush()
    except BrokenPipeError:  # the status counts, even where nobody reads to the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED if failed else 0


def _fit(options: argparse.Namespace, model: ModelFile, teacher: ModelFile) -> None:
    """Find out whether the recordings suit the models.

    Raises
    ------
    KwsError
        If they do not; the message names the argument.
    """
    wake, task = model.metadata.task == WAKE_WORDS, model.metadata.task
    if teacher.metadata.task != task:
        raise KwsError(f"{teacher.path}: is for {teacher.metadata.task}, {model.path} for {task}")
    if wake and (options.data or not options.positives or not options.negatives):
        raise KwsError(
            f"{model.path}: wake words are judged in continuous audio: give --positives DIR and "
            "--negatives DIR, and no --data"
        )
    if not wake and (options.positives or options.negatives or not options.data):
        raise KwsError(
            f"{model.path}: {task} are judged on clips: give --data DIR, a sub-folder per label"
        )


def _judge(
    options: argparse.Namespace, model: ModelFile, teacher: ModelFile, other: ModelFile | None
) -> Judged:
    from ..check.judging import judge_labelled, judge_wake_words

    if model.metadata.task == WAKE_WORDS:
        return judge_wake_words(model, teacher, other, options.positives, options.negatives, bar)
    from kws_training.data.clips import read_clips
    from kws_training.data.dataset import find_clips

    clips = find_clips(options.data, None, options.speaker_rule)
    return judge_labelled(model, teacher, other, clips, read_clips, bar)


CHECK = Verb(
    "check",
    "the gate before a release: exit status 1, with the reasons, if a model lost too much",
    "kws check student.tflite --data recordings --against teacher.tflite --budget-ms 20 "
    "--board pi4",
    _configure_check,
    _run_check,
)
