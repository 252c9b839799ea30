"""What `kws distill --frontend micro` takes and prints: students of wake words for ESPHome."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from kws.cli.arguments import per_hour
from kws.console import note
from kws.errors import KwsError
from kws_training.cli.train_wake_words import folders_of, point_lines
from kws_training.data.unlabelled import find_speech, without_keywords
from kws_training.tensorflow_loading import import_tensorflow

from ..wake_words.defaults import MicroOptions

#: Options of other students, which say nothing about these.
OTHERS = (
    "data",
    "features",
    "test_data",
    "unlabelled",
    "keywords",
    "student",
    "budget_ms",
    "board",
    "unquantized",
    "speaker_rule",
    "epochs",
    "copies",
)


def add_micro(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that only students on microWakeWord's front end take.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of `kws distill`.
    """
    group = parser.add_argument_group(
        "--frontend micro", "wake words, from the recordings that the teacher was trained on"
    )
    group.add_argument(
        "--positives",
        type=Path,
        nargs="+",
        action="append",
        default=[],
        metavar="DIR",
        help="folders of recordings of the phrase; of several phrases once for each in the order "
        "of the teacher's, or one folder with a sub-folder for each",
    )
    group.add_argument(
        "--synthesize",
        type=int,
        metavar="N",
        help="times that text to speech says each phrase, and as often other things "
        f"({MicroOptions.synthesized} if left out; 0 for none)",
    )
    group.add_argument(
        "--language",
        metavar="CODE",
        help="of the phrases, as espeak-ng names it; the teacher's if left out, or "
        f"{MicroOptions.language}",
    )
    group.add_argument(
        "--false-accepts-per-hour",
        type=per_hour,
        metavar="RATE",
        help="what the thresholds in the file are chosen for "
        f"({MicroOptions.false_accepts_per_hour} if left out)",
    )
    group.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help=f"training steps, fewer are quicker; {MicroOptions.steps} if left out",
    )


def check_no_micro(options: argparse.Namespace) -> None:
    """Refuse what only students on microWakeWord's front end take.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    KwsError
        If one is there.
    """
    for name in ("positives", "synthesize", "language", "false_accepts_per_hour", "steps"):
        if getattr(options, name) not in (None, []):
            option = f"--{name.replace('_', '-')}"
            raise KwsError(f"{option} goes with --frontend micro: leave it out")


def run_micro(options: argparse.Namespace) -> int:
    """Train a student of wake words, and write it.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    KwsError
        If an option is of other students, or teachers or recordings cannot be used.
    """
    for name in OTHERS:
        if getattr(options, name) not in (None, []):
            raise KwsError(_refusal(name))
    if options.steps is not None and options.steps < 1:
        raise KwsError("--steps must be at least 1")
    if options.synthesize is not None and options.synthesize < 0:
        raise KwsError("--synthesize must be at least 0")
    from kws.packaged import find_model

    from ..wake_words.teachers import check_teachers, hold_out_of, language_of

    teachers = [find_model(path) for path in options.teachers]
    labels = check_teachers(teachers)
    said = [
        find_speech(folders) if folders else [] for folders in folders_of(labels, options.positives)
    ]
    if not options.negatives:
        raise KwsError("--negatives is missing: give folders of speech without the wake words")
    negatives, with_phrase = without_keywords(find_speech(options.negatives), labels)
    noise = find_speech(options.noise) if options.noise else []
    import_tensorflow()
    from kws.modelfile import write_model
    from kws_training.wake_words.data import WakeWordRecordings, WakeWordSources

    from ..wake_words.distill import distill_wake_words

    if with_phrase:
        note(f"{with_phrase} of the negatives say a phrase, by folder or manifest: left out")
    given = {
        "synthesized": options.synthesize,
        "language": options.language or language_of(teachers[0]),
        "hold_out": hold_out_of(teachers[0]),
        "false_accepts_per_hour": options.false_accepts_per_hour,
        "steps": options.steps,
        "seed": options.seed,
    }
    wake_words = [
        WakeWordRecordings(label, clips) for label, clips in zip(labels, said, strict=True)
    ]
    result = distill_wake_words(
        teachers,
        WakeWordSources(wake_words, negatives, noise),
        MicroOptions(**{name: value for name, value in given.items() if value is not None}),
    )
    write_model(options.output, result.model.network, result.model.metadata)
    for skip in result.skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    size = options.output.stat().st_size
    thresholds = result.model.metadata.detector.thresholds
    if options.json:
        figures = {
            "model": str(options.output),
            "bytes": size,
            "thresholds": thresholds,
            "operating_points": [asdict(point) for point in result.points],
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in result.skipped],
        }
        print(json.dumps(figures, indent=1))
    else:
        lines = [f"{keyword}: threshold {one:.4g}" for keyword, one in thresholds.items()]
        print("\n".join([*lines, *point_lines(result.points)]))
        print(f"wrote {options.output} ({size / 1000:.0f} kB, int8): kws export --to esphome")
    return 0


def _refusal(name: str) -> str:
    """Say why an option of other students is none here."""
    if name == "features":
        return (
            "--features does not go with --frontend micro, which needs audio and not images: "
            "give recordings by --positives and --negatives"
        )
    option = {"unquantized": "--float"}.get(name, f"--{name.replace('_', '-')}")
    return f"{option} does not go with --frontend micro: leave it out"
