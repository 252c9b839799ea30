"""From a teacher and recordings to a student's model file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.frontend import WORDS
from kws.modelfile import Metadata, ModelFile, pack, parse_model
from kws_training.augmentation.spectra import WindowMaker
from kws_training.data.dataset import (
    Clip,
    Skipped,
    by_column,
    by_speaker,
    find_clips,
    find_recordings,
    split,
)
from kws_training.data.images import image_of, noise_frames, read_images, second_of, to_frames
from kws_training.data.recordings import Negatives, Part, read_noise
from kws_training.evaluation.evaluate import ClipReport, judge_clips, open_model
from kws_training.evaluation.operating import with_thresholds
from kws_training.fitting.fit import set_seed
from kws_training.networks.convert import convert
from kws_training.progress import bar, say
from kws_training.versions import used_versions

from .distill import Recipe, train_student
from .material import Material, join, labelled, taught
from .students import StudentShape

Float32 = npt.NDArray[np.float32]

#: Share of a recording's target that is its label; the rest is the teacher's posteriors.
LABEL_SHARE = 0.5
#: Share of the speakers who validate, where the teacher does not say.
VALIDATION = 0.1


@dataclass(frozen=True)
class Options:
    """What a user decides about distillation."""

    width: int
    epochs: int
    copies: int
    seed: int


@dataclass(frozen=True)
class Distilled:
    """A student's model file, and how teacher and student do on the same clips.

    Attributes
    ----------
    network : bytes
    metadata : Metadata
    teacher, student : ClipReport
    judges : str
        "held-out" if the teacher was trained with held-out speakers, else "validation".
    skipped : list of Skipped
    """

    network: bytes
    metadata: Metadata
    teacher: ClipReport
    student: ClipReport
    judges: str
    skipped: list[Skipped]


def distill(
    teacher: ModelFile,
    folders: Sequence[Path],
    speaker_rule: str | None,
    features: Path | None,
    noise_folders: Sequence[Path],
    negative_folders: Sequence[Path],
    options: Options,
) -> Distilled:
    """Train a student of a teacher, for the same labels and held-out speakers.

    Parameters
    ----------
    teacher : ModelFile
        Its provenance names the share of held-out speakers, or the column that says who they
        are; they are held out here too.
    folders, speaker_rule
        As for `find_clips`.
    features : Path or None
        Log-mel images, learned from their labels alone.
    noise_folders, negative_folders : sequence of Path
        Recordings of noise, and of speech without any keyword.
    options : Options

    Raises
    ------
    KwsError
        If a folder or file cannot be used.
    """
    set_seed(options.seed)
    labels = teacher.metadata.labels
    versions = used_versions()
    share = _share(teacher, "hold_out", 0.0)
    clips = find_clips(folders, teacher.metadata.keywords, speaker_rule)
    training, validation, held_out = (Part.read(part) for part in _split(teacher, clips))
    for label in teacher.metadata.keywords:
        if all(clip.label != label for clip in (*training.clips, *validation.clips)):
            raise KwsError(f"{label}: no recording of this keyword could be read")
    if not validation.clips:
        raise KwsError(f"{folders[0]}: no recording to validate with could be read")
    noise, skipped = read_noise(find_recordings(noise_folders))
    if not noise:
        raise KwsError(f"{noise_folders[0]}: no recording of noise could be read")
    negatives = Negatives.read(find_recordings(negative_folders))
    skipped += [skip for part in (training, validation, held_out) for skip in part.skipped]
    training = training + negatives.training
    say(f"{len(training.clips)} recordings; the teacher judges {options.copies} copies of each")
    judge = open_model(teacher, threads=2)
    materials = [taught(training, judge, options.copies, LABEL_SHARE, noise, options.seed, bar)]
    if features is not None:
        others = {clip.speaker for part in (validation, held_out) for clip in part.clips}
        materials.append(labelled(read_images(features), labels, share, others))
    material = join(materials)
    say(f"{len(material.images)} clips to learn from")

    frames = to_frames(np.stack([image_of(second_of(audio)) for audio in validation.audio]))
    said = np.array([labels.index(clip.label) for clip in validation.clips])

    def report(epoch: int, loss: float, predict: Any) -> None:
        right = float((predict(frames).argmax(axis=1) == said).mean())
        say(f"epoch {epoch:2}/{options.epochs}: loss {loss:.3f}, validation accuracy {right:.1%}")

    recipe = Recipe(epochs=options.epochs)
    student = train_student(
        material, noise_frames(noise, training), labels, StudentShape(width=options.width),
        recipe, options.seed, report,
    )  # fmt: skip
    streams = _calibration(student.windows, material, options.seed)
    converted = convert(student.step, "int8", streams)
    metadata = Metadata(
        task=teacher.metadata.task,
        labels=labels,
        front_end=WORDS,
        streaming=converted.streaming,
        detector=teacher.metadata.detector,
        provenance={
            "student": asdict(StudentShape(width=options.width)),
            "options": {**asdict(options), "hold_out": share},
            "recipe": asdict(recipe),
            "teacher_sha256": hashlib.sha256(teacher.network).hexdigest(),
            "clips": {"taught": len(materials[0].images), "all": len(material.images)},
            "versions": versions,
        },
    )
    content = with_thresholds(
        pack(converted.network, metadata), validation, negatives, options.seed
    )
    model = parse_model(content, "the student")
    judged = held_out if held_out.clips else validation
    reports = [
        judge_clips(open_model(one), judged.clips, judged.audio, judged.skipped, bar)
        for one in (teacher, model)
    ]
    return Distilled(
        model.network,
        model.metadata,
        *reports,
        "held-out" if held_out.clips else "validation",
        skipped + negatives.skipped,
    )


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


def _calibration(windows: WindowMaker, material: Material, seed: int) -> Float32:
    """Make representative streams: words, noise, and the front end's extremes."""
    rng = np.random.default_rng(seed)
    streams = []
    for _ in range(16):
        rows = rng.integers(len(material.images), size=3)
        words = windows.words(rng, material.frames(rows), material.frames(rows[::-1]), 160, 140)
        streams.append(np.concatenate([*words.frames, windows.silence(rng, 1, 80)[0]]))
    streams.append(np.full_like(streams[0], WORDS.floor))
    streams.append(streams[0] + WORDS.ceiling - streams[0].max())
    return np.stack(streams)
