"""Sentences by text to speech whose phonemes are known, as log-mel images, made once and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import UInt8
from kws.console import note
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.phonemes.symbols import PHONEMES

from ..data.checkpoint import write_arrays
from ..data.digest import digest_of
from ..data.images import RATE, image_of
from ..data.stored import StoredArraysError, pieces_of, read_arrays
from ..progress import bar
from ..synthesis.casting import cast
from ..synthesis.engine import Engine
from ..synthesis.utterances import say_all
from .texts import Indices, Texts

#: Sentences of each engine for a thousand of `--synthesize`. Natural voices are worth more than
#: many formant ones; the slow ones say what they can in the time.
SHARES = {
    "espeak-ng": 200,
    "flite": 240,
    "festival": 100,
    "pico": 160,
    "hibari": 170,
    "piper": 100,
    "kokoro": 30,
}
#: Sentences that are kept in one file: what a run that is stopped loses, at most.
CHUNK = 100
#: Seconds of the longest sentence; an engine that says more has gone wrong.
LONGEST = 15
#: Most bytes of a chunk that are read from the cache.
MOST_BYTES = CHUNK * LONGEST * 100 * WORDS.bands * 2
#: Arrays of a file that holds sentences.
_ARRAYS = ("images", "frames", "phonemes", "counts", "speakers")
#: Part of the cache's key. It goes up when the same arguments give other sentences.
VERSION = 1


@dataclass(frozen=True, eq=False)
class SpokenSentences:
    """Speech whose phonemes are known.

    Attributes
    ----------
    images : list of uint8 (frames, bands)
        Grey levels of each sentence.
    phonemes : list of int16 (n,)
        Phonemes of each sentence, as indices in `kws.phonemes.symbols.PHONEMES`.
    speakers : list of str
        Engine and voice of each.
    """

    images: list[UInt8]
    phonemes: list[Indices]
    speakers: list[str]

    def __add__(self, other: SpokenSentences) -> SpokenSentences:
        """Return the sentences of both."""
        return SpokenSentences(
            self.images + other.images,
            self.phonemes + other.phonemes,
            self.speakers + other.speakers,
        )

    @property
    def hours(self) -> float:
        """How long it all takes."""
        return sum(len(image) for image in self.images) * WORDS.hop_seconds / 3600


def counts_for(total: int, engines: Sequence[Engine]) -> dict[str, int]:
    """Decide how many sentences each engine says.

    Parameters
    ----------
    total : int
        Sentences that all engines of `SHARES` would say together.
    engines : sequence of Engine
        Those that are installed.

    Returns
    -------
    dict of str to int
        Whole chunks for each engine, at least one, in the order of the engines.
    """
    return {
        engine.name: max(1, round(total * SHARES[engine.name] / 1000 / CHUNK)) * CHUNK
        for engine in engines
        if engine.name in SHARES
    }


def say_sentences(
    texts: Texts, engines: Sequence[Engine], counts: Mapping[str, int], seed: int, cache: Path
) -> SpokenSentences:
    """Say sentences, each engine its own; what is kept is not said again.

    Parameters
    ----------
    texts : Texts
        What is said.
    engines : sequence of Engine
        The engines.
    counts : mapping of str to int
        Sentences of each engine by its name; an engine without says nothing.
    seed : int
        Of the words, and of how they are said.
    cache : Path
        Folder that keeps the sentences, `CHUNK` in a file.

    Returns
    -------
    SpokenSentences
        Engine by engine. What an engine fails to say is missing, and noted on stderr.

    Raises
    ------
    KwsError
        If nothing could be said, or the cache cannot be written.
    """
    chunks = [
        (engine, number)
        for engine in engines
        for number in range(-(-counts.get(engine.name, 0) // CHUNK))
    ]
    found = SpokenSentences([], [], [])
    for place in bar(iter(range(len(chunks))), len(chunks), "sentences, in hundreds"):
        found += _chunk(texts, *chunks[place], seed, cache)
    if not found.images:
        raise KwsError(
            "no sentence could be synthesized: apt-get install espeak-ng flite, or --synthesize 0"
        )
    return found


def _chunk(texts: Texts, engine: Engine, number: int, seed: int, cache: Path) -> SpokenSentences:
    """Return a chunk of an engine's sentences, from the cache if it is there."""
    identity = (VERSION, engine.name, engine.voices, number, seed, *texts.identity)
    path = cache / f"{engine.name}-{number:04d}-{digest_of(identity)[:16]}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    own = int(digest_of(identity)[:8], 16)
    drawn = [(text, texts.spell(text)) for text in texts.draw(CHUNK, own)]
    wanted = [(text, spelled) for text, spelled in drawn if spelled is not None]
    utterances = cast([text for text, _ in wanted], len(wanted), [engine], own)
    images: list[UInt8] = []
    phonemes: list[Indices] = []
    speakers: list[str] = []
    failed: list[KwsError] = []
    for one, (_, spelled), samples in zip(utterances, wanted, say_all(utterances), strict=True):
        if isinstance(samples, KwsError):
            failed.append(samples)
        elif len(samples) <= LONGEST * RATE:
            images.append(image_of(samples))
            phonemes.append(spelled)
            speakers.append(one.speaker)
    if failed:
        note(f"{engine.name}: {len(failed)} of {len(wanted)} could not be said: {failed[0]}")
    if images:
        _write(path, SpokenSentences(images, phonemes, speakers))
    return SpokenSentences(images, phonemes, speakers)


def _write(path: Path, spoken: SpokenSentences) -> None:
    write_arrays(
        path,
        images=np.concatenate(spoken.images),
        frames=np.array([len(image) for image in spoken.images], np.int64),
        phonemes=np.concatenate(spoken.phonemes),
        counts=np.array([len(one) for one in spoken.phonemes], np.int64),
        speakers=np.array(spoken.speakers),
    )


def _read(path: Path) -> SpokenSentences | None:
    """Return what was kept; None if there is nothing that can be read."""
    try:
        arrays = read_arrays(path, _ARRAYS, MOST_BYTES)
    except StoredArraysError:
        return None
    images, frames, phonemes, counts, speakers = (arrays[name] for name in _ARRAYS)
    if not (
        images.dtype == np.uint8
        and images.shape[1:] == (WORDS.bands,)
        and phonemes.ndim == 1
        and phonemes.dtype.kind in "iu"
        and ((phonemes >= 0) & (phonemes < len(PHONEMES))).all()
        and frames.shape == counts.shape == speakers.shape
        and speakers.dtype.kind == "U"
    ):
        return None
    said = pieces_of(images, frames), pieces_of(np.asarray(phonemes, np.int16), counts)
    if said[0] is None or said[1] is None:
        return None
    return SpokenSentences(said[0], said[1], speakers.tolist())
