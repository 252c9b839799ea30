"""What a phoneme network is trained and validated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32
from kws.console import note
from kws.errors import KwsError

from ..augmentation.microphones import MicrophoneProfiles
from ..data.digest import digest_of
from ..data.images import WordImages
from ..data.splits import share_of
from .sentences import SpokenSentences
from .speech import Speech

#: Share of the people, and of the sentences, that validate.
VALIDATED = 0.04


@dataclass(frozen=True, eq=False)
class PhonemeData:
    """Speech to train on, and to validate with.

    Attributes
    ----------
    training : Speech
        What is trained on.
    validation : Speech or None
        Words of other people, other sentences; None if there is too little.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    microphones : MicrophoneProfiles or None
        How the microphones of the people sound; None without people.
    people : int
        Number of people who say the words to train on.
    digest : str
        Of all of it.
    """

    training: Speech
    validation: Speech | None
    noise: Float32
    microphones: MicrophoneProfiles | None
    people: int
    digest: str


def prepare(words: WordImages, sentences: SpokenSentences, noise: Float32) -> PhonemeData:
    """Split words by speaker, and sentences by what is said.

    Parameters
    ----------
    words : WordImages
        Words of people; there may be none.
    sentences : SpokenSentences
        Sentences by text to speech; there may be none.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.

    Returns
    -------
    PhonemeData
        No person trains and validates.

    Raises
    ------
    KwsError
        If there is no speech.
    """
    words = words.where(words.sets != "test")
    drawn = np.array([share_of("phonemes " + one) for one in words.speakers.tolist()])
    validates = np.where(words.sets == "", drawn < VALIDATED, words.sets == "validation")
    spoken = np.array([share_of("phonemes " + one.tobytes().hex()) for one in sentences.phonemes])
    held = spoken < VALIDATED
    training = Speech.of(words.where(~validates), _where(sentences, ~held))
    validation = Speech.of(words.where(validates), _where(sentences, held))
    if not len(training.words) and not training.sentences.images:
        raise KwsError("a phoneme network needs words or sentences: give --features or --data")
    people = len(training.words.people)
    note(
        f"{len(training.words)} words of {people} people and {training.sentences.hours:.1f} h of "
        f"{len(training.sentences.images)} sentences to train, {len(validation.words)} words and "
        f"{len(validation.sentences.images)} sentences to validate"
    )
    microphones = MicrophoneProfiles.of(list(training.words.images)) if people else None
    enough = len(validation.words) or validation.sentences.images
    digest = digest_of(
        [one.tolist() for one in sentences.phonemes],
        words.images,
        noise,
        *(sentences.images or ()),
    )
    return PhonemeData(training, validation if enough else None, noise, microphones, people, digest)


def _where(sentences: SpokenSentences, kept: np.ndarray) -> SpokenSentences:
    rows = np.flatnonzero(kept)
    return SpokenSentences(
        [sentences.images[n] for n in rows],
        [sentences.phonemes[n] for n in rows],
        [sentences.speakers[n] for n in rows],
    )
