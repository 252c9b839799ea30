"""The speech that a phoneme network learns from: words of people, sentences by text to speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.activity import LN_PER_DB
from kws.arrays import Float64, Int64, UInt8
from kws.calibration.hours import in_long_runs
from kws.frontend import WORDS

from ..augmentation.spectra import locate_words
from ..data.images import GREY, WordImages
from ..synthesis.utterances import SYNTHETIC
from .sentences import SpokenSentences
from .texts import CommonWords

#: Frames that a word keeps of what is before and after it.
BEFORE, AFTER = 4, 6
#: Decibels below the loudest frame of a sentence; what is softer is a pause.
PAUSE = 35.0
#: Frames of a pause within a sentence that is part of what is said, at most; at its ends, half.
SPOKEN_PAUSE = 20
#: Share of the sentences by formant synthesis, where there are others.
FORMANT_SHARE = 0.25
#: Engines whose voices are made by formant synthesis.
FORMANT = ("espeak-ng",)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PeoplesWords:
    """Words of people whose phonemes are known.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
        Grey levels of the word base's front end.
    first, last : int64 (n,)
        First and last frame of each word, with a little of what is around it.
    phonemes : list of list of int
        Phonemes of each word, as indices in `kws.phonemes.symbols.PHONEMES`.
    people : list of int64 arrays
        Of each person the rows of their words.
    shares : float64 (people,)
        Up to each person, the probability that one is drawn: by the root of their words.
    """

    images: UInt8
    first: Int64
    last: Int64
    phonemes: list[list[int]]
    people: list[Int64]
    shares: Float64

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.images)

    @classmethod
    def of(cls, words: WordImages) -> PeoplesWords:
        """Locate words and look up their phonemes; what the dictionary lacks is left out.

        Parameters
        ----------
        words : WordImages
            Words of people.
        """
        common = CommonWords()
        spelled = {word: common.spell(word) for word in set(words.words.tolist())}
        known = np.array([spelled[word] is not None for word in words.words.tolist()], np.bool_)
        words = words.where(known)
        first, last = locate_words(words.images, BEFORE, AFTER)
        _, person = np.unique(words.speakers, return_inverse=True)
        order = np.argsort(person, kind="stable")
        people = np.split(order, np.flatnonzero(np.diff(person[order])) + 1) if len(order) else []
        roots = np.array([len(rows) for rows in people]) ** 0.5
        phonemes = [
            [] if (one := spelled[word]) is None else one.tolist() for word in words.words.tolist()
        ]
        shares = np.cumsum(roots) / max(roots.sum(), 1e-12)
        return cls(words.images, first, last, phonemes, people, shares)

    def clip(self, row: int) -> UInt8:
        """Return the grey levels of a word, uint8 (frames, bands)."""
        return self.images[row, self.first[row] : self.last[row] + 1]

    def some_of_one(self, rng: np.random.Generator, count: int) -> Int64:
        """Draw words of one person.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws the person and the words.
        count : int
            Number of words, if the person said so many.

        Returns
        -------
        int64 (count or less,)
            Rows.
        """
        last = len(self.people) - 1
        rows = self.people[min(last, int(np.searchsorted(self.shares, rng.random())))]
        return rng.permutation(rows)[:count]


@dataclass(frozen=True, eq=False)
class Speech:
    """Speech whose phonemes are known.

    Attributes
    ----------
    words : PeoplesWords
        Words of people.
    sentences : SpokenSentences
        Sentences by text to speech.
    voices : list of bool arrays
        For each frame of a sentence, whether somebody speaks.
    sentence_shares : float64 (sentences,)
        Up to each sentence, the probability that one is drawn.
    """

    words: PeoplesWords
    sentences: SpokenSentences
    voices: list[Mask]
    sentence_shares: Float64

    @classmethod
    def of(cls, words: WordImages, sentences: SpokenSentences) -> Speech:
        """Prepare words and sentences.

        Parameters
        ----------
        words : WordImages
            Words of people.
        sentences : SpokenSentences
            Sentences by text to speech.
        """
        voices = [speaks(image) for image in sentences.images]
        return cls(PeoplesWords.of(words), sentences, voices, _shares(sentences.speakers))

    @property
    def seconds(self) -> float:
        """How long it all takes."""
        words = self.words.last - self.words.first + 1
        return int(words.sum()) * WORDS.hop_seconds + self.sentences.hours * 3600


def speaks(image: UInt8) -> Mask:
    """Tell in which frames of a clean sentence somebody speaks.

    Parameters
    ----------
    image : uint8 (frames, bands)
        Grey levels.

    Returns
    -------
    bool (frames,)
        False in pauses longer than `SPOKEN_PAUSE`.
    """
    level = image.max(1).astype(np.float32) * GREY
    loud = level > level.max() - PAUSE * LN_PER_DB
    half = SPOKEN_PAUSE // 2
    padded = np.pad(loud, half, constant_values=False)
    return np.asarray(loud | ~in_long_runs(padded, SPOKEN_PAUSE)[half:-half])


def _shares(speakers: Sequence[str]) -> Float64:
    """Return the cumulative probabilities with which sentences are drawn."""
    if not speakers:
        return np.zeros(0)
    engines = np.array([one.removeprefix(SYNTHETIC).split(" ")[0] for one in speakers])
    names, places, counts = np.unique(engines, return_inverse=True, return_counts=True)
    formant = np.isin(names, FORMANT)
    # an engine counts by the root of its sentences: a few natural voices are heard often
    weights = counts**0.5
    if formant.any() and not formant.all():
        weights[formant] *= FORMANT_SHARE / weights[formant].sum()
        weights[~formant] *= (1 - FORMANT_SHARE) / weights[~formant].sum()
    each = (weights / counts)[places]
    return np.asarray(np.cumsum(each / each.sum()), np.float64)
