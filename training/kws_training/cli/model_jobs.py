"""Models that one command makes several of: what is made already stays, and each has a log."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.files import whole_file
from kws.folders import recordings_below

from ..data.digest import digest_of
from ..data.shards import is_shards, open_shards

#: Ends of the names of files that say what is in recordings, and who speaks.
LISTS = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class ModelJob:
    """A model that is to be made.

    Attributes
    ----------
    output : Path
        Its file. What came of it is in a ``.json`` beside it, what was said in a ``.log``.
    key : str
        Digest of what it depends on.
    """

    output: Path
    key: str

    @property
    def result(self) -> Path:
        """The file that says what came of it."""
        return self.output.with_suffix(".json")

    def done(self) -> dict[str, Any] | None:
        """Return what came of it; None if it is not made, or if something else was."""
        try:
            found: dict[str, Any] = json.loads(self.result.read_text())
            digest = hashlib.sha256(self.output.read_bytes()).hexdigest()
            return found if found["key"] == self.key and found["sha256"] == digest else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextlib.contextmanager
    def logged(self) -> Iterator[None]:
        """Write what is said into the log."""
        with (
            self.output.with_suffix(".log").open("w") as log,
            contextlib.redirect_stderr(log) if sys.stderr is not None else contextlib.nullcontext(),
        ):
            yield

    def finish(self, figures: Mapping[str, Any]) -> None:
        """Write what came of it, once its file is there.

        Parameters
        ----------
        figures : mapping of str to object
            Its figures, as JSON has them.
        """
        content = self.output.read_bytes()
        found = {
            "key": self.key,
            "model": self.output.name,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            **figures,
        }
        with whole_file(self.result) as stream:
            stream.write(json.dumps(found, indent=1, ensure_ascii=False).encode())


def files_as_listed(paths: Iterable[Path]) -> list[object]:
    """Return the files of folders as the system lists them: names, sizes and times of change.

    The content of hours of recordings is not read for it; shards have a digest.

    Parameters
    ----------
    paths : iterable of Path
        Folders of recordings, shards, or files.
    """
    files: list[object] = []
    for path in paths:
        if is_shards(path):
            files.append(open_shards(path).sha256)
        elif path.exists():
            # a list of recordings lies beside them, and what says who speaks is in it
            folder = path if path.is_dir() else path.parent
            lists = (one for suffix in LISTS for one in folder.rglob(f"*{suffix}"))
            for file in sorted({path, *recordings_below(folder), *lists}):
                if file.is_file():
                    state = file.stat()
                    files.append((str(file), state.st_size, state.st_mtime_ns))
    return files


def key_of(version: int, settings: Mapping[str, Any], paths: Iterable[Path]) -> str:
    """Return a digest of what a model depends on.

    Parameters
    ----------
    version : int
        Goes up when the same settings and files give another model.
    settings : mapping of str to object
        What the user decides.
    paths : iterable of Path
        The recordings and files that it learns from.
    """
    return digest_of(version, settings, *files_as_listed(paths))


def write_report(folder: Path, report: Mapping[str, Any], page: Iterable[str]) -> None:
    """Write a report of all models, ``report.json`` for programs and ``report.md`` for people.

    Parameters
    ----------
    folder : Path
        Where the models are.
    report : mapping of str to object
        As JSON has it.
    page : iterable of str
        Lines of Markdown.
    """
    for name, content in (
        ("report.json", json.dumps(report, indent=1, ensure_ascii=False)),
        ("report.md", "\n".join(page)),
    ):
        with whole_file(folder / name) as stream:
            stream.write((content + "\n").encode())
