"""The manifests of public data sets, made from the lists that come with them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from kws.metadata import UNKNOWN

from .manifest import MANIFEST, ManifestError, read_table, read_text

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
    _write(folder / MANIFEST, ("path", "label", "speaker", "fold", "esc10"), rows)
    _write(folder / ESC_10, ("path", "label", "speaker", "fold"), ten)


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
    _write(folder / MANIFEST, ("path", "label", "speaker", "fold", "salience"), rows)


def librispeech(folder: Path) -> None:
    """Write the manifest of LibriSpeech: speakers from the folders, sexes from ``SPEAKERS.TXT``.

    Every recording is `_unknown_`: read sentences.

    Parameters
    ----------
    folder : Path
        The unpacked data set; the manifest is written into it.

    Raises
    ------
    ManifestError
        If the list of speakers cannot be read, or there are no recordings.
    """
    sexes = {}
    # lines such as "14   | F | train-clean-360  | 25.03 | Kristin LeMoine"; ";" begins a comment
    for line in read_text(folder / "SPEAKERS.TXT").split("\n"):
        fields = [field.strip() for field in line.split("|")]
        if len(fields) > 1 and not line.startswith(";"):
            sexes[fields[0]] = fields[1]
    rows = []
    for path in sorted(folder.glob("*/*/*/*.flac")):
        subset, speaker, chapter, _ = path.relative_to(folder).parts
        name = path.relative_to(folder).as_posix()
        rows.append((name, UNKNOWN, speaker, sexes.get(speaker, ""), chapter, subset))
    if not rows:
        raise ManifestError(f"{folder}: no recordings in SUBSET/SPEAKER/CHAPTER/")
    _write(folder / MANIFEST, ("path", "label", "speaker", "sex", "chapter", "subset"), rows)


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
        if name and (mixed / name).is_file():
            (mixed / name).rename(noise / name)


def _there(listed: Path, line: int, folder: Path, *parts: str) -> str:
    """Return the path of a recording that a list names, if it is in its folder."""
    path = Path(*parts)
    if "/" in parts[-1] or not (folder / path).is_file():
        raise ManifestError(f"{listed}: line {line}: {path.as_posix()} is not in the archive")
    return path.as_posix()


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
