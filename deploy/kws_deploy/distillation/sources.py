"""Reads all that a student learns from and is judged on, nobody on both sides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.arrays import Float32
from kws.console import note
from kws.errors import KwsError
from kws.modelfile import ModelFile
from kws_training.data.dataset import Clip, Skipped, find_parts
from kws_training.data.recordings import ClipSet, Negatives, read_noise, read_speech, seconds_of
from kws_training.data.splits import by_column, by_speaker, check_apart, hold_out, split
from kws_training.data.unlabelled import find_recordings, find_speech

#: Share of the speakers who validate, where the teacher does not say.
VALIDATION = 0.1


@dataclass(frozen=True)
class Folders:
    """Where everything is.

    Attributes
    ----------
    data : sequence of Path
        Labelled recordings.
    speaker_rule : str or None
        As for `find_parts`.
    features : Path or None
        Log-mel images with labels.
    test_data : sequence of Path
        Labelled recordings of people who are in nothing that is trained on; where there are none,
        some of those in ``data`` are kept out.
    noise, negatives, unlabelled : sequence of Path
        Recordings of noise, of speech without any keyword, and of speech of which nobody says
        what is in it.
    """

    data: Sequence[Path]
    speaker_rule: str | None
    features: Path | None
    test_data: Sequence[Path]
    noise: Sequence[Path]
    negatives: Sequence[Path]
    unlabelled: Sequence[Path]


@dataclass(frozen=True)
class Gathered:
    """Recordings in memory.

    Attributes
    ----------
    training, validation, held_out, unlabelled : ClipSet
        Clips to learn from, to choose thresholds on, to state figures on, and those without labels.
    negatives : Negatives
        Speech without any keyword.
    noise : list of float32 arrays
        16 kHz.
    teacher_split : dict
        What the teacher's file tells of its split: ``hold_out``, ``validation``, ``split``.
    judges : str
        Who judges: "held-out", "judging" (named by the user) or "validation" speakers.
    skipped : list of Skipped
        Recordings that were left out, with the reason.
    """

    training: ClipSet
    validation: ClipSet
    held_out: ClipSet
    unlabelled: ClipSet
    negatives: Negatives
    noise: list[Float32]
    teacher_split: dict[str, Any]
    judges: str
    skipped: list[Skipped]

    @property
    def judged(self) -> ClipSet:
        """Who judges: the speakers held out, or where there are none those who validate."""
        return self.held_out if self.held_out.clips else self.validation


def gather(teacher: ModelFile, keywords: Sequence[str], folders: Folders) -> Gathered:
    """Read everything, split as the teacher's recordings were.

    Parameters
    ----------
    teacher : ModelFile
        Its provenance names the share of held-out speakers, or the column that says who they
        are; they are held out here too.
    keywords : sequence of str
        Those that the student learns.
    folders : Folders
        Where the recordings are.

    Raises
    ------
    KwsError
        If a folder or file cannot be used.
    """
    parts = _parts(teacher, keywords, folders)
    training, validation, held_out = (ClipSet.read(part) for part in parts)
    if not validation.clips:
        where = (*folders.test_data, *folders.data)[0]
        raise KwsError(f"{where}: no recording to validate with could be read")
    judging = _marks([*validation.clips, *held_out.clips])
    noise, skipped = read_noise(find_recordings(folders.noise))
    if not noise:
        raise KwsError(f"{folders.noise[0]}: no recording of noise could be read")
    negatives = Negatives.read(_others(folders.negatives, judging))
    unlabelled = _pieces(_others(folders.unlabelled, judging))
    for part in (training, validation, held_out, unlabelled):
        skipped += part.skipped
    judges = "judging" if folders.test_data else "held-out" if held_out.clips else "validation"
    return Gathered(
        training + negatives.training,
        validation,
        held_out,
        unlabelled,
        negatives,
        noise,
        _teacher_split(teacher),
        judges,
        skipped + negatives.skipped,
    )


def _parts(
    teacher: ModelFile, keywords: Sequence[str], folders: Folders
) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Find who trains, who validates, and who is held out."""
    clips, judging = find_parts(
        [folders.data, folders.test_data], list(keywords), folders.speaker_rule
    )
    if folders.test_data:
        marks = _marks(judging)
        # whoever the teacher held out stays out here too, and judges nothing
        kept = [
            clip
            for clip in _without_held_out(teacher, clips)
            if clip.person not in marks and os.path.realpath(clip.path) not in marks
        ]
        parts: tuple[list[Clip], list[Clip], list[Clip]] = (kept, judging, [])
    else:
        parts = _split(teacher, clips)
    check_apart(dict(zip(("training", "validation", "held-out"), parts, strict=True)))
    return parts


def _marks(clips: Sequence[Clip]) -> set[str]:
    """Return what tells clips: who speaks, and the files' true paths."""
    return {clip.person for clip in clips} | {os.path.realpath(clip.path) for clip in clips}


def _others(folders: Sequence[Path], judging: set[str]) -> list[Path]:
    """Find recordings of speech by people who judge nothing."""
    return [
        clip.path
        for clip in find_speech(folders)
        if clip.speaker not in judging and os.path.realpath(clip.path) not in judging
    ]


def _pieces(paths: Sequence[Path]) -> ClipSet:
    """Read recordings and cut them into seconds."""
    part = ClipSet([], [], [])
    for path, audio in read_speech(paths, "unlabelled", part.skipped):
        for piece in seconds_of(audio):
            part.clips.append(Clip(path, "", "unlabelled", str(path)))
            part.audio.append(piece)
    return part


def _teacher_split(teacher: ModelFile) -> dict[str, Any]:
    """Return what the teacher's file tells of its split, for the student's file to tell too."""
    options = teacher.metadata.provenance.get("options")
    shares = {
        "hold_out": _share(teacher, "hold_out", 0.0),
        "validation": _share(teacher, "validation", VALIDATION),
    }
    if isinstance(options, dict):
        return {**shares, **({"split": options["split"]} if options.get("split") else {})}
    note(
        f"{teacher.path} does not tell whom it was trained on: if it has heard those who judge, "
        "its own figure is too good"
    )
    return shares


def _share(teacher: ModelFile, name: str, otherwise: float) -> float:
    """Return a share of speakers that the teacher was trained with, from its provenance."""
    options = teacher.metadata.provenance.get("options")
    value = options.get(name, otherwise) if isinstance(options, dict) else otherwise
    if not isinstance(value, int | float) or not 0 <= value <= 0.9:
        raise KwsError(f"{teacher.path}: provenance: {name} must be 0 to 0.9, not {value!r:.40}")
    return float(value)


def _column(teacher: ModelFile) -> str | None:
    """Return the name of the column by which the teacher's recordings were split, if any."""
    options = teacher.metadata.provenance.get("options")
    column = options.get("split") if isinstance(options, dict) else None
    if column is not None and not isinstance(column, str):
        raise KwsError(f"{teacher.path}: provenance: split must be text, not {column!r:.40}")
    return column


def _without_held_out(teacher: ModelFile, clips: Sequence[Clip]) -> list[Clip]:
    """Leave out whom the teacher held out."""
    column = _column(teacher)
    if column is None:
        return hold_out(clips, _share(teacher, "hold_out", 0.0))[0]
    training, validating, _ = by_column(clips, column)
    return training + validating


def _split(teacher: ModelFile, clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Split the clips as the teacher's were: by the same column, or by the same shares."""
    validation = _share(teacher, "validation", VALIDATION)
    column = _column(teacher)
    if column is None:
        return by_speaker(clips, validation, _share(teacher, "hold_out", 0.0))
    training, validating, out = by_column(clips, column)
    if not validating:
        training, validating = split(training, validation)
    return training, validating, out
