"""What a form of the verb export is, and the recordings on which a form is checked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.console import note
from kws.errors import AudioError, KwsError
from kws.modelfile import ModelFile

#: Recordings that an export is checked on, and seconds of each, at most.
MOST_RECORDINGS = 20
LONGEST = 30


@dataclass(frozen=True)
class Form:
    """A form that a model can be exported in.

    Attributes
    ----------
    name : str
        What follows ``--to``.
    summary : str
        What is written, in a few words of ``--help``.
    configure : callable
        Adds the options that this form alone takes.
    run : callable
        Takes the parsed arguments and the model; returns the exit status.
    checked : bool
        Whether it takes ``--audio``: recordings on which the export must give the same.
    """

    name: str
    summary: str
    configure: Callable[[argparse._ArgumentGroup], None]
    run: Callable[[argparse.Namespace, ModelFile], int]
    checked: bool = False


def print_files(form: str, folder: Path, files: list[Path], *, as_json: bool) -> None:
    """Say which files of a folder were written, and how large they are.

    Parameters
    ----------
    form : str
        Name of the form.
    folder : Path
        The folder.
    files : list of Path
        The files in it.
    as_json : bool
        Whether to print a JSON object.
    """
    if as_json:
        print(json.dumps({"to": form, "files": [str(path) for path in files]}, indent=1))
        return
    print(f"wrote {len(files)} files to {folder}:")
    for path in files:
        name = path.relative_to(folder).as_posix()
        print(f"  {name:24} {path.stat().st_size:9,} bytes")


def read_recordings(paths: list[Path], sample_rate: int) -> list[Float32]:
    """Read the beginning of some of the recordings; those that cannot be used are named.

    Parameters
    ----------
    paths : list of Path
        Recordings, and folders of them.
    sample_rate : int
        That of the model, in Hz.

    Returns
    -------
    list of float32 (n,)
        At most `MOST_RECORDINGS`, spread over those found, each of at most `LONGEST` seconds.

    Raises
    ------
    KwsError
        If there are none, or none can be read.
    """
    from kws.audio import stream_audio
    from kws_training.data.unlabelled import find_recordings

    found = find_recordings(paths)
    recordings = []
    for path in found[:: max(1, len(found) // MOST_RECORDINGS)]:
        try:
            recordings.append(_beginning(stream_audio(path, sample_rate), LONGEST * sample_rate))
        except AudioError as error:
            note(f"skipped: {error}")
        if len(recordings) == MOST_RECORDINGS:
            break
    if not recordings:
        raise KwsError(f"{paths[0]}: no recording could be read: give others by --audio")
    return recordings


def _beginning(blocks: Iterable[Float32], count: int) -> Float32:
    """Return the first samples of a recording that comes in pieces, however long it is."""
    pieces: list[Float32] = []
    for block in blocks:
        pieces.append(block[:count])
        count -= len(block)
        if count <= 0:
            break
    return np.concatenate(pieces)
