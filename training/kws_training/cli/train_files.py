"""The files of a training: the recordings that are named, and the model that is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.errors import KwsError

from ..data.dataset import Clip, Skipped
from .train_config import ClipsConfig, TrainConfig

if TYPE_CHECKING:  # what these import is not needed to print --help
    from kws.modelfile import ModelFile


#: Clips to train, to validate and held out.
Clips = tuple[list[Clip], list[Clip], list[Clip]]


@dataclass(frozen=True)
class Trained:
    """What `kws train` says at its end.

    Attributes
    ----------
    lines : sequence of str
        For people.
    figures : dict
        The same as JSON values.
    skipped : sequence of Skipped
        Recordings that could not be used.
    """

    lines: Sequence[str]
    figures: dict[str, Any]
    skipped: Sequence[Skipped]


def split_clips(config: ClipsConfig) -> Clips:
    """Find the clips to train, to validate and held out.

    Parameters
    ----------
    config : ClipsConfig
        Where they are, and who is which.

    Returns
    -------
    training, validation, held_out : list of Clip
        No speaker is in two of them.

    Raises
    ------
    KwsError
        If recordings cannot be found, or a speaker or label is on one side alone.
    """
    from kws.metadata import SILENCE, UNKNOWN

    from ..data.dataset import find_parts, labels_of
    from ..data.splits import by_column, check_apart, hold_out, split

    data, validation, test = find_parts(
        [config.data, config.validation_data, config.test_data],
        config.keywords,
        config.speaker_rule,
    )
    labels_of([*data, *validation, *test])  # one class, or a name that cannot be a label
    if config.split is not None:
        training, validation, held_out = by_column(data, config.split)
    else:
        training, held_out = hold_out(data, config.hold_out)
        held_out += test
    if not validation:
        training, validation = split(training, config.validation)
    check_apart({"training": training, "validation": validation, "test": held_out})
    known = {clip.label for clip in training}
    for clip in (*validation, *held_out):
        if clip.label not in known and clip.label not in (SILENCE, UNKNOWN):
            raise KwsError(f"{clip.path}: {clip.label} has no recordings to train with")
    return training, validation, held_out


def find_sounds(
    config: ClipsConfig, training: Sequence[Clip]
) -> tuple[list[Path], list[Path], list[Path]]:
    """Find the recordings of noise, of negatives and of rooms.

    Parameters
    ----------
    config : ClipsConfig
        Where they are.
    training : sequence of Clip
        The clips to train on, to check that every keyword has some.

    Returns
    -------
    noise, negatives, rooms : list of Path

    Raises
    ------
    KwsError
        If a folder cannot be read, or a keyword has no recordings.
    """
    from ..data.unlabelled import find_background, find_recordings

    for keyword in config.keywords or ():
        if all(clip.label != keyword for clip in training):
            raise KwsError(f"{keyword}: no recordings in {', '.join(map(str, config.data))}")
    noise = find_recordings(config.noise) + find_background(config.data)
    return noise, find_recordings(config.negatives), find_recordings(config.rooms)


def write_trained(config: TrainConfig, content: bytes, skipped: Sequence[Skipped]) -> ModelFile:
    """Write the model file that was trained, and name the recordings that were skipped.

    Parameters
    ----------
    config : TrainConfig
        Where it goes.
    content : bytes
        Of the file.
    skipped : sequence of Skipped
        Recordings that could not be used: named on stderr.

    Returns
    -------
    ModelFile
    """
    from kws.console import note
    from kws.modelfile import parse_model, write_model

    model = parse_model(content, str(config.output))
    write_model(config.output, model.network, model.metadata)
    for skip in skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    return model
