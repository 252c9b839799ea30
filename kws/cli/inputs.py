"""What the verbs read: recordings, folders of recordings, and PCM or WAV from a pipe."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..arrays import Float32
from ..audio import read_stream, stream_audio
from ..console import note
from ..errors import AudioError
from ..folders import recordings_below
from .verb import BAD_INPUT

#: Audio is pushed in chunks of this length, as it would come from a microphone.
CHUNK_SECONDS = 0.08
#: Seconds of a clip that comes through a pipe, at most.
LONGEST_PIPED = 60.0


def is_folder(name: str) -> bool:
    """Return whether a name is that of a folder that may be entered.

    Parameters
    ----------
    name : str
        A path; an empty one is no folder.

    Returns
    -------
    bool
    """
    try:
        return name != "" and Path(name).is_dir()  # Path("") is the folder one is in
    except OSError:  # a name that is too long, or a folder above that may not be entered
        return False


def recordings(names: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield each recording, and whether it was found in a folder.

    Parameters
    ----------
    names : list of str
        Recordings, folders of recordings, or ``-`` for a pipe.

    Yields
    ------
    (str, bool)
        The path, and whether it was found in a folder.
    """
    for name in names:
        folder = Path(name)
        if name == "-" or not is_folder(name):
            yield name, False
            continue
        found = recordings_below(folder)
        if not found:  # reading it will say what is wrong, and the work goes on
            yield name, False
        for path in found:
            yield str(path), True


def each_recording(names: list[str], work: Callable[[str], None]) -> int:
    """Do the work for every recording; those that cannot be read are named, and the work goes on.

    Parameters
    ----------
    names : list of str
        Recordings, folders of recordings, or ``-`` for a pipe.
    work : callable
        Called with the path of each recording; raises `AudioError` if it cannot be read.

    Returns
    -------
    int
        The exit status: 0, or 2 if a file that was named could not be read, or none in a folder
        could.
    """
    failed = done = 0
    for name, in_folder in recordings(names):
        try:
            work(name)
            done += 1
        except AudioError as error:
            note(f"kws: {'skipped: ' if in_folder else ''}{error}")
            failed += not in_folder
    return BAD_INPUT if failed or not done else 0


def piped(rate: int) -> Iterator[Float32]:
    """Yield chunks of the 16-bit PCM, or of the WAV file, that comes through standard input.

    Parameters
    ----------
    rate : int
        Sample rate, in Hz: of PCM, and what WAV is resampled to.

    Returns
    -------
    iterator of Float32 (n,)
        Chunks of `CHUNK_SECONDS`, -1 .. 1.

    Raises
    ------
    AudioError
        If standard input is closed.
    """
    if sys.stdin is None:
        raise AudioError("-: standard input is closed: pipe 16-bit mono PCM or WAV into it")
    return read_stream(sys.stdin.buffer, CHUNK_SECONDS, rate)


def chunks(name: str, rate: int) -> Iterator[Float32]:
    """Yield a recording, or what comes through a pipe for ``-``, in pieces of `CHUNK_SECONDS`.

    A recording of any length is read as it is used: memory does not grow with it.

    Parameters
    ----------
    name : str
        Path of a recording; ``-`` for a pipe.
    rate : int
        Sample rate, in Hz: of PCM in a pipe, and what all else is resampled to.

    Yields
    ------
    Float32 (n,)
        A piece of the audio, -1 .. 1.

    Raises
    ------
    AudioError
        If it cannot be read; damage far inside is found after the pieces before it.
    """
    if name == "-":
        yield from piped(rate)
        return
    size = round(CHUNK_SECONDS * rate)
    for block in stream_audio(name, rate, max_seconds=math.inf):
        for start in range(0, len(block), size):
            yield block[start : start + size]


def whole_pipe(rate: int) -> Float32:
    """Read a clip from a pipe.

    Parameters
    ----------
    rate : int
        Sample rate, in Hz: of PCM, and what WAV is resampled to.

    Returns
    -------
    Float32 (n,)
        The whole clip, -1 .. 1.

    Raises
    ------
    AudioError
        If nothing comes, or more than a clip.
    """
    pieces, seconds = [], 0.0
    for piece in piped(rate):
        pieces.append(piece)
        seconds += len(piece) / rate
        if seconds > LONGEST_PIPED:
            raise AudioError(f"-: more than {LONGEST_PIPED:g} s is no clip: use kws spot -")
    if not pieces:
        raise AudioError("-: nothing came through the pipe: 16-bit mono PCM or WAV is needed")
    return np.concatenate(pieces)
