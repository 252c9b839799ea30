"""The folder of a report: page, pictures, audio, model card, figures; all of it or nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kws.arrays import Int16
from kws.errors import KwsError
from kws.files import whole_folder
from kws.frontend import YAMNET
from kws.modelfile import ModelFile
from kws.wav import write_wav

from ..data.dataset import DataError
from ..evaluation.evaluate import Evaluation
from ..evaluation.results import ClipResult
from .card import model_card
from .curve import LearningCurve, measure_of, read_curve
from .page import html_page, picture_of_groups

#: Clips that went wrong that are copied into a report.
MOST_CLIPS = 100
#: The file by which a folder is known as a report.
MARK = "report.json"
#: All the names that a report has in its folder.
NAMES = re.compile(r"index\.html|card\.md|report\.json|wrong|[a-z]+\d*-(light|dark)\.png")
#: Names of the clips that went wrong, in the folder ``wrong``.
CLIP_NAMES = re.compile(r"\d{3}\.wav")


class ReportError(KwsError):
    """A folder that a report cannot be written to."""


def check_folder(folder: Path) -> None:
    """Find out before the work, not after it, that a report cannot be written to a folder.

    Parameters
    ----------
    folder : Path
        The folder; it may not exist yet.

    Raises
    ------
    ReportError
        If something else is there, or its parent does not exist or cannot be written to.
    """
    try:
        folder = folder.resolve()  # so that "." has a name and a parent too
        if folder.exists():
            _check_ours(folder)
        elif not folder.parent.is_dir():
            raise ReportError(f"{folder.parent}: no such folder: make it, or name another")
        if not os.access(folder.parent, os.W_OK):
            raise ReportError(f"{folder.parent}: cannot be written to: name another folder")
    except (OSError, RuntimeError, ValueError) as error:  # endless links, a null byte
        raise ReportError(f"{str(folder)!r}: cannot be used ({error}): name another") from None


def _check_ours(folder: Path) -> None:
    if not folder.is_dir():
        raise ReportError(f"{folder}: is a file: name a folder for the report")
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        return
    foreign = [name for name in names if not NAMES.fullmatch(name)]
    if (folder / "wrong").is_dir():
        clips = sorted(path.name for path in (folder / "wrong").iterdir())
        foreign += [f"wrong/{name}" for name in clips if not CLIP_NAMES.fullmatch(name)]
    if MARK not in names:
        raise ReportError(
            f"{folder}: is no report of kws, but has files in it ({names[0]}): name a new folder"
        )
    if foreign:
        raise ReportError(
            f"{folder}: has files that are not of a report ({foreign[0]}): move them away, or "
            "name a new folder"
        )


def write_report(
    folder: Path, evaluation: Evaluation, audio: Sequence[Int16], figures: dict[str, Any]
) -> None:
    """Write a report: ``index.html`` and what belongs to it.

    Parameters
    ----------
    folder : Path
        New, empty, or an older report, which is replaced.
    evaluation : Evaluation
        The model, and what it made of recordings.
    audio : sequence of int16 (n,)
        Of the clips of ``evaluation.report``, in its order, 16 kHz.
    figures : dict
        The figures as plain JSON values.

    Raises
    ------
    ReportError
        If the folder cannot be written to; whatever was there is still there.
    """
    from .pictures import draw_classes, draw_confusion, draw_curve, draw_groups

    report = evaluation.report
    check_folder(folder)
    curve = stored_curve(evaluation.model)
    with report_folder(folder) as part:
        draw_confusion(part, report)
        draw_classes(part, report.classes)
        for number, groups in enumerate(evaluation.groups.values()):
            draw_groups(part, picture_of_groups(number), groups, report.accuracy)
        if not isinstance(curve, str):
            draw_curve(part, curve)
        played = _write_clips(part, evaluation, audio)
        write_text(part / "card.md", model_card(evaluation))
        write_text(part / "index.html", html_page(evaluation, played, curve))
        mistakes = [
            {
                "file": str(result.clip.path),
                "said": result.clip.label,
                "word": result.clip.word,
                "heard": result.heard,
                "score": result.score,
                "speaker": result.clip.speaker,
            }
            for result in report.mistakes
        ]
        write_text(part / MARK, json.dumps({**figures, "mistakes": mistakes}, indent=1) + "\n")


def stored_curve(model: ModelFile) -> LearningCurve | str:
    """Read the learning curve of a model file.

    Parameters
    ----------
    model : ModelFile
        The model.

    Returns
    -------
    LearningCurve or str
        The curve, or a sentence that says why there is none.
    """
    try:
        points = read_curve(model.metadata.provenance)
    except DataError as error:
        return f"The learning curve in the model file cannot be read: {error}."
    if points:
        return LearningCurve(points, measure_of(model.metadata.task))
    return (
        "This model file carries no learning curve. kws train --learning-curve stores one: how "
        "good the model is when it is trained on a part of the speakers."
    )


def _write_clips(
    folder: Path, evaluation: Evaluation, audio: Sequence[Int16]
) -> list[tuple[ClipResult, str]]:
    """Copy the clips that went wrong as 16-bit WAV, which every browser plays."""
    results = evaluation.report.results
    at = {id(result): number for number, result in enumerate(results)}
    played = []
    for number, result in enumerate(evaluation.report.mistakes[:MOST_CLIPS]):
        name = f"wrong/{number + 1:03}.wav"
        (folder / "wrong").mkdir(exist_ok=True)
        write_wav(folder / name, audio[at[id(result)]], YAMNET.sample_rate)
        played.append((result, name))
    return played


def write_text(path: Path, content: str) -> None:
    """Write a text of the report. What no file can hold is replaced.

    Parameters
    ----------
    path : Path
        The file.
    content : str
        The text.
    """
    path.write_text(content, encoding="utf-8", errors="replace", newline="\n")


@contextmanager
def report_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write a report to, which takes the place of another when it is complete.

    Parameters
    ----------
    folder : Path
        The folder that is replaced, or made.

    Yields
    ------
    Path
        A folder beside it.

    Raises
    ------
    ReportError
        If the folder cannot be written to; whatever was there is still there.
    """
    try:
        with whole_folder(folder) as part:
            yield part
    except OSError as error:
        raise ReportError(f"{folder}: cannot be written ({error.strerror or error})") from None
