"""Negatives as one endless tape of frames: what a device hears between wake words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.arrays import UInt8

from ..augmentation.spectra import WindowMaker
from ..data.images import to_frames, to_images

#: Grey levels of the noise between recordings, at most: 27 dB above digital silence.
FAINT = 62


@dataclass(frozen=True)
class Tape:
    """Recordings one after another.

    Attributes
    ----------
    images : uint8 (frames, bands)
        Grey levels of the word base's front end; 0 is digital silence.
    """

    images: UInt8

    @classmethod
    def record(cls, recordings: Sequence[UInt8], seed: int) -> Tape:
        """Join recordings (frames, bands) in random order.

        Half of them follow at once, as words of a sentence; between the others is a second at
        most of digital silence or of faint noise, whose edges must wake nobody either.
        """
        rng = np.random.default_rng(seed)
        pieces = []
        for number in rng.permutation(len(recordings)):
            pieces.append(recordings[number])
            if rng.random() < 0.5:
                gap = (int(rng.integers(1, 100)), recordings[number].shape[1])
                faint = int(rng.integers(1, FAINT)) if rng.random() < 0.5 else 1
                pieces.append(rng.integers(faint // 2, faint, gap, np.uint8))
        return cls(np.concatenate(pieces))

    @property
    def hours(self) -> float:
        """Length, at 100 frames per second."""
        return len(self.images) / 360_000

    def windows(self, starts: npt.NDArray[np.int64], length: int) -> UInt8:
        """Return windows (n, length, bands); the tape is a loop."""
        return self.images[(starts[:, None] + np.arange(length)) % len(self.images)]

    def draw(self, rng: np.random.Generator, count: int, length: int) -> UInt8:
        """Draw windows (count, length, bands) anywhere."""
        return self.windows(rng.integers(0, len(self.images), count), length)


def said_otherwise(recordings: Sequence[UInt8], maker: WindowMaker, seed: int) -> list[UInt8]:
    """Say recordings (frames, bands) at other tempos, by other vocal tracts.

    On recordings that it learned from a network fires several times less than on others; said
    otherwise, about half as often (EXPERIMENTS.md).
    """
    rng = np.random.default_rng((seed, 2))
    said = []
    for recording in recordings:
        # room for what is said more slowly
        room = np.pad(to_frames(recording), ((0, len(recording) // 4 + 1), (0, 0)), "edge")
        frames, tempo = maker.vary(rng, room[None])
        said.append(to_images(frames[0, : max(1, round(len(recording) / tempo[0]))]))
    return said
