"""Recordings as frames of the word base's front end, cached by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import UInt8
from kws.audio import load_audio
from kws.errors import AudioError
from kws.frontend import WORDS, log_mel

from ..progress import bar
from .checkpoint import DAMAGED_ARCHIVE, write_arrays
from .dataset import Clip, Skipped
from .images import to_images

#: Recordings in a file of the cache: what a stop costs at most.
TOGETHER = 200
#: Changes with anything that changes the frames of a recording.
VERSION = "1"


@dataclass(frozen=True)
class Heard:
    """Recordings in memory: a byte per band, 4 kB per second.

    Attributes
    ----------
    clips : list of Clip
    images : list of uint8 (frames, bands)
        Grey levels; of each clip.
    skipped : list of Skipped
        What could not be read.
    """

    clips: list[Clip]
    images: list[UInt8]
    skipped: list[Skipped]

    @property
    def hours(self) -> float:
        """Length of all recordings."""
        return sum(map(len, self.images)) * WORDS.hop_seconds / 3600

    def where(self, rows: Sequence[int]) -> Heard:
        """Return some of them; what was skipped is told once, by the first part."""
        return Heard([self.clips[n] for n in rows], [self.images[n] for n in rows], [])


def hear(clips: Sequence[Clip], cache: Path, what: str) -> Heard:
    """Turn recordings into frames; those that cannot be used are listed.

    Parameters
    ----------
    clips : sequence of Clip
    cache : Path
        Folder that keeps the frames: the same recordings are not read twice.
    what : str
        For the progress bar.
    """
    heard = Heard([], [], [])
    groups = [clips[start : start + TOGETHER] for start in range(0, len(clips), TOGETHER)]
    for number in bar(iter(range(len(groups))), len(groups), what):
        group = groups[number]
        path = cache / f"{_digest(group)[:20]}.npz"
        found = _read(path, len(group))
        if found is None:
            images: list[UInt8] = []
            reasons = []
            for clip in group:
                image, reason = _frames(clip.path)
                images.append(image)
                reasons.append(reason)
            found = images, reasons
            write_arrays(
                path,
                images=np.concatenate(images),
                lengths=np.array([len(image) for image in images]),
                reasons=np.array(reasons),
            )
        for clip, image, reason in zip(group, *found, strict=True):
            if reason:
                heard.skipped.append(Skipped(clip.path, reason))
            else:
                heard.clips.append(clip)
                heard.images.append(image)
    return heard


def images_of(samples: npt.NDArray[np.float32]) -> UInt8:
    """Return the frames (frames, bands) of samples at 16 kHz."""
    return to_images(log_mel(samples, WORDS))


def _frames(path: Path) -> tuple[UInt8, str]:
    """Return the frames of a recording, and why there are none."""
    nothing = np.empty((0, WORDS.bands), np.uint8)
    try:
        samples = load_audio(path, WORDS.sample_rate)
    except AudioError as error:
        return nothing, Skipped.because(path, error).reason
    if not samples.any():
        return nothing, "is nothing but digital silence: record it again"
    return images_of(samples), ""


def _read(path: Path, count: int) -> tuple[list[UInt8], list[str]] | None:
    """Return what is in a file of the cache, or None if it is not there or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, lengths, reasons = (archive[n] for n in ("images", "lengths", "reasons"))
    except DAMAGED_ARCHIVE:
        return None
    whole = images.dtype == np.uint8 and images.shape == (lengths.sum(), WORDS.bands)
    if not whole or not len(lengths) == len(reasons) == count:
        return None
    return np.split(images, np.cumsum(lengths)[:-1]), reasons.tolist()


def _digest(clips: Sequence[Clip]) -> str:
    """Return a digest of the content of files, and of all that turns them into frames."""
    digest = hashlib.sha256(f"{VERSION} {WORDS}".encode())
    for clip in clips:
        try:
            with clip.path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            digest.update(repr((clip.path, error.errno)).encode())
    return digest.hexdigest()
