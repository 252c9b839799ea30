"""Recordings that need no label: noise, speech without keywords, folders that stand aside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from kws.folders import AUDIO_SUFFIXES, read_folder, recordings_below
from kws.metadata import UNKNOWN

from .dataset import (
    SPEAKER_RULE,
    Clip,
    DataError,
    compile_speaker_rule,
    is_aside,
    is_manifest,
    recordings_of_manifest,
    rows_of,
)
from .hub_data import fetch_hub_data, parse_address
from .manifest import MANIFEST, Manifest, Row
from .spelling import plain

#: Columns of a manifest that may say what is said in a recording.
TRANSCRIPTS = ("label", "text")
#: What stands for an apostrophe within a word: a letter, as Unicode counts it.
APOSTROPHE = "\u02bc"


def find_background(folders: Sequence[Path]) -> list[Path]:
    """Find the recordings in ``_background_noise_`` and other folders that stand aside.

    Parameters
    ----------
    folders : sequence of Path
        Folders of words, and manifests.

    Returns
    -------
    list of Path
        The recordings.

    Raises
    ------
    ManifestError, DataError
        If a manifest cannot be used.
    """
    known: dict[Path, Manifest] = {}
    found = []
    for given in folders:
        folder = given if parse_address(given) is None else _local(given) / MANIFEST
        if is_manifest(folder):
            found += [
                path for path, row in recordings_of_manifest(folder, known) if is_aside(row.label)
            ]
        else:
            inside = read_folder(folder).recordings
            found += [
                path for path in inside if path.parent != folder and is_aside(path.parent.name)
            ]
    return found


def _local(folder: Path) -> Path:
    """Return a folder on this machine: of a data set on the Hub the one in the cache."""
    address = parse_address(folder)
    return folder if address is None else fetch_hub_data(address, labelled=False)


def find_recordings(folders: Sequence[Path]) -> list[Path]:
    """Find recordings that need no label, noise or speech, anywhere below the folders.

    A recording in place of a folder stands for itself.

    Parameters
    ----------
    folders : sequence of Path
        Folders of recordings, single recordings, or data sets on the Hugging Face Hub.

    Returns
    -------
    list of Path
        The recordings, folder by folder.

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings, or a file is none by its suffix.
    """
    found = []
    for folder in map(_local, folders):
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
            raise DataError(
                f"{folder}: no recordings in this folder: give one with .wav or .flac files"
            )
        found += here
    return found


def find_with_rows(folder: Path, known: dict[Path, Manifest]) -> list[tuple[Path, Row | None]]:
    """Find recordings as `find_recordings` does, each with its row of the nearest manifest.

    Parameters
    ----------
    folder : Path
        The folder, or a single recording.
    known : dict
        As for `kws_training.data.manifest.find_manifest`.

    Returns
    -------
    list of (Path, Row or None)
        Each recording, and its row; None where no manifest names it.

    Raises
    ------
    DataError, ManifestError
    """
    folder = _local(folder)
    paths = find_recordings([folder])
    rows = rows_of(folder, paths, known) if folder.is_dir() else {}
    return [(path, rows.get(path)) for path in paths]


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
    rule = compile_speaker_rule(SPEAKER_RULE)
    found = []
    for folder in folders:
        for path, row in find_with_rows(folder, known):
            match = rule.search(path.name)
            speaker = match.group(1) if match else row.speaker if row is not None else ""
            columns = {} if row is None else {**row.columns, "label": row.label}
            found.append(Clip(path, UNKNOWN, UNKNOWN, speaker or str(path), columns))
    return found


def without_keywords(clips: Sequence[Clip], keywords: Sequence[str]) -> tuple[list[Clip], int]:
    """Leave out recordings in which a keyword is said, as their folder or their manifest tells.

    A folder tells by its name, whose words are compared as `plain` has them. In a manifest the
    columns ``label`` and ``text`` are transcripts: what is in brackets was not said, and the "don"
    of "don't" is no word. A keyword is said where all its words are there, one after the other.

    Parameters
    ----------
    clips : sequence of Clip
        Recordings that are to be negatives, as `find_speech` returns them.
    keywords : sequence of str
        The keywords.

    Returns
    -------
    kept : list of Clip
    left_out : int
    """
    names = [f" {plain(keyword)} " for keyword in keywords]
    words = [f" {_transcript(keyword)} " for keyword in keywords]
    kept = []
    for clip in clips:
        name = f" {plain(clip.path.parent.name)} "
        texts = [f" {_transcript(clip.columns.get(one, ''))} " for one in TRANSCRIPTS]
        in_name = any(keyword in name for keyword in names)
        if not in_name and not any(keyword in text for keyword in words for text in texts):
            kept.append(clip)
    return kept, len(clips) - len(kept)


def _transcript(text: str) -> str:
    """Return the words of a transcript as `plain` does, but with the apostrophes within them."""
    said = re.sub(r"\[[^]]*\]|\{[^}]*\}", " ", text)
    return plain(re.sub(r"(?<=\w)['’](?=\w)", APOSTROPHE, said))
