"""The recordings that a model of sounds is trained and tested on, and who tests whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.console import note
from kws.frontend import YAMNET
from kws.metadata import SILENCE, UNKNOWN, keywords_of

from ..augmentation.augment import Augmentation
from ..augmentation.rooms import find_responses
from ..cache import cache_folder
from ..data.dataset import Clip, DataError, Skipped, labels_of
from ..data.recordings import ClipSet, read_noise, read_speech, repeated
from ..data.splits import share_of
from ..data.training_files import TrainingFiles
from ..progress import bar
from ..spreading.workers import ALONE, Workers
from .defaults import SoundOptions

#: Recordings without any of the sounds are cut into pieces of so many seconds.
PIECE_SECONDS = 5.0


@dataclass(frozen=True)
class SoundData:
    """All recordings, and which of them each round tests.

    Attributes
    ----------
    labels : tuple of str
        The labels, silence first.
    clips : ClipSet
        Clips of the sounds.
    negatives : ClipSet
        Pieces of recordings without any of the sounds.
    held_out : ClipSet
        Clips that nothing is decided on.
    rounds : dict of str to bool (n,)
        For each fold, or for the validation clips: which of the clips and negatives are tested;
        the others are trained on.
    noise : list of float32 (samples,)
        Recordings of noise, 16 kHz.
    responses : list of float32 (samples,)
        Impulse responses of rooms, 16 kHz.
    skipped : tuple of Skipped
        Recordings that could not be used.
    """

    labels: tuple[str, ...]
    clips: ClipSet
    negatives: ClipSet
    held_out: ClipSet
    rounds: dict[str, npt.NDArray[np.bool_]]
    noise: list[Float32]
    responses: list[Float32]
    skipped: tuple[Skipped, ...]

    @property
    def everything(self) -> ClipSet:
        """The clips, then the negatives."""
        return self.clips + self.negatives


def prepare(
    files: TrainingFiles,
    augmentation: Augmentation,
    options: SoundOptions,
    workers: Workers = ALONE,
) -> SoundData:
    """Read recordings, and decide which are tested together.

    Parameters
    ----------
    files : TrainingFiles
        The recordings. With ``options.folds`` no clips validate.
    augmentation : Augmentation
        Says how many rooms are simulated.
    options : SoundOptions
        What the user decides.
    workers : Workers
        Who reads.

    Raises
    ------
    DataError
        If a class has too few clips, or a clip no fold, or nothing could be read.
    """
    clips = ClipSet.read([*files.training, *files.validation], workers)
    held_out = ClipSet.read(files.held_out, workers)
    validation = {clip.path for clip in files.validation}
    clips, held_out = _without_repeated(clips, held_out, validation, options.folds)
    noise, skipped = read_noise(files.noise)
    negatives = read_negatives(files.negatives)
    responses, unused = find_responses(augmentation, files.rooms, options.seed, cache_folder(), bar)
    skipped += [*clips.skipped, *held_out.skipped, *negatives.skipped, *unused]
    known = clips.clips + negatives.clips
    labels = tuple(
        label
        for label in labels_of([*known, Clip(Path(), SILENCE, SILENCE, "")])
        if label != UNKNOWN or any(clip.label == UNKNOWN for clip in known)
    )
    rounds = _rounds(clips.clips, negatives.clips, validation, options.folds)
    _check_rounds(known, labels, rounds)
    note(
        f"{len(clips.clips)} clips, {len(negatives.clips)} pieces without the sounds, "
        f"{len(held_out.clips)} held out, {len(skipped)} skipped; labels: {', '.join(labels)}"
    )
    return SoundData(labels, clips, negatives, held_out, rounds, noise, responses, tuple(skipped))


def _without_repeated(
    clips: ClipSet, held_out: ClipSet, validation: set[Path], folds: str | None
) -> tuple[ClipSet, ClipSet]:
    """Leave out recordings that are in two folds, in two parts, or under two labels."""
    if folds is None:
        sides = ["validation" if clip.path in validation else "training" for clip in clips.clips]
    else:
        sides = [f"{folds} {clip.columns.get(folds, '')}" for clip in clips.clips]
    sides += ["test"] * len(held_out.clips)
    reasons = repeated(clips.clips + held_out.clips, clips.audio + held_out.audio, sides)
    count = len(clips.clips)
    return clips.without(reasons[:count]), held_out.without(reasons[count:])


def read_negatives(paths: Sequence[Path]) -> ClipSet:
    """Read recordings with none of the sounds, in pieces; those that cannot be used are listed.

    Parameters
    ----------
    paths : sequence of Path
        The recordings.

    Returns
    -------
    ClipSet
        Pieces of `PIECE_SECONDS` seconds. The last one of a recording takes the rest, unless that
        is long enough to be a piece.
    """
    part = ClipSet([], [], [])
    for path, audio in read_speech(paths, "negatives", part.skipped):
        size = round(PIECE_SECONDS * YAMNET.sample_rate)
        starts = range(0, max(1, len(audio) - size // 2), size)
        for start in starts:
            piece = audio[start : None if start == starts[-1] else start + size]
            part.clips.append(Clip(path, UNKNOWN, "negatives", str(path)))
            part.audio.append(piece)
    return part


def _rounds(
    clips: Sequence[Clip], negatives: Sequence[Clip], validation: set[Path], folds: str | None
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which clips and negatives each round tests; it trains on the others.

    Raises
    ------
    DataError
        If a clip has no fold, or there is one fold only.
    """
    shares = np.array([share_of(clip.path.name) for clip in negatives])
    if folds is None:
        tested = np.array([clip.path in validation for clip in clips])
        # as large a share of the recordings without sounds, whole recordings each
        return {"validation": np.concatenate([tested, shares < tested.mean()])}
    for clip in clips:
        if not clip.columns.get(folds):
            there = sorted({name for clip in clips for name in clip.columns})
            raise DataError(
                f"{clip.path}: the manifest gives it no {folds!r}: fill in that column, or name "
                f"another one with --fold-column ({', '.join(there) or 'there is no manifest.csv'})"
            )
    names = sorted({clip.columns[folds] for clip in clips}, key=lambda name: (len(name), name))
    if len(names) < 2:
        raise DataError(
            f"--fold-column {folds}: one fold only ({names[0]}): at least two are needed"
        )
    of = np.array([names.index(clip.columns[folds]) for clip in clips])
    of = np.concatenate([of, (shares * len(names)).astype(np.int64)])
    return {name: of == number for number, name in enumerate(names)}


def _check_rounds(
    clips: Sequence[Clip], labels: Sequence[str], rounds: Mapping[str, npt.NDArray[np.bool_]]
) -> None:
    """Refuse rounds in which a class has no clips to train with."""
    for name, tested in rounds.items():
        for label in keywords_of(tuple(labels)):
            rows = [n for n, clip in enumerate(clips) if clip.label == label]
            if tested[rows].all():
                raise DataError(
                    f"{label}: every clip is in {name!r}: none is left to train with; record more, "
                    "or take the class away"
                )
