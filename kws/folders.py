"""Recordings in folders: which files are found, in which order, and which are left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .console import note

#: Suffixes of the files taken for recordings in a folder.
AUDIO_SUFFIXES = frozenset(
    {
        ".wav",
        ".wave",
        ".bwf",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".snd",
        ".caf",
        ".w64",
        ".rf64",
        ".sph",
    }
)

#: Suffixes of recordings in formats that neither the WAV reader nor soundfile reads. Telephones,
#: browsers and recorders write them, so that they lie in many folders of recordings.
UNREAD_SUFFIXES = frozenset(
    {
        ".3ga",
        ".3gp",
        ".aac",
        ".ac3",
        ".amr",
        ".ape",
        ".awb",
        ".dff",
        ".dsf",
        ".m4a",
        ".m4b",
        ".m4r",
        ".mka",
        ".mkv",
        ".mov",
        ".mp2",
        ".mp4",
        ".mpc",
        ".pcm",
        ".ra",
        ".raw",
        ".spx",
        ".tta",
        ".voc",
        ".weba",
        ".webm",
        ".wma",
        ".wv",
    }
)


@dataclass(frozen=True)
class FolderContent:
    """What a folder holds.

    Attributes
    ----------
    folder : Path
        The folder, as it was given.
    recordings : list of Path
        The recordings in it, at any depth, in the order of their paths.
    unread : list of Path
        Recordings in formats that are not read, and folders that may not be entered.
    """

    folder: Path
    recordings: list[Path]
    unread: list[Path]

    def tell(self) -> None:
        """Say on stderr how many files are left out, of which formats, if there are any."""
        if not self.unread:
            return
        closed = [path for path in self.unread if path.suffix.lower() not in UNREAD_SUFFIXES]
        files = [path for path in self.unread if path.suffix.lower() in UNREAD_SUFFIXES]
        if closed:
            note(
                f"kws: {closed[0]}: {_and_more(closed)}may not be entered, and is left out: make "
                "it readable (chmod +rx)"
            )
        if files:
            kinds = Counter(path.suffix.lower() for path in files)
            shown = ", ".join(f"{count} {suffix}" for suffix, count in sorted(kinds.items()))
            note(
                f"kws: {self.folder}: left out {shown} (such as {files[0]}), a format that is not "
                "read: convert to WAV or FLAC (ffmpeg -i in.m4a out.wav)"
            )


def _and_more(paths: list[Path]) -> str:
    """Return how many further paths there are, for a message that names the first."""
    return f"and {len(paths) - 1} more folders: " if len(paths) > 1 else ""


def read_folder(folder: Path) -> FolderContent:
    """Find the recordings in a folder, at any depth.

    Links are followed. A folder is read once, however many links lead to it, and never by a link
    that leads up: so a link to a folder above is no circle. Hidden files are none: macOS keeps
    ``._word.wav`` beside the ``word.wav`` of other disks.

    Parameters
    ----------
    folder : Path
        Where to look, at any depth.

    Returns
    -------
    FolderContent
        The recordings, and what is left out; nothing of a folder that is not there.
    """
    content = FolderContent(folder, [], [])
    seen = {_identity(above) for above in folder.resolve().parents}
    # A folder of the tree goes by its own name, whatever links lead to it.
    own = {_identity(Path(parent)) for parent, _, _ in os.walk(folder)}
    for path in _files(folder, seen, own, content.unread):
        suffix = path.suffix.lower()
        if path.name.startswith("."):
            continue
        if suffix in AUDIO_SUFFIXES:
            content.recordings.append(path)
        elif suffix in UNREAD_SUFFIXES:
            content.unread.append(path)
    return content


def recordings_below(folder: Path) -> list[Path]:
    """Return the recordings in a folder as `read_folder` finds them, and say what is left out.

    Parameters
    ----------
    folder : Path
        Where to look, at any depth.

    Returns
    -------
    list of Path
        The recordings, in the order of their paths; none of a folder that is not there.
    """
    content = read_folder(folder)
    content.tell()
    return content.recordings


def _identity(folder: Path) -> tuple[int, int]:
    """Return what tells a folder from all others, whatever it is called."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _files(
    folder: Path, seen: set[tuple[int, int]], own: set[tuple[int, int]], closed: list[Path]
) -> Iterator[Path]:
    """Yield the files below a folder in the order of their paths.

    Parameters
    ----------
    folder : Path
        The folder.
    seen : set of (int, int)
        Folders that are not entered again; those that are entered are added.
    own : set of (int, int)
        Folders of the tree itself: no link is followed to them.
    closed : list of Path
        Folders that may not be entered are added to it.
    """
    try:
        identity = _identity(folder)
        if identity in seen:
            return
        seen.add(identity)
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError:
        closed.append(folder)
        return
    for entry in inside:
        path = folder / entry.name
        try:
            is_folder = entry.is_dir()
            if is_folder and entry.is_symlink() and _identity(path) in own:
                continue
        except OSError:  # a link that leads to itself: reading it says what is wrong
            is_folder = False
        if is_folder:
            yield from _files(path, seen, own, closed)
        else:
            yield path
