"""Recordings of phrases as log-mel images, each with the place of the phrase in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kws.activity import LN_PER_DB, find_sound
from kws.arrays import Float64, Int64, UInt8
from kws.frontend import WORDS

from ..data.images import to_frames

#: Frames of its own surroundings that a recording keeps on each side, at most.
MARGIN = 30
#: Frames of the shortest phrase.
SHORTEST = 12
#: Frames of the longest phrase.
LONGEST = 200
#: Decibels below the loudest frame within which sound is looked for, at most.
RANGE = 30
#: The same, at least: a recording may hold nothing but the phrase.
MIN_RANGE = 6
#: Frames of a gap within a phrase, at most.
GAP = 15
#: Frames of an image: a phrase that is said more slowly still fits.
FRAMES = 320


@dataclass(frozen=True)
class PhraseClip:
    """A recording of a phrase, and where the phrase is in it.

    Attributes
    ----------
    image : uint8 (frames, bands)
        Grey levels of the word base's front end.
    first, last : int
        First and last frame of the phrase.
    """

    image: UInt8
    first: int
    last: int


@dataclass(frozen=True)
class PhraseSet:
    """Recordings of phrases as arrays, from which training windows are drawn.

    Attributes
    ----------
    images : uint8 (n, frames, bands)
        Grey levels of the word base's front end, padded with digital silence.
    first, last : int64 (n,)
        First and last frame of the phrase in each.
    numbers : int64 (n,)
        Number of the phrase that is said; -1 for what is no wake word.
    weights : float64 (n,)
        Probability with which each is drawn; they add up to 1.
    """

    images: UInt8
    first: Int64
    last: Int64
    numbers: Int64
    weights: Float64

    @classmethod
    def of(cls, groups: Sequence[tuple[int, Sequence[PhraseClip], float]]) -> PhraseSet:
        """Join groups of recordings.

        Parameters
        ----------
        groups : sequence of (int, sequence of PhraseClip, float)
            Number of the phrase, its recordings, and how often the group is drawn relative to the
            others. Groups without recordings are left out.
        """
        groups = [(number, clips, weight) for number, clips, weight in groups if clips]
        cut = [_cut(clip) for _, clips, _ in groups for clip in clips]
        weights = [weight / len(clips) for _, clips, weight in groups for _ in clips]
        return cls(
            np.stack([image for image, _, _ in cut]),
            np.array([first for _, first, _ in cut]),
            np.array([last for _, _, last in cut]),
            np.array([number for number, clips, _ in groups for _ in clips]),
            np.array(weights) / sum(weights),
        )

    def draw(self, rng: np.random.Generator, count: int) -> Int64:
        """Draw recordings.

        Parameters
        ----------
        rng : numpy.random.Generator
            Which are drawn.
        count : int
            Number of recordings.

        Returns
        -------
        int64 (count,)
            Their numbers.
        """
        return rng.choice(len(self.images), count, p=self.weights)


def _cut(clip: PhraseClip) -> tuple[UInt8, int, int]:
    """Return an image of `FRAMES` frames, and where the phrase is in it."""
    begin = max(0, clip.first - MARGIN)
    end = min(len(clip.image), clip.last + MARGIN + 1, begin + FRAMES)
    image = np.zeros((FRAMES, clip.image.shape[1]), np.uint8)
    image[: end - begin] = clip.image[begin:end]
    return image, clip.first - begin, min(clip.last, end - 1) - begin


def find_phrase(image: UInt8, columns: Mapping[str, str]) -> PhraseClip | None:
    """Find a phrase in its recording: where the manifest says, or where the sound is.

    Parameters
    ----------
    image : uint8 (frames, bands)
        Grey levels of the recording.
    columns : mapping of str to str
        Columns of the manifest: ``start`` and ``end`` in seconds, if it has them.

    Returns
    -------
    PhraseClip or None
        The last two seconds of a longer phrase. None if it is shorter than a tenth of a second, or
        if the recording is digital silence.
    """
    if not image.any():
        return None
    place = _place_in_manifest(columns, len(image))
    if place is None:
        frames = to_frames(image)
        level = np.log(np.exp(frames).sum(axis=1))
        level = np.convolve(np.pad(level, 1, "edge"), np.ones(3) / 3, "valid")
        place = find_sound(level, RANGE * LN_PER_DB, GAP, "most", least=MIN_RANGE * LN_PER_DB)
    first, last = place
    if last - first + 1 < SHORTEST:
        return None
    return PhraseClip(image, max(first, last - LONGEST + 1), last)


def _place_in_manifest(columns: Mapping[str, str], frames: int) -> tuple[int, int] | None:
    """Return the first and last frame of a phrase as the manifest says, or None."""
    try:
        start, end = (float(columns.get(name) or "nan") for name in ("start", "end"))
        first, last = (round(at / WORDS.hop_seconds) for at in (start, end))
    except (ValueError, OverflowError):
        return None
    return (first, min(last, frames - 1)) if 0 <= first < last and first < frames else None
