"""The recordings that a model of commands is trained, validated and tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from kws.arrays import Float32
from kws.console import note
from kws.metadata import UNKNOWN

from ..augmentation.augment import Augmentation
from ..augmentation.rooms import find_responses
from ..cache import cache_folder
from ..data.dataset import Clip, DataError, Skipped, labels_of
from ..data.recordings import ClipSet, Negatives, digest_of_clips, read_noise, without_repeated
from ..data.training_files import TrainingFiles
from ..progress import bar
from ..spreading.workers import ALONE, Workers


@dataclass(frozen=True)
class CommandData:
    """All recordings, by what they are for.

    Attributes
    ----------
    labels : tuple of str
        The labels, silence and unknown first.
    training : ClipSet
        Clips to train with, those of other words included.
    validation : ClipSet
        Clips by which training stops and thresholds are chosen.
    held_out : ClipSet
        Clips that nothing is decided on.
    negatives : Negatives
        Speech without any keyword.
    noise : list of float32 (samples,)
        Recordings of noise, 16 kHz.
    responses : list of float32 (samples,)
        Impulse responses of rooms, 16 kHz.
    skipped : tuple of Skipped
        Recordings that could not be used.
    clips : tuple of int
        Numbers of clips that were given to train, to validate and held out.
    sha256 : str
        Digest of all that was read.
    """

    labels: tuple[str, ...]
    training: ClipSet
    validation: ClipSet
    held_out: ClipSet
    negatives: Negatives
    noise: list[Float32]
    responses: list[Float32]
    skipped: tuple[Skipped, ...]
    clips: tuple[int, ...]
    sha256: str


def prepare(
    files: TrainingFiles, augmentation: Augmentation, seed: int, workers: Workers = ALONE
) -> CommandData:
    """Read recordings.

    Parameters
    ----------
    files : TrainingFiles
        The recordings; no speaker is for two things.
    augmentation : Augmentation
        Says how many rooms are simulated.
    seed : int
        Seed of the rooms.
    workers : Workers
        Who reads.

    Returns
    -------
    CommandData
        Without recordings of other words, words are played backwards in their stead.

    Raises
    ------
    DataError
        If there is one class only, too few speakers, or nothing could be read.
    """
    given = (files.training, files.validation, files.held_out)
    labels = labels_of([clip for part in given for clip in part])
    read = [ClipSet.read(part, workers) for part in given]
    parts = without_repeated(dict(zip(("training", "validation", "test"), read, strict=True)))
    training, validation, held_out = parts
    noise, skipped = read_noise(files.noise)
    negatives = Negatives.read(files.negatives)
    skipped += [skip for part in parts for skip in part.skipped] + negatives.skipped
    for label in labels[2:]:
        for part, name in ((training, "train"), (validation, "validate")):
            if all(clip.label != label for clip in part.clips):
                raise DataError(f"{label}: no recording to {name} with could be read")
    training = training + running_speech(negatives.training)
    if all(clip.label != UNKNOWN for clip in training.clips):
        note("no _unknown_ folder: other words are stood in for by words played backwards")
        training = with_backward_words(training)
    note(
        f"{len(training.clips)} clips to train, {len(validation.clips)} to validate, "
        f"{len(held_out.clips)} held out, {len(skipped)} skipped; "
        f"{len({c.speaker for c in training.clips})} speakers train; labels: {', '.join(labels)}"
    )
    responses, unused = find_responses(augmentation, files.rooms, seed, cache_folder(), bar)
    return CommandData(
        labels,
        training,
        validation,
        held_out,
        negatives,
        noise,
        responses,
        (*skipped, *unused),
        tuple(len(part.clips) for part in parts),
        digest_of_clips([*parts, negatives.training, negatives.development, negatives.test], noise),
    )


def running_speech(part: ClipSet) -> ClipSet:
    """Join each second of a recording and the next one: a window fits into two.

    Parameters
    ----------
    part : ClipSet
        The seconds of each recording, one after the other.

    Returns
    -------
    ClipSet
        As many clips; the last of each recording is as it was.
    """
    audio = list(part.audio)
    for number, (clip, following) in enumerate(pairwise(part.clips)):
        if clip.path == following.path:
            audio[number] = np.concatenate([part.audio[number], part.audio[number + 1]])
    return replace(part, audio=audio)


def with_backward_words(part: ClipSet) -> ClipSet:
    """Return clips and, of every second one, the same played backwards as an unknown word.

    Parameters
    ----------
    part : ClipSet
        Clips of words.
    """
    rows = range(0, len(part.clips), 2)
    backward = [Clip(part.clips[n].path, UNKNOWN, UNKNOWN, part.clips[n].speaker) for n in rows]
    audio = [np.ascontiguousarray(part.audio[n][::-1]) for n in rows]
    return replace(part, clips=[*part.clips, *backward], audio=[*part.audio, *audio])
