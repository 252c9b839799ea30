"""The folder of a project: what lies where, as the other commands read it.

::

    DIR/recordings/PHRASE/        recordings to learn from, as `kws record` writes them
    DIR/held_back/PHRASE/         recordings that nothing learns from: they judge
    DIR/other_speech/learn/       speech without the phrase, to train with
    DIR/other_speech/judge/       the same, to judge with
    DIR/synthesized/PHRASE/       what `kws synthesize` says
    DIR/models/                   model files
    DIR/exports/                  what `kws export` writes
    DIR/thrown_out/               recordings that somebody threw out
    DIR/jobs/, DIR/pictures/      what the studio notes for itself
    DIR/studio.json               the phrase
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kws.enrolment.record import Folder, Take
from kws.errors import KwsError
from kws.files import whole_file
from kws.folders import AUDIO_SUFFIXES

#: What is learned from.
LEARN = "learn"
#: What judges, and is never learned from.
HELD = "held"
#: Speech without the phrase, to train with.
OTHER = "other"
#: Speech without the phrase, to judge with.
JUDGE = "judge"
#: The phrase by text to speech.
MACHINE = "machine"
#: What sounds like it, by text to speech.
ALIKE = "alike"
#: What was thrown out.
THROWN = "thrown"
#: Shelves that hold the phrase as people say it.
SPOKEN = (LEARN, HELD)
#: Shelves whose recordings may be moved and thrown out: those of machines are made anew.
CHANGED = (LEARN, HELD, OTHER, JUDGE, THROWN)
#: All shelves.
SHELVES = (*CHANGED, MACHINE, ALIKE)
#: The suffix of model files.
MODEL_SUFFIX = ".tflite"
#: Bytes of the settings, at most: whoever writes more than a phrase there means another program.
MOST_SETTINGS = 100_000


class ProjectError(KwsError):
    """A project that cannot be used, or something that is not in it."""


@dataclass(frozen=True)
class Settings:
    """What a project remembers besides its files.

    Attributes
    ----------
    phrase : str
        The wake word; empty before somebody typed it.
    language : str
        The phrase's language as espeak-ng names it.
    licence : str
        Under which people who are invited give their recordings.
    """

    phrase: str = ""
    language: str = "en"
    licence: str = "CC0-1.0"


class Project:
    """A folder on the disk, and nothing outside of it.

    Parameters
    ----------
    root : Path
        The folder; it is made if it is not there.

    Raises
    ------
    ProjectError
        If it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(
                f"{root}: cannot be made ({error.strerror}): give another --data"
            ) from None
        self.root = root.resolve()
        self._writing = threading.Lock()

    def settings(self) -> Settings:
        """Return what is remembered; what is damaged counts as never said."""
        try:
            with (self.root / "studio.json").open("rb") as stream:
                values = json.loads(stream.read(MOST_SETTINGS))
            known = {name: values[name] for name in asdict(Settings()) if name in values}
        except (OSError, ValueError, TypeError):
            return Settings()
        if not all(isinstance(value, str) and len(value) <= 200 for value in known.values()):
            return Settings()
        return Settings(**known)

    def change(self, **values: str) -> Settings:
        """Remember something else.

        Parameters
        ----------
        **values : str
            Attributes of `Settings`.

        Returns
        -------
        Settings
            All of them, as they are now.

        Raises
        ------
        ProjectError
            If the phrase or the language cannot be used.
        """
        with self._writing:
            settings = replace(self.settings(), **values)
            phrase = " ".join(settings.phrase.split())
            if not phrase or not any(letter.isalnum() for letter in phrase):
                raise ProjectError("no phrase: type the words that will wake the device")
            Folder(self.root / "recordings", phrase)  # refuses what is no name of a folder
            language = settings.language
            if not (language.isascii() and language.replace("-", "").isalnum()):
                raise ProjectError(f"language {language!r:.40}: give a code such as en, de or fr")
            settings = replace(settings, phrase=phrase)
            with whole_file(self.root / "studio.json") as stream:
                stream.write(json.dumps(asdict(settings), indent=1).encode())
        return settings

    @property
    def phrase(self) -> str:
        """The wake word.

        Raises
        ------
        ProjectError
            If nobody has typed one yet.
        """
        phrase = self.settings().phrase
        if not phrase:
            raise ProjectError("no phrase yet: type the words that will wake the device")
        return phrase

    def shelf(self, name: str) -> Path:
        """Return the folder of a shelf, which may not be there yet.

        Parameters
        ----------
        name : str
            One of `SHELVES`.

        Raises
        ------
        ProjectError
            If there is no such shelf, or no phrase yet.
        """
        phrase = self.phrase
        folders = {
            LEARN: ("recordings", phrase),
            HELD: ("held_back", phrase),
            OTHER: ("other_speech", "learn"),
            JUDGE: ("other_speech", "judge"),
            MACHINE: ("synthesized", phrase, "positives"),
            ALIKE: ("synthesized", phrase, "negatives"),
            THROWN: ("thrown_out",),
        }
        if name not in folders:
            raise ProjectError(f"no shelf {name!r:.40}: there are {', '.join(SHELVES)}")
        folder = self.root.joinpath(*folders[name])
        if not folder.resolve().is_relative_to(self.root):
            raise ProjectError(f"{folder}: leads out of the project: put a folder in its place")
        return folder

    def recordings(self, shelf: str) -> list[Path]:
        """Return the recordings on a shelf, by name; links and hidden files are none.

        Parameters
        ----------
        shelf : str
            One of `SHELVES`.

        Returns
        -------
        list of Path
        """
        try:
            with os.scandir(self.shelf(shelf)) as entries:
                found = [
                    Path(one.path)
                    for one in entries
                    if one.is_file(follow_symlinks=False)
                    and Path(one.name).suffix.lower() in AUDIO_SUFFIXES
                    and not one.name.startswith(".")
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found)

    def find(self, shelf: str, name: str) -> Path:
        """Return a recording; whatever its name says, it is in the folder of its shelf.

        Parameters
        ----------
        shelf : str
            One of `SHELVES`.
        name : str
            Name of the file.

        Returns
        -------
        Path

        Raises
        ------
        ProjectError
            If there is no such recording.
        """
        path = self._inside(self.shelf(shelf), name)
        if path is None or path.suffix.lower() not in AUDIO_SUFFIXES:
            raise ProjectError(f"no recording {name!r:.100} here: reload the page")
        return path

    def save(self, take: Take, shelf: str, speaker: str | None = None) -> Path:
        """Write a recording of the phrase as `kws record` does.

        Parameters
        ----------
        take : Take
            The recording.
        shelf : str
            One of `SPOKEN`.
        speaker : str, optional
            Who speaks: goes into the name.

        Returns
        -------
        Path
            The new file.

        Raises
        ------
        RecordError
            If it cannot be written, or the speaker is no name.
        """
        folder = self.shelf(shelf)
        with self._writing:  # two at once would take the same number
            return Folder(folder.parent, folder.name, speaker).save(take)

    def new_name(self, shelf: str, wanted: str, suffix: str = ".wav") -> Path:
        """Return a path on a shelf that no file has yet.

        Parameters
        ----------
        shelf : str
            One of `SHELVES`.
        wanted : str
            What somebody calls it; only letters, digits and a few signs are kept.
        suffix : str
            With the dot.

        Returns
        -------
        Path
        """
        folder = self.shelf(shelf)
        folder.mkdir(parents=True, exist_ok=True)
        kept = "".join(one if one.isalnum() or one in "-_ " else "_" for one in wanted)
        stem = kept.strip("_ ")[:60] or "recording"
        path, number = folder / f"{stem}{suffix}", 1
        while path.exists():
            number += 1
            path = folder / f"{stem}_{number}{suffix}"
        return path

    def move(self, shelf: str, name: str, to: str) -> Path:
        """Put a recording on another shelf; nothing is ever deleted or written over.

        Parameters
        ----------
        shelf, to : str
            Of `CHANGED`.
        name : str
            Name of the file.

        Returns
        -------
        Path
            Where it is now.

        Raises
        ------
        ProjectError
            If there is no such recording, or a shelf is not for this.
        """
        for one in (shelf, to):
            if one not in CHANGED:
                raise ProjectError(f"nothing is moved from or to {one!r:.40}: it is made anew")
        with self._writing:
            path = self.find(shelf, name)
            if shelf == to:
                return path
            target = self.new_name(to, path.stem, path.suffix)
            path.rename(target)
            return target

    def models(self) -> list[Path]:
        """Return the model files, the latest first."""
        folder = self.root / "models"
        try:
            found = [one for one in folder.iterdir() if self._inside(folder, one.name) is not None]
        except (FileNotFoundError, NotADirectoryError):
            return []
        models = [one for one in found if one.suffix == MODEL_SUFFIX]
        return sorted(models, key=lambda one: (-one.stat().st_mtime, one.name))

    def model(self, name: str) -> Path:
        """Return a model file.

        Parameters
        ----------
        name : str
            Its name, with or without its suffix.

        Returns
        -------
        Path

        Raises
        ------
        ProjectError
            If there is no such model.
        """
        for candidate in (name, f"{name}{MODEL_SUFFIX}"):
            path = self._inside(self.root / "models", candidate)
            if path is not None and path.suffix == MODEL_SUFFIX:
                return path
        raise ProjectError(f"no model {name!r:.100} here: make one in the step Train it")

    def shown(self, path: Path) -> str:
        """Return a path as commands are given it: from the project's folder.

        Parameters
        ----------
        path : Path
            In the project.

        Returns
        -------
        str
        """
        return path.relative_to(self.root).as_posix()

    def summary(self) -> dict[str, Any]:
        """Return what a page shows first: the phrase, and how many there are of what."""
        settings = self.settings()
        counts: dict[str, int] = {}
        if settings.phrase:
            counts = {name: len(self.recordings(name)) for name in SHELVES}
        return {**asdict(settings), "folder": str(self.root), "counts": counts}

    def _inside(self, folder: Path, name: str) -> Path | None:
        """Return a plain file by its name alone, in a folder of the project; None if it is none."""
        if not name or name.startswith(".") or any(one in name for one in "/\\\0"):
            return None
        path = folder / name
        try:
            plain = path.is_file() and not path.is_symlink()
        except OSError:  # a name that is too long
            return None
        return path if plain and path.resolve().is_relative_to(self.root) else None
