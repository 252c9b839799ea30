"""The files of a training: the recordings that are named, and the model that is written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kws.errors import KwsError

from ..data.dataset import Clip, Skipped

if TYPE_CHECKING:  # TensorFlow is not needed to print --help
    from kws.modelfile import ModelFile


def split_clips(options: argparse.Namespace) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Find the clips to train, to validate and held out, as the options say who is which."""
    from kws.metadata import SILENCE, UNKNOWN

    from ..data.dataset import find_parts, labels_of
    from ..data.splits import by_column, check_apart, hold_out, split

    if options.split is not None and (options.validation_data or options.test_data):
        raise KwsError("--split says who validates: leave out --validation-data and --test-data")
    if options.hold_out and (options.split is not None or options.test_data):
        raise KwsError(
            "--hold-out: --split and --test-data say who is held out: leave one of them out"
        )
    data, validation, test = find_parts(
        [options.data, options.validation_data, options.test_data],
        options.keywords,
        options.speaker_rule,
    )
    labels_of([*data, *validation, *test])  # one class, or a name that cannot be a label
    if options.split is not None:
        training, validation, held_out = by_column(data, options.split)
    else:
        training, held_out = hold_out(data, options.hold_out or 0.0)
        held_out += test
    if not validation:
        training, validation = split(training, options.validation)
    check_apart({"training": training, "validation": validation, "test": held_out})
    known = {clip.label for clip in training}
    for clip in (*validation, *held_out):
        if clip.label not in known and clip.label not in (SILENCE, UNKNOWN):
            raise KwsError(f"{clip.path}: {clip.label} has no recordings to train with")
    return training, validation, held_out


def find_sounds(
    options: argparse.Namespace, training: Sequence[Clip]
) -> tuple[list[Path], list[Path], list[Path]]:
    """Find the recordings of noise, of negatives and of rooms.

    Raises
    ------
    KwsError
        If one of the keywords has no recordings, too.
    """
    from ..data.unlabelled import find_background, find_recordings

    for keyword in options.keywords or ():
        if all(clip.label != keyword for clip in training):
            raise KwsError(f"{keyword}: no recordings in {', '.join(map(str, options.data))}")
    noise = find_recordings(options.noise) + find_background(options.data)
    return noise, find_recordings(options.negatives), find_recordings(options.rooms)


def write_trained(
    options: argparse.Namespace, content: bytes, skipped: Sequence[Skipped]
) -> ModelFile:
    """Write the model file that was trained, and name the recordings that were skipped."""
    from kws.console import note
    from kws.modelfile import parse_model, write_model

    model = parse_model(content, str(options.output))
    write_model(options.output, model.network, model.metadata)
    for skip in skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    return model


def print_written(options: argparse.Namespace) -> None:
    """Print what was written, in the end."""
    size = options.output.stat().st_size
    print(f"wrote {options.output} ({size / 1000:.0f} kB, {options.precision})")
