"""Words in a row, and the phonemes that they are made of.

What tells wake words from all else that is said is which sounds follow each other. A word base
that learned only whole words need not know: it may take a few sounds of "marvin" for the word. So
it also learns to write down the phonemes of words in a row, by connectionist temporal
classification (`fitting.ctc`), which needs no one to say when each is spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Float64, Int64, UInt8

from ..augmentation.spectra import SpectralAugmentation, WindowMaker, locate_words
from ..data.images import WordImages, to_frames
from ..fitting.ctc import output_frames
from ..networks.word_base import FEATURE_STRIDE
from ..synthesis.phonemes import pronounce

#: How connected words are augmented: as wake words are (`wake_words.windows`), with fewer masks.
AUGMENTATION = SpectralAugmentation(
    stretch=0.18,
    warp=0.15,
    gain=(-30.0, 12.0),
    equalisation=5.0,
    snr=(-3.0, 30.0),
    noise=0.7,
    neighbours=0.0,
    reverberation=0.35,
    masks=0.2,
)
#: Frames that a word keeps of what is before it.
BEFORE = 4
#: Frames that a word keeps of what is after it.
AFTER = 5
#: Frames between the end of a word and the end of its window, at least.
ROOM = 6
#: Frames between two words, at most.
MAX_GAP = 30
#: Frames of a word that the first output frame has seen, at most.
BEGUN = 14


@dataclass(frozen=True)
class SpelledWords:
    """Words whose phonemes are known.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
        Grey levels of the word base's front end.
    first, last : int64 (n,)
        First and last frame of each word.
    phonemes : list of tuple of int
        Phonemes of each word, as indices in ``signs``.
    weights : float64 (n,)
        Probability with which each is drawn; they add up to 1.
    signs : tuple of str
        The signs of the phonemes.
    """

    images: UInt8
    first: Int64
    last: Int64
    phonemes: Sequence[tuple[int, ...]]
    weights: Float64
    signs: tuple[str, ...]

    @classmethod
    def of(cls, words: WordImages, synthetic: npt.NDArray[np.bool_], share: float) -> SpelledWords:
        """Look up the phonemes of words.

        What is no word is left out, and a word with more phonemes than output frames.

        Parameters
        ----------
        words : WordImages
            Words of people and synthesized ones.
        synthetic : bool (n,)
            Whether each is synthesized.
        share : float
            Share of what is drawn that is synthesized, if there is any.

        Raises
        ------
        KwsError
            If espeak-ng is there and fails.
        """
        texts = sorted({word for word in words.words.tolist() if word.isalpha()})
        said = dict(zip(texts, pronounce(texts), strict=True))
        signs = tuple(sorted({sign for one in said.values() for sign in one}))
        place = {sign: number for number, sign in enumerate(signs)}
        first, last = locate_words(words.images, BEFORE, AFTER)
        spelled = [tuple(place[s] for s in said.get(word, ())) for word in words.words.tolist()]
        lengths = last - first + 1
        needed = np.array([output_frames(one) * FEATURE_STRIDE for one in spelled])
        kept = (needed > 0) & (needed <= lengths)
        rows = np.flatnonzero(kept)
        words, synthetic = words.where(kept), synthetic[rows]
        _, kinds, counts = np.unique(words.words, return_inverse=True, return_counts=True)
        weights = np.zeros(len(rows))
        both = synthetic.any() and not synthetic.all()
        for group, group_share in ((synthetic, share), (~synthetic, 1 - share)):
            # rare words are drawn more often, as for the labels
            weights[group] = counts[kinds[group]] ** -0.5
            weights[group] *= (group_share if both else 1.0) / max(weights[group].sum(), 1e-12)
        return cls(
            words.images, first[rows], last[rows], [spelled[n] for n in rows], weights, signs
        )


class ConnectedWords:
    """Makes windows with a word or two, one after the other.

    Parameters
    ----------
    words : SpelledWords
        Words whose phonemes are known.
    maker : WindowMaker
        Augments frames.
    frames : int
        Number of frames of a window.
    field : int
        Frames that the first output frame of the features has seen: phonemes of what is said
        before are no targets.
    """

    def __init__(self, words: SpelledWords, maker: WindowMaker, frames: int, field: int) -> None:
        self._words, self._maker, self._frames = words, maker, frames
        # a word may have begun before the first output frame that has seen its first sound
        self._earliest = max(field - BEGUN, 2 * ROOM)
        self._most = (frames - field) // FEATURE_STRIDE

    def batch(
        self, rng: np.random.Generator, count: int
    ) -> tuple[Float32, npt.NDArray[np.int32], Float32]:
        """Make windows.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        count : int
            Number of windows.

        Returns
        -------
        frames : float32 (count, frames, 1, bands)
            ln(power).
        phonemes : int32 (count, most)
            Indices of the phonemes, filled up with -1.
        weights : float32 (count,)
            One divided by the number of phonemes.
        """
        words, length = self._words, self._frames
        rows = rng.choice(len(words.images), 2 * count, p=words.weights)
        clips, tempo = self._maker.vary(rng, to_frames(words.images[rows]))
        begin = (words.first[rows] / tempo).astype(np.int64)
        end = np.minimum(words.last[rows] / tempo, clips.shape[1] - 1).astype(np.int64) + 1
        sizes = end - begin
        frames = np.full((count, length, clips.shape[2]), self._maker.floor, np.float32)
        phonemes = np.full((count, self._most), -1, np.int32)
        for number in range(count):
            one, other = 2 * number, 2 * number + 1
            said = words.phonemes[rows[one]]
            latest = length - ROOM - sizes[one]
            both = (*said, *words.phonemes[rows[other]])
            fits = latest - sizes[other] > self._earliest and output_frames(both) <= self._most
            if fits:
                latest -= sizes[other]
                said = both
            at = int(rng.integers(self._earliest, max(latest, self._earliest) + 1))
            after = at + sizes[one]
            frames[number, at:after] = clips[one, begin[one] : end[one]]
            if fits:
                after += int(rng.integers(min(MAX_GAP, length - ROOM - sizes[other] - after) + 1))
                frames[number, after : after + sizes[other]] = clips[
                    other, begin[other] : end[other]
                ]
            elif rng.random() < 0.5:
                # it ends before the first output frame: its phonemes are no targets
                over = int(rng.integers(self._earliest // 2, self._earliest - ROOM))
                size = min(over, sizes[other])
                frames[number, over - size : over] = clips[other, end[other] - size : end[other]]
            phonemes[number, : len(said)] = said
        counts = (phonemes >= 0).sum(1)
        windows = self._maker.disturb(rng, frames)[:, :, None]
        return windows, phonemes, (1 / np.maximum(counts, 1)).astype(np.float32)
