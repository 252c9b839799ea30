"""Recordings with labels: which file is which word, said by whom, and who validates."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kws.audio import AUDIO_SUFFIXES, recordings_below
from kws.errors import KwsError
from kws.metadata import SILENCE, UNKNOWN, is_label, keywords_of

from .manifest import Manifest, Row, find_manifest, read_manifest, read_text

#: Who speaks, from the file name: Speech Commands names its files ``<speaker>_nohash_<n>``, and in
#: its test set ``<word>_<speaker>_nohash_<n>`` under ``_unknown_``; its speakers are 8 hexadecimal
#: digits, so that ``anna_smith_nohash_0`` is still said by ``anna_smith``.
SPEAKER_RULE = r"^(?:[a-z]+_(?=[0-9a-f]{8}_nohash_))?(.+)_nohash_\d+"

#: Official lists of Speech Commands beside its folders; what neither names is for training.
OFFICIAL_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}

#: What a column that splits may say, and what it means.
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


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
        Each with one sub-folder per word, at any depth, or a ``.csv`` with the columns ``path``
        and ``label``.
    keywords : sequence of str, optional
        The words to keep apart; every other word becomes ``_unknown_``. All words unless said.
    speaker_rule : str, optional
        Regular expression; its first group, found in the file name, is the speaker. Where it does
        not fit, the file is a speaker of its own. Without it `SPEAKER_RULE` decides where it
        fits, then the manifest.

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
    """
    rule = _compile(SPEAKER_RULE if speaker_rule is None else speaker_rule)
    known: dict[Path, Manifest] = {}
    found = [[one for folder in part for one in _find(folder, known)] for part in parts]
    names = _names_by_manifest(rule, known)
    clips: list[list[Clip]] = []
    for part in found:
        clips.append([])
        for recording in part:
            word, row = recording.word, recording.row
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
    if _is_manifest(folder):
        return [
            _Found(path, row.label, row.path, row)
            for path, row in _listed(folder, known)
            if not is_aside(row.label)
        ]
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder: give one with a sub-folder per keyword")
    paths = list(_walk(folder))
    if not paths:
        raise DataError(
            f"{folder}: no recordings in sub-folders: one sub-folder per keyword is needed"
        )
    rows = _rows_below(folder, known)
    splits = _official_splits(folder)
    found = []
    for path in paths:
        word, below = path.parent.name, path.relative_to(folder).as_posix()
        if is_aside(word):
            continue
        # the lists name .wav files; a copy in another format is the same recording
        split = None if splits is None else splits.get(below.rpartition(".")[0], "train")
        found.append(_Found(path, word, below, rows.get(below), split))
    return found


def _is_manifest(path: Path) -> bool:
    return path.suffix.lower() == ".csv" and path.is_file()


def _listed(path: Path, known: dict[Path, Manifest]) -> list[tuple[Path, Row]]:
    """Return the recordings of a manifest that was given itself."""
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


def _rows_below(folder: Path, known: dict[Path, Manifest]) -> dict[str, Row]:
    """Return the rows of the nearest manifest by their path below the folder."""
    manifest = find_manifest(folder, known)
    if manifest is None:
        return {}
    inside = folder.resolve().relative_to(manifest.folder.resolve()).as_posix() + "/"
    inside = inside.removeprefix("./")
    return {
        name.removeprefix(inside): row
        for name, row in manifest.rows.items()
        if name.startswith(inside)
    }


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
                    f"{path}: line {line}: {text.strip()} is also in "
                    f"{OFFICIAL_LISTS[splits[name]]}: keep one of them"
                )
    return splits if lists else None


def _compile(speaker_rule: str) -> re.Pattern[str]:
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
    """Tell whether a folder stands aside: Speech Commands' ``_background_noise_`` is no word."""
    return not keywords_of((word,)) and word not in (SILENCE, UNKNOWN)


def find_background(folders: Sequence[Path]) -> list[Path]:
    """Find the recordings in ``_background_noise_`` and other folders that stand aside.

    Raises
    ------
    ManifestError, DataError
        If a manifest cannot be used.
    """
    known: dict[Path, Manifest] = {}
    found = []
    for folder in folders:
        if _is_manifest(folder):
            found += [path for path, row in _listed(folder, known) if is_aside(row.label)]
        else:
            found += [path for path in _walk(folder) if is_aside(path.parent.name)]
    return found


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

    A recording in place of a folder stands for itself.

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings, or a file is none by its suffix.
    """
    found = []
    for folder in folders:
        if folder.is_file() and folder.suffix.lower() in AUDIO_SUFFIXES:
            found.append(folder)
            continue
        if folder.is_file():
            raise DataError(
                f"{folder}: no recording, by its suffix: give a .wav, a .flac or a folder"
            )
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder: check the path")
        here = recordings_below(folder)
        if not here:
            raise DataError(f"{folder}: no recordings in this folder")
        found += here
    return found


def find_with_rows(folder: Path, known: dict[Path, Manifest]) -> list[tuple[Path, Row | None]]:
    """Find recordings as `find_recordings` does, each with its row of the nearest manifest.

    Parameters
    ----------
    folder : Path
    known : dict
        As for `kws_training.data.manifest.find_manifest`.

    Raises
    ------
    DataError, ManifestError
    """
    paths = find_recordings([folder])
    rows = _rows_below(folder, known) if folder.is_dir() else {}
    return [(path, rows.get(path.relative_to(folder).as_posix())) for path in paths]


def find_speech(folders: Sequence[Path]) -> list[Clip]:
    """Find recordings whose words do not matter, anywhere below the folders, and who speaks.

    Parameters
    ----------
    folders : sequence of Path
        Their own files count too. `SPEAKER_RULE` says who speaks, else the nearest manifest, else
        every file is a speaker of its own.

    Returns
    -------
    list of Clip
        Label and word are ``_unknown_``; ``columns`` has what a manifest says, its label under
        "label".

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings.
    ManifestError
        If a manifest cannot be used.
    """
    known: dict[Path, Manifest] = {}
    rule = _compile(SPEAKER_RULE)
    found = []
    for folder in folders:
        for path, row in find_with_rows(folder, known):
            match = rule.search(path.name)
            speaker = match.group(1) if match else row.speaker if row is not None else ""
            columns = {} if row is None else {**row.columns, "label": row.label}
            found.append(Clip(path, UNKNOWN, UNKNOWN, speaker or str(path), columns))
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


def by_column(clips: Sequence[Clip], column: str) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Split as a column of the manifest, or the official lists, say.

    Parameters
    ----------
    clips : sequence of Clip
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
    """Split into training, validation and held-out clips: `hold_out`, then `split`."""
    kept, out = hold_out(clips, held_out)
    return (*split(kept, validation), out)
