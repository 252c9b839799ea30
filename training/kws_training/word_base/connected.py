"""Words in a row, and the phonemes that they are made of.

What tells wake words from all else that is said is which sounds follow each other. A word base
that learned only whole words need not know: it may take a few sounds of "marvin" for the word. So
it also learns to write down the phonemes of words in a row, by connectionist temporal
classification (CTC: A. Graves et al., ICML 2006), which needs no one to say when each is spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64

from ..augmentation.spectra import SpectralAugmentation, WindowMaker, word_extent
from ..data.images import CLIP_FRAMES, WordImages, to_frames
from ..networks.word_base import FEATURE_STRIDE
from ..synthesis.phonemes import pronounce

#: What is done to connected words: as to wake words (`wake.windows`), with fewer masks.
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
#: Frames that a word keeps of what is before and after it.
BEFORE, AFTER = 4, 5
#: Frames between the end of a word and the end of its window at least, and of a gap at most.
ROOM, GAP = 6, 30
#: Frames per column of the features.
COLUMN = FEATURE_STRIDE
#: Frames of a word that the first column has heard, at most.
BEGUN = 14
#: Images that are looked at together.
TOGETHER = 2000


@dataclass(frozen=True)
class SpelledWords:
    """Words whose phonemes are known.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
    first, last : int64 (n,)
        Frames between which each is said.
    phonemes : list of tuple of int
        Of each, as indices in ``signs``.
    weights : float64 (n,)
        How often each is drawn; they add up to 1.
    signs : tuple of str
    """

    images: npt.NDArray[np.uint8]
    first: Int64
    last: Int64
    phonemes: Sequence[tuple[int, ...]]
    weights: npt.NDArray[np.float64]
    signs: tuple[str, ...]

    @classmethod
    def of(cls, words: WordImages, machines: npt.NDArray[np.bool_], share: float) -> SpelledWords:
        """Look up how words are said; what is no word, or too fast to be written down, is left out.

        Parameters
        ----------
        words : WordImages
        machines : bool (n,)
            What is synthesized.
        share : float
            Of what is drawn, so much is synthesized, if there is any.

        Raises
        ------
        KwsError
            If espeak-ng is there and fails.
        """
        texts = sorted({word for word in words.words.tolist() if word.isalpha()})
        said = dict(zip(texts, pronounce(texts), strict=True))
        signs = tuple(sorted({sign for one in said.values() for sign in one}))
        place = {sign: number for number, sign in enumerate(signs)}
        first, last = np.empty((2, len(words.images)), np.int64)
        for start in range(0, len(words.images), TOGETHER):
            part = slice(start, start + TOGETHER)
            first[part], last[part] = word_extent(to_frames(words.images[part]))
        first, last = np.maximum(first - BEFORE, 0), np.minimum(last + AFTER, CLIP_FRAMES - 1)
        spelled = [tuple(place[s] for s in said.get(word, ())) for word in words.words.tolist()]
        lengths = last - first + 1
        kept = np.array(
            [0 < columns(one) * COLUMN <= n for one, n in zip(spelled, lengths, strict=True)]
        )
        rows = np.flatnonzero(kept)
        words, machines = words.where(kept), machines[rows]
        _, kinds, counts = np.unique(words.words, return_inverse=True, return_counts=True)
        weights = np.zeros(len(rows))
        both = machines.any() and not machines.all()
        for group, part in ((machines, share), (~machines, 1 - share)):
            # rare words are drawn more often, as for the labels
            weights[group] = counts[kinds[group]] ** -0.5
            weights[group] *= (part if both else 1.0) / max(weights[group].sum(), 1e-12)
        return cls(
            words.images, first[rows], last[rows], [spelled[n] for n in rows], weights, signs
        )


def columns(phonemes: Sequence[int]) -> int:
    """Return the columns that CTC needs at least to write phonemes down."""
    return len(phonemes) + sum(one == other for one, other in pairwise(phonemes))


class ConnectedWords:
    """Makes windows with a word or two, one after the other.

    Parameters
    ----------
    words : SpelledWords
    maker : WindowMaker
        Augments frames.
    frames : int
        Of a window.
    heard : int
        Frames that the first column of the features has heard: what is said before is not
        written down.
    """

    def __init__(self, words: SpelledWords, maker: WindowMaker, frames: int, heard: int) -> None:
        self._words, self._maker, self._frames = words, maker, frames
        # a word may have begun when the first column has heard its first sound
        self._earliest = max(heard - BEGUN, 2 * ROOM)
        self._most = (frames - heard) // COLUMN

    def batch(
        self, rng: np.random.Generator, count: int
    ) -> tuple[Float32, npt.NDArray[np.int32], Float32]:
        """Make windows.

        Returns
        -------
        frames : float32 (count, frames, 1, bands)
        phonemes : int32 (count, most)
            Filled up with -1.
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
            fit = latest - sizes[other] > self._earliest and columns(both) <= self._most
            if fit:
                latest -= sizes[other]
                said = both
            at = int(rng.integers(self._earliest, max(latest, self._earliest) + 1))
            after = at + sizes[one]
            frames[number, at:after] = clips[one, begin[one] : end[one]]
            if fit:
                after += int(rng.integers(min(GAP, length - ROOM - sizes[other] - after) + 1))
                frames[number, after : after + sizes[other]] = clips[
                    other, begin[other] : end[other]
                ]
            elif rng.random() < 0.5:
                # over before the first column, so that it is not written down
                over = int(rng.integers(self._earliest // 2, self._earliest - ROOM))
                size = min(over, sizes[other])
                frames[number, over - size : over] = clips[other, end[other] - size : end[other]]
            phonemes[number, : len(said)] = said
        counts = (phonemes >= 0).sum(1)
        windows = self._maker.disturb(rng, frames)[:, :, None]
        return windows, phonemes, (1 / np.maximum(counts, 1)).astype(np.float32)


def ctc_loss(phonemes: Any, logits: Any, weights: Any) -> Any:
    """Return the mean loss of phonemes (n, most) in logits (n, columns, signs + 1), blank last."""
    import tensorflow as tf

    there = tf.where(phonemes >= 0)
    shape = tf.shape(phonemes, out_type=tf.int64)
    sparse = tf.SparseTensor(there, tf.gather_nd(phonemes, there), shape)
    lengths = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    blank = logits.shape[-1] - 1
    each = tf.nn.ctc_loss(sparse, logits, None, lengths, logits_time_major=False, blank_index=blank)
    # what does not fit has an infinite loss, and nothing to learn from
    return tf.reduce_mean(tf.where(tf.math.is_finite(each), each * weights, 0.0))
