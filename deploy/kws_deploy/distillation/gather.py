"""Reads all that a student learns from and is judged on, nobody on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio import load_audio
from kws.errors import AudioError, KwsError
from kws.frontend import YAMNET
from kws.modelfile import ModelFile
from kws_training.data.dataset import (
    Clip,
    Skipped,
    by_column,
    by_speaker,
    find_clips,
    find_recordings,
    split,
)
from kws_training.data.recordings import PIECE, Negatives, Part, read_noise
from kws_training.fitting.features import to_int16
from kws_training.progress import bar

Float32 = npt.NDArray[np.float32]

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
        As for `find_clips`.
    features : Path or None
        Log-mel images with labels.
    judge : sequence of Path
        Labelled recordings of people who are in nothing that is trained on; where there are none,
        some of those in ``data`` are kept out.
    noise, negatives, unlabelled : sequence of Path
        Recordings of noise, of speech without any keyword, and of speech of which nobody says
        what is in it.
    """

    data: Sequence[Path]
    speaker_rule: str | None
    features: Path | None
    judge: Sequence[Path]
    noise: Sequence[Path]
    negatives: Sequence[Path]
    unlabelled: Sequence[Path]


@dataclass(frozen=True)
class Gathered:
    """Recordings in memory.

    Attributes
    ----------
    training, validation, held_out, unlabelled : Part
    negatives : Negatives
    noise : list of float32 arrays
        16 kHz.
    hold_out : float
        Share of the speakers that the teacher kept out.
    skipped : list of Skipped
    """

    training: Part
    validation: Part
    held_out: Part
    unlabelled: Part
    negatives: Negatives
    noise: list[Float32]
    hold_out: float
    skipped: list[Skipped]

    @property
    def judged(self) -> Part:
        """Who judges: the speakers held out, or where there are none those who validate."""
        return self.held_out if self.held_out.clips else self.validation

    @property
    def judges(self) -> str:
        """Name those who judge."""
        return "held-out" if self.held_out.clips else "validation"


def gather(teacher: ModelFile, keywords: Sequence[str], folders: Folders) -> Gathered:
    """Read everything, split as the teacher's recordings were.

    Parameters
    ----------
    teacher : ModelFile
        Its provenance names the share of held-out speakers, or the column that says who they
        are; they are held out here too.
    keywords : sequence of str
    folders : Folders

    Raises
    ------
    KwsError
        If a folder or file cannot be used, or a keyword has no recording.
    """
    clips = find_clips(folders.data, list(keywords), folders.speaker_rule)
    if folders.judge:
        judging = find_clips(folders.judge, list(keywords), folders.speaker_rule)
        speakers = {clip.speaker for clip in judging}
        parts = [clip for clip in clips if clip.speaker not in speakers], judging, []
    else:
        parts = _split(teacher, clips)
    training, validation, held_out = (Part.read(part) for part in parts)
    for keyword in keywords:
        if all(clip.label != keyword for clip in (*training.clips, *validation.clips)):
            raise KwsError(f"{keyword}: no recording of this keyword could be read")
    if not validation.clips:
        where = (*folders.judge, *folders.data)[0]
        raise KwsError(f"{where}: no recording to validate with could be read")
    noise, skipped = read_noise(find_recordings(folders.noise))
    if not noise:
        raise KwsError(f"{folders.noise[0]}: no recording of noise could be read")
    negatives = Negatives.read(find_recordings(folders.negatives))
    unlabelled = _pieces(find_recordings(folders.unlabelled))
    for part in (training, validation, held_out, unlabelled):
        skipped += part.skipped
    return Gathered(
        training + negatives.training, validation, held_out, unlabelled, negatives, noise,
        _share(teacher, "hold_out", 0.0), skipped + negatives.skipped,
    )  # fmt: skip


def _pieces(paths: Sequence[Path]) -> Part:
    """Read recordings and cut them into seconds."""
    part = Part([], [], [])
    for number in bar(iter(range(len(paths))), len(paths), "unlabelled"):
        path = paths[number]
        try:
            audio = to_int16(load_audio(path, YAMNET.sample_rate))
        except AudioError as error:
            part.skipped.append(Skipped.because(path, error))
            continue
        for start in range(0, len(audio) - PIECE // 2, PIECE):
            part.clips.append(Clip(path, "", "unlabelled", str(path)))
            part.audio.append(audio[start : start + PIECE])
    return part


def _share(teacher: ModelFile, name: str, otherwise: float) -> float:
    """Return a share of speakers that the teacher was trained with, from its provenance."""
    options = teacher.metadata.provenance.get("options")
    value = options.get(name, otherwise) if isinstance(options, dict) else otherwise
    if not isinstance(value, int | float) or not 0 <= value <= 0.9:
        raise KwsError(f"{teacher.path}: provenance: {name} must be 0 to 0.9, not {value!r:.40}")
    return float(value)


def _split(teacher: ModelFile, clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Split the clips as the teacher's were: by the same column, or by the same shares."""
    validation = _share(teacher, "validation", VALIDATION)
    held_out = _share(teacher, "hold_out", 0.0)
    options = teacher.metadata.provenance.get("options")
    column = options.get("split") if isinstance(options, dict) else None
    if column is None:
        return by_speaker(clips, validation, held_out)
    if not isinstance(column, str):
        raise KwsError(f"{teacher.path}: provenance: split must be text, not {column!r:.40}")
    training, validating, out = by_column(clips, column)
    if not validating:
        training, validating = split(training, validation)
    return training, validating, out
