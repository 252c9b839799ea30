"""Recordings of phrases as log-mel images, each with where the phrase is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.activity import LN_PER_DB, find_sound
from kws.arrays import Int64, UInt8
from kws.frontend import WORDS

from ..data.images import to_frames

#: Frames of its own surroundings that a recording keeps at most, on each side.
MARGIN = 30
#: Frames of the shortest and of the longest phrase.
SHORTEST, LONGEST = 12, 200
#: Decibels below the loudest frame in which sound is looked for, at most and at least (a recording
#: may hold nothing else), and frames of a gap within it.
RANGE, LEAST, GAP = 30, 6, 15
#: Frames of an image: a phrase that is said more slowly still fits.
FRAMES = 320


@dataclass(frozen=True)
class Spoken:
    """A recording and where its phrase is.

    Attributes
    ----------
    image : uint8 (frames, bands)
    first, last : int
        Frames between which the phrase is said.
    """

    image: UInt8
    first: int
    last: int


@dataclass(frozen=True)
class Phrases:
    """Recordings of phrases.

    Attributes
    ----------
    images : uint8 (n, frames, bands)
        Grey levels of the word base's front end, padded with digital silence.
    first, last : int64 (n,)
        Frames between which the phrase is said.
    numbers : int64 (n,)
        Which phrase it is.
    weights : float64 (n,)
        How often each is drawn; they add up to 1.
    """

    images: UInt8
    first: Int64
    last: Int64
    numbers: Int64
    weights: npt.NDArray[np.float64]

    @classmethod
    def of(cls, groups: Sequence[tuple[int, Sequence[Spoken], float]]) -> Phrases:
        """Join groups of recordings.

        Parameters
        ----------
        groups : sequence of (phrase, recordings, weight)
            A weight is how often the group is drawn, relative to the others.
        """
        groups = [(number, spoken, weight) for number, spoken, weight in groups if spoken]
        cut = [_cut(one) for _, spoken, _ in groups for one in spoken]
        weights = [weight / len(spoken) for _, spoken, weight in groups for _ in spoken]
        return cls(
            np.stack([image for image, _, _ in cut]),
            np.array([first for _, first, _ in cut]),
            np.array([last for _, _, last in cut]),
            np.array([number for number, spoken, _ in groups for _ in spoken]),
            np.array(weights) / sum(weights),
        )

    def draw(self, rng: np.random.Generator, count: int) -> Int64:
        """Draw rows."""
        return rng.choice(len(self.images), count, p=self.weights)


def _cut(spoken: Spoken) -> tuple[UInt8, int, int]:
    """Return an image of `FRAMES` frames, and where the phrase is in it."""
    begin = max(0, spoken.first - MARGIN)
    end = min(len(spoken.image), spoken.last + MARGIN + 1, begin + FRAMES)
    image = np.zeros((FRAMES, spoken.image.shape[1]), np.uint8)
    image[: end - begin] = spoken.image[begin:end]
    return image, spoken.first - begin, min(spoken.last, end - 1) - begin


def find_phrase(image: UInt8, columns: Mapping[str, str]) -> Spoken | None:
    """Find a phrase in its recording: where the manifest says, or where the sound is.

    Parameters
    ----------
    image : uint8 (frames, bands)
    columns : mapping of str to str
        Of the manifest: ``start`` and ``end`` in seconds, if it has them.

    Returns
    -------
    Spoken or None
        The last two seconds of what is longer; None for what is shorter than a tenth of a second,
        and for digital silence.
    """
    if not image.any():
        return None
    told = _told(columns, len(image))
    if told is None:
        frames = to_frames(image)
        level = np.log(np.exp(frames).sum(axis=1))
        level = np.convolve(np.pad(level, 1, "edge"), np.ones(3) / 3, "valid")
        told = find_sound(level, RANGE * LN_PER_DB, GAP, "most", least=LEAST * LN_PER_DB)
    first, last = told
    if last - first + 1 < SHORTEST:
        return None
    return Spoken(image, max(first, last - LONGEST + 1), last)


def _told(columns: Mapping[str, str], frames: int) -> tuple[int, int] | None:
    """Return the frames that a manifest tells, or None."""
    try:
        start, end = (float(columns.get(name) or "nan") for name in ("start", "end"))
        first, last = (round(at / WORDS.hop_seconds) for at in (start, end))
    except (ValueError, OverflowError):
        return None
    return (first, min(last, frames - 1)) if 0 <= first < last and first < frames else None
