"""Sentences without some words, said by text to speech: what commands must not be heard in.

Running speech is full of sounds that are nearly a command: "know" of "acknowledge", "up" of
"upper". So a share of the words has the sounds of a keyword in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws.arrays import UInt8
from kws.console import note
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.phonemes.text import words_of
from kws.phonemes.vocabulary import LINK_SHARE, link_words

from ..data.checkpoint import write_arrays
from ..data.digest import digest_of
from ..data.images import RATE, image_of
from ..data.stored import StoredArraysError, pieces_of, read_arrays
from ..progress import bar
from .casting import cast
from .engine import Engine
from .engines import INSTALL, installed
from .phonemes import Phonemes, dictionary, pronounce
from .utterances import say_all

#: Words of a sentence, at least and at most.
LENGTH = (4, 11)
#: Share of the other words that have the sounds of a keyword in them.
NEAR_SHARE = 0.3
#: Seconds of the longest sentence; an engine that says more has gone wrong.
LONGEST = 12
#: Most bytes of images that are read from the cache.
MOST_BYTES = 1 << 30
#: Engines that take a second of work and more for a sentence: hours of them would take hours.
SLOW = ("festival", "piper", "kokoro", "pocket-tts")
#: Part of the cache's key. It goes up when the same arguments give other sentences.
VERSION = 1


def sentence_texts(keywords: Sequence[str], count: int, seed: int) -> list[str]:
    """Make sentences of common English words, none of them a keyword or a word that sounds so.

    They mean nothing: about half of the words are those that link others, as in speech.

    Parameters
    ----------
    keywords : sequence of str
        What must not be said.
    count : int
        Number of sentences.
    seed : int
        Of the words.

    Returns
    -------
    list of str
        The sentences.

    Raises
    ------
    KwsError
        If espeak-ng is there and fails.
    """
    spoken = {word for keyword in keywords for word in words_of(keyword)}
    sounds = set(pronounce(sorted(spoken)))
    allowed = {
        word: phonemes
        for word, phonemes in dictionary().items()
        if word not in spoken and phonemes not in sounds
    }
    links = [word for word in link_words() if word in allowed]
    others = sorted(allowed)
    near = sorted(word for word, phonemes in allowed.items() if _has_any(phonemes, sounds))
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(count):
        words = []
        for _ in range(rng.integers(LENGTH[0], LENGTH[1] + 1)):
            if rng.random() < LINK_SHARE:
                pool = links
            else:
                pool = near if near and rng.random() < NEAR_SHARE else others
            words.append(pool[rng.integers(len(pool))])
        texts.append(" ".join(words))
    return texts


def _has_any(phonemes: Phonemes, sounds: set[Phonemes]) -> bool:
    """Tell whether a word has all sounds of one of some words in it, in their order."""
    return any(
        phonemes[first : first + len(one)] == one
        for one in sounds
        for first in range(len(phonemes) - len(one) + 1)
    )


def sentence_engines() -> list[Engine]:
    """Return the installed engines that say hours of English in minutes.

    Raises
    ------
    KwsError
        If there is none; says what to install.
    """
    engines = [engine for engine in installed() if engine.name not in SLOW]
    if not engines:
        raise KwsError(
            f"no text-to-speech engine that says hours in minutes: {INSTALL['espeak-ng']}, or "
            f"{INSTALL['flite']}"
        )
    return engines


def synthesized_sentences(
    keywords: Sequence[str], count: int, engines: Sequence[Engine], seed: int, cache: Path
) -> list[UInt8]:
    """Say sentences without keywords, as log-mel images; made once and kept.

    Parameters
    ----------
    keywords : sequence of str
        What must not be said.
    count : int
        Number of sentences; what an engine fails to say is missing, and noted on stderr.
    engines : sequence of Engine
        The engines, at least one.
    seed : int
        Of the words, and of who says them.
    cache : Path
        Folder that keeps the images.

    Returns
    -------
    list of uint8 (frames, bands)
        Grey levels of each sentence.

    Raises
    ------
    KwsError
        If nothing could be said, or the cache cannot be written.
    """
    voices = [(engine.name, engine.voices) for engine in engines]
    identity = (VERSION, sorted(keywords), count, voices, seed)
    path = cache / f"sentences-{digest_of(identity)[:16]}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    said = cast(sentence_texts(keywords, count, seed), count, engines, seed)
    images: list[UInt8] = []
    failed: list[KwsError] = []
    spoken = say_all(said)
    for number in bar(iter(range(len(said))), len(said), "saying sentences"):
        samples = next(spoken)
        if not isinstance(samples, KwsError) and len(samples) > LONGEST * RATE:
            samples = KwsError(f"{said[number].engine.name} says a sentence for over {LONGEST} s")
        if isinstance(samples, KwsError):
            failed.append(samples)
        else:
            images.append(image_of(samples))
    if failed:
        note(f"{len(failed)} of {len(said)} sentences could not be said: {failed[0]}")
    if not images:
        raise KwsError(f"no sentence could be synthesized: {failed[0]}")
    lengths = np.array([len(image) for image in images], np.int64)
    write_arrays(path, images=np.concatenate(images), lengths=lengths)
    return images


def _read(path: Path) -> list[UInt8] | None:
    """Return what was kept; None if there is nothing that can be read."""
    try:
        arrays = read_arrays(path, ("images", "lengths"), MOST_BYTES)
    except StoredArraysError:
        return None
    images = arrays["images"]
    if images.dtype != np.uint8 or images.shape[1:] != (WORDS.bands,):
        return None
    return pieces_of(images, arrays["lengths"])
