"""Splits by speaker: who trains, who validates, who is held out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence

from kws.metadata import SILENCE, UNKNOWN

from .dataset import Clip, DataError
from .manifest import SPLITS

#: Share of the negatives' speakers that nothing is trained on.
HELD_NEGATIVES = 0.15


def share_of(speaker: str) -> float:
    """Map a speaker to a number that is the same for ever, evenly spread.

    The idea is Speech Commands' ``which_set`` (arXiv 1804.03209, section 7): a hash decides, so
    that a speaker stays on the same side when recordings are added.

    Parameters
    ----------
    speaker : str
        The speaker's name, or any other text.

    Returns
    -------
    float
        0 .. 1, below 1.
    """
    return int(hashlib.sha1(os.fsencode(speaker)).hexdigest()[:8], 16) / 2**32


def part_of_negative(speaker: str) -> str:
    """Say what a speaker's recordings without any phrase are for.

    Parameters
    ----------
    speaker : str
        The speaker's name.

    Returns
    -------
    {"training", "development", "test"}
        `HELD_NEGATIVES` of the speakers are kept apart: half of them help to choose thresholds, on
        the other half false accepts are stated.
    """
    share = share_of("negatives " + speaker)
    if share < HELD_NEGATIVES / 2:
        return "test"
    return "development" if share < HELD_NEGATIVES else "training"


def hold_out_speakers(speakers: Iterable[str], fraction: float) -> set[str]:
    """Choose speakers that nothing is trained, stopped or chosen on.

    Parameters
    ----------
    speakers : iterable of str
        Their names.
    fraction : float
        About the share of the speakers that is chosen, 0 .. 1.

    Returns
    -------
    set of str
        The chosen ones; a speaker's own name decides.
    """
    # another hash than that of `split`, so that the shares are independent
    return {speaker for speaker in speakers if share_of("held out " + speaker) < fraction}


def hold_out(clips: Sequence[Clip], fraction: float) -> tuple[list[Clip], list[Clip]]:
    """Split off the clips of held-out speakers.

    Parameters
    ----------
    clips : sequence of Clip
        The clips to split.
    fraction : float
        As for `hold_out_speakers`.

    Returns
    -------
    kept : list of Clip
        The clips of the other speakers.
    held_out : list of Clip
        The clips of the held-out speakers.
    """
    speakers = hold_out_speakers((clip.speaker for clip in clips), fraction)
    return (
        [clip for clip in clips if clip.speaker not in speakers],
        [clip for clip in clips if clip.speaker in speakers],
    )


def split(clips: Sequence[Clip], fraction: float) -> tuple[list[Clip], list[Clip]]:
    """Split by speaker into training and validation clips.

    Every label has validation clips: where the hash gives it none, its next speaker is taken.

    Parameters
    ----------
    clips : sequence of Clip
        The clips to split.
    fraction : float
        Share of the speakers that validate, 0 .. 1.

    Returns
    -------
    training : list of Clip
        What the model learns from.
    validation : list of Clip
        What decides when training stops.

    Raises
    ------
    DataError
        If a keyword would be left without training recordings.
    """
    validating = {clip.speaker for clip in clips if share_of(clip.speaker) < fraction}
    for label in sorted({clip.label for clip in clips}):
        speakers = {clip.speaker for clip in clips if clip.label == label}
        if not speakers & validating:
            validating.add(min(speakers, key=share_of))
    train = [clip for clip in clips if clip.speaker not in validating]
    validation = [clip for clip in clips if clip.speaker in validating]
    trained = {clip.label for clip in train}
    for label in sorted({clip.label for clip in clips}):
        if label not in trained and label not in (SILENCE, UNKNOWN):
            speakers = {clip.speaker for clip in clips if clip.label == label}
            raise DataError(
                f"{label}: {len(speakers)} speaker(s) are too few to train and validate: record "
                "more, or split by file with --speaker-rule '(.+)'"
            )
    return train, validation


def by_column(clips: Sequence[Clip], column: str) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Split as a column of the manifest, or the official lists, say.

    Parameters
    ----------
    clips : sequence of Clip
        The clips to split.
    column : str
        Says train, validation (or val, dev) or test for each clip; ``split`` is also what the
        official lists of Speech Commands say.

    Returns
    -------
    training, validation, test : list of Clip
        Some may be empty.

    Raises
    ------
    DataError
        If a clip has no such column, it says something else, or a speaker is on two sides.
    """
    parts: dict[str, list[Clip]] = {"train": [], "validation": [], "test": []}
    for clip in clips:
        if column not in clip.columns:
            there = sorted({name for other in clips for name in other.columns})
            raise DataError(
                f"{clip.path}: nothing says its {column!r}: "
                + (f"the columns are {', '.join(there)[:200]}" if there else "there is no manifest")
            )
        split = SPLITS.get(clip.columns[column].strip().lower())
        if split is None:
            raise DataError(
                f"{clip.path}: {column} is {clip.columns[column][:50]!r}: it must be train, "
                "validation or test (or val, dev)"
            )
        parts[split].append(clip)
    check_apart(parts)
    return parts["train"], parts["validation"], parts["test"]


def check_apart(parts: Mapping[str, Sequence[Clip]]) -> None:
    """Make sure that no speaker, and no recording, is in two parts.

    Parameters
    ----------
    parts : mapping of str to sequence of Clip
        The clips of each part, by the name that messages call it.

    Raises
    ------
    DataError
        If one is; the speaker, a recording and both parts are named.
    """
    where: dict[str, tuple[str, Clip]] = {}
    for part, clips in parts.items():
        for clip in clips:
            other, first = where.setdefault(clip.person, (part, clip))
            if other != part:
                raise DataError(
                    f"{clip.path}: its speaker is in {other} ({first.path}) and in {part}: figures "
                    "would come out too good: move the recordings, or, if these are two people, "
                    "tell them apart with --speaker-rule"
                )


def by_speaker(
    clips: Sequence[Clip], validation: float, held_out: float
) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Split into training, validation and held-out clips: `hold_out`, then `split`.

    Parameters
    ----------
    clips : sequence of Clip
        The clips to split.
    validation : float
        Share of the speakers that validate, 0 .. 1.
    held_out : float
        Share of the speakers that are held out, 0 .. 1.

    Returns
    -------
    training, validation, held_out : list of Clip
        No speaker is in two of them.

    Raises
    ------
    DataError
        If a keyword would be left without training recordings.
    """
    kept, out = hold_out(clips, held_out)
    return (*split(kept, validation), out)
