"""The words that a word base is trained on: who says them, and what each should be called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64, UInt8
from kws.console import note
from kws.metadata import SILENCE, UNKNOWN, is_label, keywords_of

from ..data.dataset import DataError
from ..data.digest import digest_of
from ..data.images import WordImages
from ..data.splits import share_of
from ..synthesis.utterances import SYNTHETIC
from .connected import SpelledWords
from .defaults import MAX_WORDS, MIN_SPEAKERS, SYNTHESIZED_SHARE, WordBaseOptions
from .taught import TaughtSpeech


@dataclass(frozen=True)
class WordBaseSources:
    """What a word base is trained from.

    Attributes
    ----------
    words : WordImages
        Words said by people; ``_unknown_`` are other words.
    synthesized : WordImages or None
        Synthesized words.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    taught : TaughtSpeech or None
        Speech that a teacher heard; None without a teacher.
    """

    words: WordImages
    synthesized: WordImages | None
    noise: Float32
    taught: TaughtSpeech | None = None


@dataclass(frozen=True)
class TrainingWords:
    """Words to train on, with their targets.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
        Grey levels of the word base's front end.
    labels : int64 (n,)
        Index of the label: unknown for a word without a label of its own.
    others : int64 (n,)
        Index in ``words``; -1 for what is no single word.
    synthetic : bool (n,)
        Whether it is synthesized.
    words : tuple of str
        All words there are, with a label of their own or not.
    """

    images: UInt8
    labels: Int64
    others: Int64
    synthetic: npt.NDArray[np.bool_]
    words: tuple[str, ...]

    @classmethod
    def of(cls, words: WordImages, labels: tuple[str, ...]) -> TrainingWords:
        """Look up the targets of words.

        Parameters
        ----------
        words : WordImages
            Words said by people, and synthesized ones.
        labels : tuple of str
            The labels, silence and unknown first.
        """
        names = tuple(sorted(set(keywords_of(tuple(words.words.tolist())))))
        label = {word: labels.index(word) if word in labels else 1 for word in set(words.words)}
        place = {word: number for number, word in enumerate(names)}
        return cls(
            words.images,
            np.array([label[word] for word in words.words.tolist()]),
            np.array([place.get(word, -1) for word in words.words.tolist()]),
            is_synthetic(words),
            names,
        )

    @property
    def people(self) -> int:
        """Number of images that people said."""
        return int((~self.synthetic).sum())

    @property
    def synthesized(self) -> int:
        """Number of images that are synthesized."""
        return int(self.synthetic.sum())

    def digest(self, noise: Float32, settings: tuple[object, ...]) -> str:
        """Return a digest of all that a training depends on.

        Parameters
        ----------
        noise : float32 (frames, bands)
            ln(power) of recorded noise.
        settings : tuple
            All else, of which the ``repr`` counts.
        """
        arrays = (self.images, self.labels, self.others, self.synthetic, noise)
        return digest_of((*settings, self.words), *arrays)


@dataclass(frozen=True)
class WordBaseData:
    """What a word base is trained and validated on.

    Attributes
    ----------
    labels : tuple of str
        Silence, unknown, and the words with a label of their own.
    training : TrainingWords
        Words to train on.
    validation : WordImages
        Labelled words of other speakers.
    spelled : SpelledWords or None
        Words to train on whose phonemes are known; None if phonemes are not learned.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    speakers : int
        Number of people who say the words to train on.
    taught : TaughtSpeech or None
        Speech that a teacher heard; None without a teacher.
    """

    labels: tuple[str, ...]
    training: TrainingWords
    validation: WordImages
    spelled: SpelledWords | None
    noise: Float32
    speakers: int
    taught: TaughtSpeech | None


def labels_for(
    words: WordImages, left_out: Sequence[str], keywords: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Choose the labels: silence, unknown, and every word that enough people say.

    Parameters
    ----------
    words : WordImages
        Words said by people.
    left_out : sequence of str
        Words that are no labels.
    keywords : sequence of str, optional
        The only words that are labels; all others are then unknown.

    Raises
    ------
    DataError
        If there are fewer than two such words or more than a model file can name, or one cannot
        be a label.
    """
    chosen = [
        word
        for word in sorted(set(words.words.tolist()))
        if word not in left_out
        and word in keywords_of((word,))
        and (keywords is None or word in keywords)
        and len(set(words.speakers[words.words == word].tolist())) >= MIN_SPEAKERS
    ]
    for keyword in keywords or ():
        if keyword not in chosen:
            raise DataError(f"{keyword}: fewer than {MIN_SPEAKERS} people say it")
    if len(chosen) < 2:
        raise DataError(
            f"a word base needs two words said by {MIN_SPEAKERS} people each: give --features or "
            "--data with more speakers"
        )
    for word in chosen:
        if not is_label(word):
            raise DataError(f"{word!r:.60}: a word has 1 to 100 printable characters: rename it")
    if len(chosen) > MAX_WORDS:
        raise DataError(f"{len(chosen)} words by {MIN_SPEAKERS} people: at most {MAX_WORDS} fit")
    return (SILENCE, UNKNOWN, *chosen)


def prepare(sources: WordBaseSources, options: WordBaseOptions) -> WordBaseData:
    """Split words by speaker, and decide what each should be called.

    Parameters
    ----------
    sources : WordBaseSources
        Words and noise.
    options : WordBaseOptions
        What is left out, who validates, and what the labels are.

    Returns
    -------
    WordBaseData
        No speaker trains and validates.

    Raises
    ------
    DataError
        If there are too few words for labels, or too many.
    """
    left_out = list(options.left_out)
    words = sources.words
    words = words.where(~np.isin(words.words, left_out) & (words.sets != "test"))
    share = [share_of("word base " + one) for one in words.speakers.tolist()]
    drawn = np.array(share) < options.validation
    validates = np.where(words.sets == "", drawn, words.sets == "validation")
    people = words.where(~validates)
    labels = labels_for(people, left_out, options.keywords)
    validation = words.where(validates & np.isin(words.words, labels[2:]))
    both = people
    if sources.synthesized is not None:
        both = both + sources.synthesized.where(~np.isin(sources.synthesized.words, left_out))
    training = TrainingWords.of(both, labels)
    speakers = len(set(people.speakers.tolist()))
    note(
        f"{training.people} images of {speakers} people and {training.synthesized} synthesized "
        f"ones to train, {len(validation.images)} to validate; {len(labels) - 2} words"
    )
    spelled = _spelled(both) if options.fit.phonemes else None
    return WordBaseData(
        labels, training, validation, spelled, sources.noise, speakers, sources.taught
    )


def is_synthetic(words: WordImages) -> npt.NDArray[np.bool_]:
    """Tell which words are synthesized.

    Parameters
    ----------
    words : WordImages
        Words of people and synthesized ones.

    Returns
    -------
    bool (n,)
    """
    return np.array([one.startswith(SYNTHETIC) for one in words.speakers.tolist()])


def _spelled(words: WordImages) -> SpelledWords | None:
    """Return the words whose phonemes are known; None if there are none."""
    spelled = SpelledWords.of(words, is_synthetic(words), SYNTHESIZED_SHARE)
    return spelled if len(spelled.images) else None
