"""The verb distill: a small student taught by larger models."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from kws.cli.arguments import (
    MODEL_HELP,
    add_old_spelling,
    add_output,
    check_output,
    milliseconds,
    names,
)
from kws.cli.verb import Verb
from kws.errors import KwsError
from kws_training.cli.arguments import (
    add_data,
    add_figures,
    add_negatives,
    add_seed,
    add_workers,
    workers_of,
)
from kws_training.tensorflow_loading import import_tensorflow

from .distill_micro import add_micro, check_no_micro, run_micro

if TYPE_CHECKING:
    from ..distillation.pipeline import Distilled
    from ..distillation.sources import Folders

#: What is trained where neither --student nor --budget-ms says anything.
STUDENT = "temporal-100k"
#: Passes over the recordings.
EPOCHS = 24
#: Passes over the recordings for a student that is gone on with.
MORE_EPOCHS = 4
#: Share of the weights of --start in those of the student. The mean of both names clips as the one
#: and is nearly as silent in speech as the other (interpolated weights: M. Wortsman et al., CVPR
#: 2022, arXiv 2109.01903; measured: docs/experiments/commands.md).
KEPT = 0.5
#: Augmented copies of each recording, for a teacher that needs the waveform.
COPIES = 2
#: With fewer clips, an accuracy of 95 % is known to 5 points at best.
FEW = 100


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "teachers",
        type=Path,
        nargs="+",
        metavar="TEACHER",
        help=f"{MODEL_HELP}; of several, the mean is taught",
    )
    parser.add_argument(
        "--frontend",
        choices=("words", "micro"),
        default="words",
        help="what the student hears: words, the word base's front end, for commands; micro, "
        "microWakeWord's, for wake words that run in ESPHome",
    )
    add_material(parser, required=False)
    parser.add_argument(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="some of the teacher's keywords; all of them if left out",
    )
    add_outputs(parser)
    parser.add_argument(
        "--student",
        type=names,
        metavar="NAME|WIDTH,…",
        help="temporal, mixed or bc-resnet with -10k, -30k, -100k or -300k weights, or a width; "
        f"{STUDENT} if left out; of several, --output is a folder with a model of each and a "
        "report",
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="MODEL",
        help="go on from a temporal student that kws distill made, or from one in the package, at "
        "a low rate, in place of beginning anew",
    )
    add_budget(parser, "the largest temporal student whose step takes at most so long")
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help=f"passes over the recordings, fewer are quicker; {EPOCHS} if left out, {MORE_EPOCHS} "
        "with --start",
    )
    parser.add_argument(
        "--copies",
        type=int,
        metavar="N",
        help="augmented copies of each recording, for a teacher that needs the waveform; "
        f"{COPIES} if left out",
    )
    parser.add_argument(
        "--sentences",
        type=int,
        default=0,
        metavar="N",
        help="sentences without the keywords that text to speech says, as further speech in which "
        "none must be found; they are kept",
    )
    add_seed(parser)
    add_figures(parser)
    add_workers(parser)
    add_micro(parser)


def add_material(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add the arguments that name what a student learns from and is judged by.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    required : bool
        Whether the verb cannot do without labelled recordings and noise.
    """
    add_data(parser, required)
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FILE.npz",
        help="labelled log-mel images without a waveform (x, label, speaker)",
    )
    parser.add_argument(
        "--noise",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        required=required,
        metavar="DIR",
        help="folders of background noise",
    )
    test_data = parser.add_argument(
        "--test-data",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="labelled recordings to choose thresholds and to judge by; whoever speaks there is "
        "left out of everything else; without it, some of the speakers of --data",
    )
    add_old_spelling(parser, "--judge", test_data)
    add_negatives(parser)
    parser.add_argument(
        "--unlabelled",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of speech of which nobody says what is in it: the teacher does",
    )


def folders_of(options: argparse.Namespace) -> Folders:
    """Return what the arguments of `add_material` name.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Returns
    -------
    Folders

    Raises
    ------
    KwsError
        If one of them does not exist: said before TensorFlow is loaded, which takes its time.
    """
    from ..distillation.sources import Folders

    features = [] if options.features is None else [options.features]
    folders = (
        options.data,
        options.test_data,
        options.noise,
        options.negatives,
        options.unlabelled,
    )
    for path in [*features, *(path for some in folders for path in some)]:
        if not path.exists():
            raise KwsError(f"{path}: no such file or folder: check the path")
    return Folders(
        options.data,
        options.speaker_rule,
        options.features,
        options.test_data,
        options.noise,
        options.negatives,
        options.unlabelled,
    )


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name the files to write.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    add_output(parser)
    parser.add_argument(
        "--float",
        dest="unquantized",
        type=Path,
        metavar="FILE",
        help="write the student in float32 too, for kws quantize, kws prune and kws check",
    )


def check_outputs(options: argparse.Namespace) -> None:
    """Find out before the work that what `add_outputs` names cannot be written.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    KwsError
    """
    for path in (options.output, options.unquantized):
        if path is not None:
            check_output(path)
    if options.output == options.unquantized:
        raise KwsError("--output and --float must be two files")


def write_student(options: argparse.Namespace, result: Distilled) -> None:
    """Write a student where `add_outputs` says, and name the recordings that were left out.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.
    result : Distilled
        The student in both number formats.
    """
    from kws.console import note
    from kws.modelfile import write_model

    write_model(options.output, result.model.network, result.model.metadata)
    if options.unquantized is not None:
        write_model(options.unquantized, result.unquantized.network, result.unquantized.metadata)
    for skip in result.skipped:
        note(f"skipped: {skip.path}: {skip.reason}")


def add_budget(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Add the arguments that say how long a step may take, and where.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    meaning : str
        What the budget decides, for the help.
    """
    parser.add_argument("--budget-ms", type=milliseconds, metavar="MS", help=meaning)
    parser.add_argument(
        "--board",
        metavar="NAME|FILE",
        default=None,
        help="where: pi-zero-2w, pi3, pi4, pi5, esp32-s3 …, a profile of your own, or what "
        "kws bench --json wrote there",
    )


def _run(options: argparse.Namespace) -> int:
    several = len(options.student or ()) > 1
    if not several:
        check_outputs(options)
        if options.jobs > 1 or options.ray is not None:
            raise KwsError("--jobs, --ray: are for several students: --student 16,mixed-30k")
    if options.frontend == "micro":
        return run_micro(options)
    check_no_micro(options)
    if not options.data or not options.noise:
        raise KwsError("a student of commands needs recordings: give --data and --noise")
    going_on = options.start is not None
    epochs = (MORE_EPOCHS if going_on else EPOCHS) if options.epochs is None else options.epochs
    copies = COPIES if options.copies is None else options.copies
    if epochs < 1 or copies < 1:
        raise KwsError("--epochs and --copies must be at least 1")
    if options.sentences < 0:
        raise KwsError("--sentences must be at least 0")
    if going_on and (options.student is not None or options.budget_ms is not None):
        raise KwsError("--start says how large the student is: leave out --student or --budget-ms")
    if options.student is not None and options.budget_ms is not None:
        raise KwsError("--student or --budget-ms: give one of them")
    if (options.budget_ms is None) != (options.board is None):
        raise KwsError("--budget-ms and --board go together")
    from kws.packaged import find_model

    from ..distillation.pipeline import labels_of
    from ..students.catalog import find_student, start_from

    teachers = [find_model(path) for path in options.teachers]
    labels = labels_of(teachers, options.keywords)
    students = [find_student(name) for name in options.student or (STUDENT,)]
    if len({one.name for one in students}) < len(students):
        raise KwsError(f"--student {','.join(options.student)!r:.60}: one is there twice")
    folders = folders_of(options)
    if options.sentences:
        from kws_training.synthesis.sentences import sentence_engines

        sentence_engines()  # none is installed: said before the work
    import_tensorflow()
    from kws.console import note
    from kws_training.cache import cache_folder

    from ..boards.budget import largest_within
    from ..distillation.fit import FitConfig, going_on_with
    from ..distillation.pipeline import DistillOptions, distill
    from .distill_many import figures_of, run_many

    if options.budget_ms is not None:
        choice = largest_within(options.budget_ms / 1000, options.board, len(labels))
        if not options.json:
            print(choice.why)
        students = [choice.student]
    fit = FitConfig(epochs=epochs)
    if going_on:
        from kws_training.networks.word_base import read_base

        students = [start_from(read_base(options.start), labels)]
        fit = going_on_with(epochs, KEPT)
    each = [
        DistillOptions(
            student,
            None if options.keywords is None else tuple(options.keywords),
            copies,
            fit,
            options.sentences,
            not going_on,  # what it begins with has been taught already
            options.seed,
        )
        for student in students
    ]
    if several:
        with workers_of(options) as workers:
            return run_many(options, each, folders, workers)
    (student,) = students
    result = distill(teachers, folders, each[0], cache_folder("checkpoints"))
    write_student(options, result)
    rows = [
        *(
            (f"teacher {path.name}", one)
            for path, one in zip(options.teachers, result.teachers, strict=True)
        ),
        (f"student {student.name}, int8", result.student),
    ]
    if result.alone is not None:
        rows.append(("the same without teacher, int8", result.alone))
    size = options.output.stat().st_size
    if options.json:
        figures = {
            "model": str(options.output),
            "bytes": size,
            **figures_of(student.name, options.teachers, result),
        }
        print(json.dumps(figures, indent=1))
    else:
        for name, report in rows:
            low, high = report.interval
            print(
                f"{name}: {report.accuracy:.1%} ({low:.1%} to {high:.1%}) of {report.clips} clips "
                f"of {result.judges} speakers"
            )
        print(f"wrote {options.output} ({size / 1000:.0f} kB, int8, {student.name})")
    if result.student.clips < FEW:
        note(f"{result.student.clips} clips tell little: name folders of more with --test-data")
    return 0


DISTILL = Verb(
    "distill",
    "train a small student from a teacher",
    "kws distill teacher.tflite --data recordings --noise noise --output student.tflite",
    _configure,
    _run,
)
