"""The manifests of public data sets, made from the lists that come with them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from kws.metadata import UNKNOWN

from .manifest import MANIFEST, ManifestError, is_there, read_table, read_text

#: ESC-10's manifest: the ten classes of ESC-50 that are easy to tell apart.
ESC_10 = "esc10.csv"


def esc_50(folder: Path) -> None:
    """Write the manifests of ESC-50 and ESC-10, from ``meta/esc50.csv``.

    The speaker is the Freesound recording that a clip was cut from.

    Parameters
    ----------
    folder : Path
        The unpacked data set; the manifests are written into it.

    Raises
    ------
    ManifestError
        If the list cannot be read, or names a recording that is not there.
    """
    listed = folder / "meta" / "esc50.csv"
    wanted = ("filename", "fold", "category", "esc10", "src_file")
    rows, ten = [], []
    for line, row in read_table(listed, wanted):
        path = _there(listed, line, folder, "audio", row["filename"])
        rows.append((path, row["category"], row["src_file"], row["fold"], row["esc10"]))
        if row["esc10"].lower() == "true":
            ten.append(rows[-1][:4])
    write_rows(folder / MANIFEST, ("path", "label", "speaker", "fold", "esc10"), rows)
    write_rows(folder / ESC_10, ("path", "label", "speaker", "fold"), ten)


def urbansound8k(folder: Path) -> None:
    """Write the manifest of UrbanSound8K, from ``metadata/UrbanSound8K.csv``.

    The speaker is the Freesound recording that a clip was cut from; salience is 1 for foreground,
    2 for background.

    Parameters
    ----------
    folder : Path
        The unpacked data set; the manifest is written into it.

    Raises
    ------
    ManifestError
        As for `esc_50`.
    """
    listed = folder / "metadata" / "UrbanSound8K.csv"
    wanted = ("slice_file_name", "fsID", "salience", "fold", "class")
    rows = []
    for line, row in read_table(listed, wanted):
        path = _there(listed, line, folder, "audio", f"fold{row['fold']}", row["slice_file_name"])
        rows.append((path, row["class"], row["fsID"], row["fold"], row["salience"]))
    write_rows(folder / MANIFEST, ("path", "label", "speaker", "fold", "salience"), rows)


def librispeech(folder: Path) -> None:
    """Write the manifest of LibriSpeech: speakers, their sexes, and what they say.

    Speakers are the folders, sexes are in ``SPEAKERS.TXT``, texts in the ``.trans.txt`` of each
    chapter. Every recording is `_unknown_`: read sentences.

    Parameters
    ----------
    folder : Path
        The unpacked data set; the manifest is written into it.

    Raises
    ------
    ManifestError
        If the list of speakers or a transcript cannot be read, or there are no recordings.
    """
    sexes = {}
    # lines such as "14   | F | train-clean-360  | 25.03 | Kristin LeMoine"; ";" begins a comment
    for line in read_text(folder / "SPEAKERS.TXT").split("\n"):
        fields = [field.strip() for field in line.split("|")]
        if len(fields) > 1 and not line.startswith(";"):
            sexes[fields[0]] = fields[1]
    texts = {}
    for path in folder.glob("*/*/*/*.trans.txt"):
        for line in read_text(path).split("\n"):
            name, _, text = line.strip().partition(" ")
            texts[name] = text.lower()
    rows = []
    for path in sorted(folder.glob("*/*/*/*.flac")):
        subset, speaker, chapter, _ = path.relative_to(folder).parts
        name = path.relative_to(folder).as_posix()
        sex, text = sexes.get(speaker, ""), texts.get(path.stem, "")
        rows.append((name, UNKNOWN, speaker, sex, chapter, subset, text))
    if not rows:
        raise ManifestError(f"{folder}: no recordings in SUBSET/SPEAKER/CHAPTER/")
    header = ("path", "label", "speaker", "sex", "chapter", "subset", "text")
    write_rows(folder / MANIFEST, header, rows)


def musan(folder: Path) -> None:
    """Write the manifest of MUSAN: every recording with its kind and where it comes from.

    Who speaks is not known, so that each recording is a speaker of its own.

    Parameters
    ----------
    folder : Path
        The unpacked data set; the manifest is written into it.

    Raises
    ------
    ManifestError
        If there are no recordings.
    """
    rows = []
    for path in sorted(folder.glob("*/*/*.wav")):
        kind, origin, _ = path.relative_to(folder).parts
        rows.append((path.relative_to(folder).as_posix(), UNKNOWN, path.stem, kind, origin))
    if not rows:
        raise ManifestError(f"{folder}: no recordings in KIND/ORIGIN/")
    write_rows(folder / MANIFEST, ("path", "label", "speaker", "kind", "origin"), rows)


def rirs(folder: Path) -> None:
    """Move the recordings of noise out of the folder of impulse responses.

    ``real_rirs_isotropic_noises`` holds both side by side; its ``noise_list`` says which are
    noise, in the last word of each line.

    Parameters
    ----------
    folder : Path
        The unpacked data set, which is changed.

    Raises
    ------
    ManifestError
        If the list cannot be read.
    """
    mixed, noise = folder / "real_rirs_isotropic_noises", folder / "isotropic_noises"
    noise.mkdir()
    for line in read_text(mixed / "noise_list").split("\n"):
        name = line.strip().split(" ")[-1].rpartition("/")[2]
        if name and is_there(mixed / name):
            (mixed / name).rename(noise / name)


def _there(listed: Path, line: int, folder: Path, *parts: str) -> str:
    """Return the path of a recording that a list names, if it is in its folder."""
    path = Path(*parts)
    if "/" in parts[-1] or not is_there(folder / path):
        raise ManifestError(
            f"{listed}: line {line}: {path.as_posix()!r:.200} is not in the archive"
        )
    return path.as_posix()


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a manifest.

    Parameters
    ----------
    path : Path
        The file.
    header : sequence of str
        Names of the columns.
    rows : iterable of sequence of str
        The fields of each recording.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
