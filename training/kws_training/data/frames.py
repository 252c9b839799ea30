"""Recordings as frames of the word base's front end, cached by their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import UInt8
from kws.audio import load_audio
from kws.errors import AudioError
from kws.frontend import WORDS

from ..spreading.workers import ALONE, Workers
from .checkpoint import write_arrays
from .dataset import Clip, Skipped
from .digest import digest_of_files
from .images import image_of
from .stored import StoredArraysError, pieces_of, read_arrays

#: Recordings in a file of the cache. An interrupted run loses the work on so many at most.
RECORDINGS_PER_FILE = 200
#: Hexadecimal digits of a digest in the name of a file of the cache.
NAME_DIGITS = 20
#: Bytes of a file of the cache, at most: of each recording an hour.
MOST_BYTES = RECORDINGS_PER_FILE * 3600 * 100 * WORDS.bands
#: Part of the cache's key. It goes up when the same recording gives other frames.
VERSION = "1"


@dataclass(frozen=True)
class FrameSet:
    """Recordings in memory as log-mel frames: a byte per band, 4 kB per second.

    Attributes
    ----------
    clips : list of Clip
        The recordings that were read.
    images : list of uint8 (frames, bands)
        The grey levels of each clip, as `kws_training.data.images.to_images` makes them.
    skipped : list of Skipped
        Recordings that could not be read, and why.
    """

    clips: list[Clip]
    images: list[UInt8]
    skipped: list[Skipped]

    @property
    def hours(self) -> float:
        """Length of all recordings, in hours."""
        return sum(map(len, self.images)) * WORDS.hop_seconds / 3600

    def add(self, clip: Clip, image: UInt8, reason: str) -> None:
        """Add a recording, or say why it could not be used.

        Parameters
        ----------
        clip : Clip
            The recording.
        image : uint8 (frames, bands)
            Its grey levels.
        reason : str
            Empty if it can be used.
        """
        if reason:
            self.skipped.append(Skipped(clip.path, reason))
        else:
            self.clips.append(clip)
            self.images.append(image)

    def __add__(self, other: FrameSet) -> FrameSet:
        return FrameSet(
            self.clips + other.clips, self.images + other.images, self.skipped + other.skipped
        )

    def where(self, rows: Sequence[int]) -> FrameSet:
        """Choose some of the clips.

        Parameters
        ----------
        rows : sequence of int
            Their numbers, in the order in which they are returned.

        Returns
        -------
        FrameSet
            Without the list of skipped recordings, which belongs to the whole.
        """
        return FrameSet([self.clips[n] for n in rows], [self.images[n] for n in rows], [])


def frames_of(clips: Sequence[Clip]) -> FrameSet:
    """Compute the frames of recordings. Those that cannot be used are listed.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings to read.

    Returns
    -------
    FrameSet
        The recordings that could be used, in the order of ``clips``.
    """
    made = FrameSet([], [], [])
    for clip in clips:
        image, reason = _frames(clip.path)
        made.add(clip, image, reason)
    return made


def read_frames(
    clips: Sequence[Clip], cache: Path, what: str, workers: Workers = ALONE
) -> FrameSet:
    """Read recordings as frames. Those that cannot be used are listed, and the work goes on.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings to read.
    cache : Path
        Folder that keeps the frames, so that the same recordings are not read twice.
    what : str
        What is read, for the progress bar.
    workers : Workers
        Who reads them.

    Returns
    -------
    FrameSet
        The recordings that could be used, in the order of ``clips``.

    Raises
    ------
    KwsError
        If the cache cannot be written.
    """
    read = FrameSet([], [], [])
    groups = [
        clips[start : start + RECORDINGS_PER_FILE]
        for start in range(0, len(clips), RECORDINGS_PER_FILE)
    ]
    found = workers.spread(_ReadGroup(cache), groups, len(groups), what)
    for group, (images, reasons) in zip(groups, found, strict=True):
        for clip, image, reason in zip(group, images, reasons, strict=True):
            read.add(clip, image, reason)
    return read


@dataclass(frozen=True)
class _ReadGroup:
    """The task of a worker: reads the recordings of a file of the cache, or the file."""

    cache: Path

    def __call__(self, group: Sequence[Clip]) -> tuple[list[UInt8], list[str]]:
        digest = digest_of_files(f"{VERSION} {WORDS}", [clip.path for clip in group])
        path = self.cache / f"{digest[:NAME_DIGITS]}.npz"
        found = _read(path, len(group))
        if found is not None:
            return found
        images, reasons = map(list, zip(*(_frames(clip.path) for clip in group), strict=True))
        write_arrays(
            path,
            images=np.concatenate(images),
            lengths=np.array([len(image) for image in images]),
            reasons=np.array(reasons),
        )
        return images, reasons


def _frames(path: Path) -> tuple[UInt8, str]:
    """Return the frames of a recording, or none and the reason."""
    nothing = np.empty((0, WORDS.bands), np.uint8)
    try:
        samples = load_audio(path, WORDS.sample_rate)
    except AudioError as error:
        return nothing, Skipped.because(path, error).reason
    if not samples.any():
        return nothing, "is nothing but digital silence: record it again"
    return image_of(samples), ""


def _read(path: Path, count: int) -> tuple[list[UInt8], list[str]] | None:
    """Return what is in a file of the cache, or None if it is not there or damaged."""
    try:
        arrays = read_arrays(path, ("images", "lengths", "reasons"), MOST_BYTES)
    except StoredArraysError:
        return None
    images = pieces_of(arrays["images"], arrays["lengths"])
    reasons = arrays["reasons"]
    whole = arrays["images"].dtype == np.uint8 and arrays["images"].shape[1:] == (WORDS.bands,)
    if images is None or not whole or len(images) != count or reasons.shape != (count,):
        return None
    return images, list(map(str, reasons.tolist()))
