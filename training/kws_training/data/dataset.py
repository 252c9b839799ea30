"""Recordings with labels: which file is which word, and who says it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kws.console import note
from kws.errors import KwsError
from kws.folders import recordings_below
from kws.metadata import SILENCE, UNKNOWN, is_label, keywords_of

from .audiofolder import find_listed
from .hub_data import fetch_hub_data, parse_address
from .manifest import MANIFEST, Manifest, Row, find_manifest, read_manifest, read_text
from .spelling import one_spelling, tidy

#: Who speaks, from the file name: Speech Commands names its files ``<speaker>_nohash_<n>``, and in
#: its test set ``<word>_<speaker>_nohash_<n>`` under ``_unknown_``; its speakers are 8 hexadecimal
#: digits, so that ``anna_smith_nohash_0`` is still said by ``anna_smith``.
SPEAKER_RULE = r"^(?:[a-z]+_(?=[0-9a-f]{8}_nohash_))?(.+)_nohash_\d+"

#: Official lists of Speech Commands beside its folders; what neither names is for training.
OFFICIAL_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}


class DataError(KwsError):
    """Recordings that cannot be trained on, or judged."""


@dataclass(frozen=True)
class Clip:
    """One recording of one word.

    Attributes
    ----------
    path : Path
        The file of the recording.
    label : str
        Keyword, ``_unknown_`` or ``_silence_``.
    word : str
        The word that was said: the label, but for words that count as ``_unknown_``.
    speaker : str
        Who said it; the path below the folder where nobody knows, so that every file is a speaker
        of its own.
    columns : mapping of str to str
        Further columns of the manifest row of this recording: all but path and label; and
        ``split`` (train, validation or test) where an official list says it.
    """

    path: Path
    label: str
    word: str
    speaker: str
    columns: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def alone(self) -> bool:
        """Whether nobody knows who speaks, so that the file is a speaker of its own."""
        return self.path.as_posix().endswith("/" + self.speaker)

    @property
    def person(self) -> str:
        """Who speaks; for a file that is a speaker of its own its true path.

        In another folder it may have a namesake.
        """
        return os.path.realpath(self.path) if self.alone else self.speaker


@dataclass(frozen=True)
class Skipped:
    """A recording that could not be used, and why.

    Attributes
    ----------
    path : Path
        The file of the recording.
    reason : str
        Why it could not be used, as the end of a sentence about it.
    """

    path: Path
    reason: str

    @classmethod
    def because(cls, path: Path, error: Exception) -> Skipped:
        """Take the reason from an error whose message may begin with the path.

        Parameters
        ----------
        path : Path
            The file of the recording.
        error : Exception
            What reading it raised.

        Returns
        -------
        Skipped
            The recording and the reason.
        """
        return cls(path, str(error).removeprefix(f"{path}: "))


def speakers_of(clips: Iterable[Clip]) -> set[str]:
    """Return the known people who say words in clips; nobody speaks in silence.

    Parameters
    ----------
    clips : iterable of Clip
        The clips.

    Returns
    -------
    set of str
        Their names.
    """
    return {clip.speaker for clip in clips if not clip.alone and clip.label != SILENCE}


def find_clips(
    folders: Sequence[Path],
    keywords: Sequence[str] | None = None,
    speaker_rule: str | None = None,
) -> list[Clip]:
    """Find labelled recordings in folders of words and in manifests.

    In a folder, the sub-folder that holds a file names its word; the nearest manifest (see
    `kws_training.data.manifest.find_manifest`) adds the speaker and further columns, and official
    lists of Speech Commands add ``split``. A manifest given itself names words in its column
    ``label``.

    Parameters
    ----------
    folders : sequence of Path
        Each with one sub-folder per word, at any depth, or in the layout `audiofolder`, or a
        ``.csv`` with the columns ``path`` and ``label``; or a data set on the Hugging Face Hub,
        see `kws_training.data.hub_data`.
    keywords : sequence of str, optional
        The words to keep apart; every other word becomes ``_unknown_``. All words unless said.
    speaker_rule : str, optional
        Regular expression; its first group, found in the file name, is the speaker. Where it does
        not fit, the file is a speaker of its own. Without it `SPEAKER_RULE` decides where it
        fits, then the manifest.

    Returns
    -------
    list of Clip
        In a stable order: folder by folder, in each by path.

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings, or the rule is not a regular expression
        with a group.
    ManifestError
        If a manifest or list cannot be used.
    """
    return [clip for part in find_parts([folders], keywords, speaker_rule) for clip in part]


def find_parts(
    parts: Sequence[Sequence[Path]],
    keywords: Sequence[str] | None = None,
    speaker_rule: str | None = None,
) -> list[list[Clip]]:
    """Find labelled recordings as `find_clips` does, in several lists of folders.

    The speakers of all lists are named together, so that one person has one name in all of them.
    So are the words: spellings that differ in capitals, Unicode form or spaces at the ends are one,
    that of the keyword if it is one; what was joined is said on stderr.

    Parameters
    ----------
    parts : sequence of sequence of Path
        The lists of folders and manifests.
    keywords : sequence of str, optional
        As for `find_clips`.
    speaker_rule : str, optional
        As for `find_clips`.

    Returns
    -------
    list of list of Clip
        Of each list of folders its clips.

    Raises
    ------
    DataError
        As for `find_clips`.
    ManifestError
        As for `find_clips`.
    """
    rule = compile_speaker_rule(SPEAKER_RULE if speaker_rule is None else speaker_rule)
    known: dict[Path, Manifest] = {}
    found = [[one for folder in part for one in _find(folder, known)] for part in parts]
    names = _names_by_manifest(rule, known)
    labels = [SILENCE, UNKNOWN, *(keywords or ())]
    words = [one.word for part in found for one in part]
    spellings, notes = one_spelling(words, labels)
    for line in notes:
        note(f"kws: {line}")
    clips: list[list[Clip]] = []
    for part in found:
        clips.append([])
        for recording in part:
            word, row = spellings[recording.word], recording.row
            match = rule.search(recording.path.name)
            speaker = match.group(1) if match else None
            if speaker is None and speaker_rule is None and row is not None and row.speaker:
                speaker = names.get(row.speaker, row.speaker)
            apart = keywords is None or word in keywords or word == SILENCE
            columns = dict(row.columns) if row is not None else {}
            if recording.split is not None:
                columns["split"] = recording.split
            clips[-1].append(
                Clip(
                    recording.path,
                    word if apart else UNKNOWN,
                    word,
                    speaker or recording.below,
                    columns,
                )
            )
    return clips


@dataclass(frozen=True)
class _Found:
    """A recording before its speaker is named.

    Attributes
    ----------
    below : str
        Path below the folder that was given.
    split : str or None
        What an official list says.
    """

    path: Path
    word: str
    below: str
    row: Row | None = None
    split: str | None = None


def _find(folder: Path, known: dict[Path, Manifest]) -> list[_Found]:
    """Find the recordings with a word in one folder or manifest; keep the manifests read."""
    address = parse_address(folder)
    if address is not None:
        folder = fetch_hub_data(address, labelled=True) / MANIFEST
    if is_manifest(folder):
        return [
            _Found(path, row.label, row.path, row)
            for path, row in recordings_of_manifest(folder, known)
            if not is_aside(row.label)
        ]
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder: give one with a sub-folder per keyword")
    listed = [] if (folder / MANIFEST).is_file() else find_listed(folder)
    if listed:
        return [
            _Found(one.path, one.row.label, one.row.path, one.row, one.split)
            for one in listed
            if not is_aside(one.row.label)
        ]
    paths = [path for path in recordings_below(folder) if path.parent != folder]
    if not paths:
        raise DataError(
            f"{folder}: no recordings in sub-folders: one sub-folder per keyword is needed"
        )
    rows = rows_of(folder, paths, known)
    splits = _official_splits(folder)
    found = []
    for path in paths:
        word, below = path.parent.name, path.relative_to(folder).as_posix()
        if is_aside(word):
            continue
        # the lists name .wav files; a copy in another format is the same recording
        split = None if splits is None else splits.get(below.rpartition(".")[0], "train")
        found.append(_Found(path, word, below, rows.get(path), split))
    return found


def is_manifest(path: Path) -> bool:
    """Tell whether a path is a manifest that was given in place of a folder.

    Parameters
    ----------
    path : Path
        What was given in place of a folder.

    Returns
    -------
    bool
        True if it is an existing file whose name ends in ``.csv``.
    """
    return path.suffix.lower() == ".csv" and path.is_file()


def recordings_of_manifest(path: Path, known: dict[Path, Manifest]) -> list[tuple[Path, Row]]:
    """Find the recordings of a manifest that was given in place of a folder.

    Parameters
    ----------
    path : Path
        The manifest.
    known : dict of Path to Manifest
        Manifests that were read already, by path; this one is added.

    Returns
    -------
    list of (Path, Row)
        Each recording, and its row.

    Raises
    ------
    DataError
        If a row has no label, there are no rows, or none of the recordings is there.
    ManifestError
        If the manifest cannot be used.
    """
    manifest = known.setdefault(path.resolve(), read_manifest(path))
    for row in manifest.rows.values():
        if not row.label:
            raise DataError(
                f"{path}: line {row.line}: no label: name the word, or _unknown_ for any other one"
            )
    if not manifest.rows:
        raise DataError(f"{path}: names no recordings")
    found = [(path.parent / row.path, row) for row in manifest.rows.values()]
    if not any(file.is_file() for file, _ in found):
        raise DataError(
            f"{path}: none of the {len(found)} recordings is there: the first should be "
            f"{found[0][0]}"
        )
    return found


def rows_of(folder: Path, paths: Sequence[Path], known: dict[Path, Manifest]) -> dict[Path, Row]:
    """Find the rows of the nearest manifest for the recordings of a folder.

    A manifest that names none of them is mentioned on stderr: its paths are relative to something
    else. One name in two Unicode spellings is the same name.

    Parameters
    ----------
    folder : Path
        The folder of recordings.
    paths : sequence of Path
        The recordings, each below the folder.
    known : dict of Path to Manifest
        Manifests that were read already, by path; what is read is added.

    Returns
    -------
    dict of Path to Row
        The rows by recording; empty without a manifest.

    Raises
    ------
    ManifestError
        If a manifest cannot be used.
    """
    manifest = find_manifest(folder, known)
    if manifest is None:
        return {}
    inside = folder.resolve().relative_to(manifest.folder.resolve())
    names = {unicodedata.normalize("NFC", name): row for name, row in manifest.rows.items()}
    found = {}
    for path in paths:
        name = (inside / path.relative_to(folder)).as_posix()
        row = manifest.rows.get(name) or names.get(unicodedata.normalize("NFC", name))
        if row is not None:
            found[path] = row
    if paths and not found:
        first = (inside / paths[0].relative_to(folder)).as_posix()
        note(
            f"kws: {manifest.path}: names none of the {len(paths)} recordings in {folder}: its "
            f"paths must be relative to its own folder, such as {first}"
        )
    return found


def _official_splits(folder: Path) -> dict[str, str] | None:
    """Read the official lists in a folder: the split by path without its suffix; None without."""
    splits: dict[str, str] = {}
    lists = [(split, folder / name) for split, name in OFFICIAL_LISTS.items()]
    lists = [(split, path) for split, path in lists if path.is_file()]
    for split, path in lists:
        for line, text in enumerate(read_text(path).split("\n"), 1):
            name = text.strip().rpartition(".")[0]
            if not name:
                continue
            if splits.setdefault(name, split) != split:
                raise DataError(
                    f"{path}: line {line}: {text.strip()!r:.200} is also in "
                    f"{OFFICIAL_LISTS[splits[name]]}: keep one of them"
                )
    return splits if lists else None


def compile_speaker_rule(speaker_rule: str) -> re.Pattern[str]:
    """Compile a speaker rule.

    Parameters
    ----------
    speaker_rule : str
        Regular expression whose first group is the speaker.

    Returns
    -------
    re.Pattern
        With at least one group.

    Raises
    ------
    DataError
        If it is no regular expression, or has no group.
    """
    try:
        rule = re.compile(speaker_rule)
    except re.error as error:
        raise DataError(f"speaker rule {speaker_rule!r}: no regular expression ({error})") from None
    if rule.groups < 1:
        raise DataError(
            f"speaker rule {speaker_rule!r}: needs a group, as in '^(.+)_nohash_[0-9]+'"
        )
    return rule


def _names_by_manifest(rule: re.Pattern[str], known: Mapping[Path, Manifest]) -> dict[str, str]:
    """Map speakers of manifests to the name that their files give, where it is always the same.

    So a person has one name, whether a file's own name says it or only the manifest.
    """
    names: dict[str, set[str]] = {}
    for manifest in known.values():
        for row in manifest.rows.values():
            match = rule.search(row.path.rpartition("/")[2])
            if row.speaker and match and match.group(1):
                names.setdefault(row.speaker, set()).add(match.group(1))
    return {speaker: next(iter(found)) for speaker, found in names.items() if len(found) == 1}


def is_aside(word: str) -> bool:
    """Tell whether a folder stands aside: Speech Commands' ``_background_noise_`` is no word.

    Parameters
    ----------
    word : str
        The name of the folder, or a label.

    Returns
    -------
    bool
        True for names in underscores other than ``_silence_`` and ``_unknown_``.
    """
    word = tidy(word)
    return not keywords_of((word,)) and word.lower() not in (SILENCE, UNKNOWN)


def labels_of(clips: Iterable[Clip]) -> tuple[str, ...]:
    """Return the labels of a model for clips.

    Parameters
    ----------
    clips : iterable of Clip
        The clips that it is trained on.

    Returns
    -------
    tuple of str
        ``_silence_``, ``_unknown_``, then the keywords in alphabetical order.

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
