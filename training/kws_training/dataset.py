"""Folders of recordings: which file is which word, said by whom, and who validates."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.audio import AUDIO_SUFFIXES
from kws.errors import KwsError
from kws.modelfile import SILENCE, UNKNOWN, is_label, keywords_of

#: Who speaks, from the file name: Speech Commands names its files ``<speaker>_nohash_<n>``.
SPEAKER_RULE = r"^(.+)_nohash_\d+"


class DataError(KwsError):
    """A folder of recordings that cannot be trained on."""


@dataclass(frozen=True)
class Clip:
    """One recording of one word.

    Attributes
    ----------
    path : Path
    label : str
        Keyword, ``_unknown_`` or ``_silence_``.
    word : str
        The word that was said: the label, but for words that count as ``_unknown_``.
    speaker : str
        Who said it; the path below the folder where nobody knows, so that every file is a speaker
        of its own.
    """

    path: Path
    label: str
    word: str
    speaker: str


@dataclass(frozen=True)
class Skipped:
    """A recording that could not be used, and why."""

    path: Path
    reason: str

    @classmethod
    def because(cls, path: Path, error: Exception) -> Skipped:
        """Take the reason from an error whose message may begin with the path."""
        return cls(path, str(error).removeprefix(f"{path}: "))


def find_clips(
    folders: Sequence[Path],
    keywords: Sequence[str] | None = None,
    speaker_rule: str = SPEAKER_RULE,
) -> list[Clip]:
    """Find the recordings in folders of words; the folder that holds a file names its word.

    Parameters
    ----------
    folders : sequence of Path
        Each with one sub-folder per word, at any depth.
    keywords : sequence of str, optional
        The words to keep apart; every other word becomes ``_unknown_``. All words unless said.
    speaker_rule : str
        Regular expression; its first group, found in the file name, is the speaker.

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings, or the rule is not a regular expression
        with a group.
    """
    try:
        rule = re.compile(speaker_rule)
    except re.error as error:
        raise DataError(f"speaker rule {speaker_rule!r}: no regular expression ({error})") from None
    if rule.groups < 1:
        raise DataError(f"speaker rule {speaker_rule!r}: needs a group, as in {SPEAKER_RULE!r}")
    clips = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder: give one with a sub-folder per keyword")
        found = list(_walk(folder))
        if not found:
            raise DataError(
                f"{folder}: no recordings in sub-folders: one sub-folder per keyword is needed"
            )
        for path in found:
            word = path.parent.name
            if is_aside(word):
                continue
            known = keywords is None or word in keywords or word == SILENCE
            match = rule.search(path.name)
            named = match.group(1) if match else None
            speaker = named or path.relative_to(folder).as_posix()
            clips.append(Clip(path, word if known else UNKNOWN, word, speaker))
    return clips


def is_aside(word: str) -> bool:
    """Tell whether a folder stands aside: Speech Commands' ``_background_noise_`` is no word."""
    return not keywords_of((word,)) and word not in (SILENCE, UNKNOWN)


def find_background(folders: Sequence[Path]) -> list[Path]:
    """Find the recordings in ``_background_noise_`` and other folders that stand aside."""
    return [path for folder in folders for path in _walk(folder) if is_aside(path.parent.name)]


def _walk(folder: Path) -> Iterable[Path]:
    """Yield the recordings below a folder (not in it) in a stable order."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if Path(parent) == folder:
            continue
        for name in sorted(names):
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith("."):
                yield Path(parent) / name


def find_recordings(folders: Sequence[Path]) -> list[Path]:
    """Find recordings that need no label, noise or speech, anywhere below the folders.

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings.
    """
    found = []
    for folder in folders:
        here = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
        if not here:
            raise DataError(f"{folder}: no recordings in this folder")
        found += here
    return found


def labels_of(clips: Iterable[Clip]) -> tuple[str, ...]:
    """Return ``_silence_``, ``_unknown_``, then the keywords in alphabetical order.

    Raises
    ------
    DataError
        If there is no keyword, a single class, or a name that cannot be a label.
    """
    present = {clip.label for clip in clips}
    keywords = sorted(present - {SILENCE, UNKNOWN})
    for keyword in keywords:
        if not is_label(keyword):
            raise DataError(f"{keyword!r}: a keyword has 1 to 100 printable characters: rename it")
    if not keywords:
        raise DataError("no keyword: only _silence_ and _unknown_ recordings were found")
    if len(present) < 2:
        raise DataError(
            f"one class only ({keywords[0]}): add a folder with another keyword, or _unknown_ "
            "with other words"
        )
    return (SILENCE, UNKNOWN, *keywords)


def share_of(speaker: str) -> float:
    """Map a speaker to a number in 0 .. 1, the same for ever, evenly spread.

    The idea is Speech Commands' ``which_set`` (arXiv 1804.03209, section 7): a hash decides, so
    that a speaker stays on the same side when recordings are added.
    """
    return int(hashlib.sha1(os.fsencode(speaker)).hexdigest()[:8], 16) / 2**32


def hold_out_speakers(speakers: Iterable[str], fraction: float) -> set[str]:
    """Choose speakers that nothing is trained, stopped or chosen on."""
    # another hash than that of `split`, so that the shares are independent
    return {speaker for speaker in speakers if share_of("held out " + speaker) < fraction}


def hold_out(clips: Sequence[Clip], fraction: float) -> tuple[list[Clip], list[Clip]]:
    """Split off the clips of held-out speakers: (kept, held out)."""
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
    fraction : float
        Share of the speakers that validate.

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
