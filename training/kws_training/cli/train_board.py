"""What `kws train --board` does: a wake word for a board, from the recordings to its files.

The wake word is trained, a student of it is taught on the board's front end, and that is exported.
The last two are verbs of the deploy side, which nothing here imports: they are asked for by name.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kws.cli.arguments import check_output
from kws.cli.main import require_verb, run_verb
from kws.console import note
from kws.errors import KwsError

from ..data.shards import is_shards
from .train_config import WakeWordConfig
from .train_files import Trained
from .train_wake_words import run_wake_words

#: Steps of the student for each of a teacher's.
STUDENT_STEPS = 1.5


def board_files(output: Path) -> tuple[Path, Path]:
    """Return where the teacher goes, and the folder of the board's files: beside the model.

    Parameters
    ----------
    output : Path
        The model file of the student.
    """
    return (
        output.with_name(f"{output.stem}-teacher.tflite"),
        output.with_name(f"{output.stem}-esphome"),
    )


def run_for_board(config: WakeWordConfig) -> Trained:
    """Train wake words, teach a student of them for a board, and export it.

    Parameters
    ----------
    config : WakeWordConfig
        What the user decided; its output is the student's model file.

    Returns
    -------
    Trained

    Raises
    ------
    KwsError
        If the deploy side is not installed, or anything on the way fails.
    """
    if config.precision != "int8":
        raise KwsError("--precision: boards run int8: leave it out")
    for folder in filter(is_shards, config.negatives):
        raise KwsError(
            f"--negatives {folder}: shards hold no audio, which the front end of a board needs: "
            "give folders of recordings"
        )
    for name in ("distill", "export"):
        require_verb(name)  # said before an hour of training, not after it
    teacher, folder = board_files(config.output)
    check_output(teacher)
    if folder.exists() and not folder.is_dir():
        raise KwsError(f"{folder}: is no folder: move it away, or name another --output")
    trained = run_wake_words(replace(config, output=teacher, board=None))
    note(f"wrote {teacher}: a student learns from it")
    student = _run("distill", distillation_arguments(config, teacher))
    written = _run(
        "export", [str(config.output), "--to", "esphome", "--output", str(folder), "--json"]
    )
    lines = ["the teacher:", *trained.lines, "the student:"]
    lines += [f"{word}: threshold {one:.4g}" for word, one in student["thresholds"].items()]
    for point in student["operating_points"]:
        misses = "not measured" if point["miss_rate"] is None else f"{point['miss_rate']:.0%}"
        lines.append(
            f"  {point['keyword']}: threshold {point['threshold']:.4g}: "
            f"{point['false_accepts_per_hour']:.2f} false accepts per hour, misses {misses}"
        )
    lines += [f"wrote {name}" for name in written["files"]]
    figures = {"teacher": {"model": str(teacher), **trained.figures}, "student": student}
    return Trained(lines, {**figures, "export": written}, trained.skipped)


def distillation_arguments(config: WakeWordConfig, teacher: Path) -> list[str]:
    """Return the arguments with which a student learns from the same recordings.

    Parameters
    ----------
    config : WakeWordConfig
        What the user decided.
    teacher : Path
        The teacher's model file.
    """
    arguments = [str(teacher), "--frontend", "micro", "--output", str(config.output), "--json"]
    arguments += ["--synthesize", str(config.synthesize), "--language", config.language]
    arguments += ["--false-accepts-per-hour", str(config.false_accepts_per_hour)]
    arguments += ["--steps", str(round(STUDENT_STEPS * config.steps)), "--seed", str(config.seed)]
    for name, folders in (
        *(("--positives", group) for group in config.positives),
        ("--negatives", config.negatives),
        ("--noise", config.noise),
    ):
        if folders:
            arguments += [name, *map(str, folders)]
    return arguments


def _run(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run a verb, and return the JSON object that it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = run_verb(name, arguments)
    if status:
        raise KwsError(f"kws {name} ended with status {status}: run it alone to see why")
    values: dict[str, Any] = json.loads(printed.getvalue())
    return values
