"""A phrase said by many voices, and what sounds like it: for wake words without recordings."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.console import note
from kws.errors import KwsError
from kws.pcm import to_float32, to_int16
from kws.phonemes.text import words_of

from ..data.checkpoint import write_arrays
from ..data.digest import digest_of
from ..data.stored import StoredArraysError, pieces_of, read_arrays
from ..progress import bar
from ..spreading.workers import ALONE, Workers
from .casting import cast
from .confusables import find_confusables
from .crossings import find_crossings
from .engine import Engine
from .engines import INSTALL
from .utterances import Utterance, common_words, say_all

#: Longest phrase, in characters.
LONGEST = 100
#: Most bytes of samples that are read from the cache.
MOST_BYTES = 4 << 30
#: Arrays of a file that holds what was said.
_ARRAYS = ("samples", "lengths", "texts", "speakers", "positives")
#: Negative texts; further negatives are the same texts again, in other voices.
TEXTS = 300
#: Part of the cache's key. It goes up when the same arguments give other audio.
VERSION = 3


@dataclass(frozen=True)
class SynthesizedClip:
    """A text that an engine said.

    Attributes
    ----------
    samples : float32 (n,)
        At 16 kHz, trimmed, the peak at half of full scale.
    text : str
        As it was given to the engine, with punctuation.
    speaker : str
        "synthetic", the engine and its voice.
    """

    samples: Float32
    text: str
    speaker: str


@dataclass(frozen=True)
class SynthesizedPhrase:
    """A phrase said by many voices, and other texts said by the same voices.

    Attributes
    ----------
    positives : list of SynthesizedClip
        The phrase.
    negatives : list of SynthesizedClip
        Other texts.
    """

    positives: list[SynthesizedClip]
    negatives: list[SynthesizedClip]


def clean_phrase(text: str) -> str:
    """Put a phrase on one line, without control characters.

    Parameters
    ----------
    text : str
        The phrase, as a user writes it.

    Returns
    -------
    str
        The phrase with single spaces.

    Raises
    ------
    KwsError
        If there is nothing to say in it, or too much.
    """
    phrase = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not any(c.isalnum() for c in phrase):
        raise KwsError(f"{text!r:.60}: nothing to say: give a word or a phrase")
    if len(phrase) > LONGEST:
        raise KwsError(f"{text!r:.60}: too long for a wake word: at most {LONGEST} characters")
    return phrase


def say_phrase(
    text: str, count: int, engines: Sequence[Engine], seed: int
) -> Iterator[SynthesizedClip]:
    """Say a phrase with as many voices, speeds and pitches as there are.

    Parameters
    ----------
    text : str
        The phrase.
    count : int
        Times; what an engine fails to say is missing.
    engines : sequence of Engine
        As `engines.installed` returns them.
    seed : int
        Of who says it, and how.

    Yields
    ------
    SynthesizedClip
        The phrase, said once.

    Raises
    ------
    KwsError
        If there is no engine, or nothing to say.
    """
    return _spoken(cast([clean_phrase(text)], count, _some(engines), seed), [])


def confusables(text: str, count: int, seed: int, language: str = "en") -> list[str]:
    """Make texts that sound like a phrase, parts of it and other orders of its words.

    None has the phrase in it. The nearest come first; a short phrase has fewer than ``count``.

    Parameters
    ----------
    text : str
        The phrase.
    count : int
        How many texts are made at most.
    seed : int
        Shuffles texts that are about equally near.
    language : str
        As espeak-ng names it.

    Returns
    -------
    list of str
        The nearest texts come first; a short phrase has fewer than ``count``.

    Raises
    ------
    KwsError
        If espeak-ng is there and fails, or there is nothing to say.
    """
    return [one.text for one in find_confusables(clean_phrase(text), count, seed, language)]


def cast_phrase(
    text: str,
    positives: int,
    negatives: int,
    engines: Sequence[Engine],
    seed: int,
    language: str = "en",
) -> tuple[list[Utterance], list[Utterance], list[str]]:
    """Decide what is said by whom for a wake word.

    Parameters
    ----------
    text : str
        The phrase.
    positives : int
        How often the phrase is said.
    negatives : int
        How often something else is said.
    engines : sequence of Engine
        The engines, at least one.
    seed : int
        Of who says what, and how.
    language : str
        As espeak-ng names it.

    Returns
    -------
    positives : list of Utterance
        The phrase.
    negatives : list of Utterance
        What sounds like it.
    kinds : list of str
        How each negative was made, as `confusables.Confusable` says.

    Raises
    ------
    KwsError
        As for `say_phrase` and `confusables`.
    """
    phrase = clean_phrase(text)
    foreign = [c for c in phrase if c.isalpha() and not unicodedata.name(c, "").startswith("LATIN")]
    if language == "en" and foreign:
        raise KwsError(
            f"{phrase!r:.60}: {foreign[0]!r} is no letter of English: name the language, as "
            "--language ar"
        )
    said = cast([phrase], positives, _some(engines), seed)
    # the same texts for any number, so that more negatives begin as fewer do
    others = find_confusables(phrase, TEXTS, seed, language) if negatives else []
    # another seed, so that the first voice of the one is not that of the other
    wrong = cast([one.text for one in others], negatives, engines, seed + 1)
    kinds = [others[number % len(others)].kind for number in range(len(wrong))]
    return said, wrong, kinds


def negative_texts(text: str, seed: int, language: str = "en", crossings: float = 0.0) -> list[str]:
    """Make the texts that a phrase is trained against: parts, other orders, other words.

    Texts that differ by a sound or two are not among them. The same few voices would say both, and
    a network that tells them apart by what is special to a machine is strict with people, too
    (measured: `docs/experiments/wake_words.md`). `confusables` makes such texts.

    Parameters
    ----------
    text : str
        The phrase.
    seed : int
        Of all that is random.
    language : str
        As espeak-ng names it.
    crossings : float
        Share of the texts, 0 .. 1, that are short sentences in which an English phrase nearly comes
        about across words (`crossings.find_crossings`); none in other languages.

    Returns
    -------
    list of str
        `TEXTS` texts, shuffled.

    Raises
    ------
    KwsError
        As for `confusables`.
    """
    phrase = clean_phrase(text)
    rng = np.random.default_rng(seed)
    found = find_confusables(phrase, TEXTS, seed, language, crossings=False)
    count = round(crossings * TEXTS) if language == "en" else 0
    texts = find_crossings(words_of(phrase), count, seed) if count else []
    parts = [one.text for one in found if one.kind in ("part", "reordered")]
    texts += parts[: min(TEXTS // 4, TEXTS - len(texts))]
    words, pool = phrase.split(), common_words()
    while len(texts) < TEXTS:
        place = int(rng.integers(len(words)))
        other = str(rng.choice(pool))
        if other.casefold() != words[place].casefold():
            texts.append(" ".join([*words[:place], other, *words[place + 1 :]]))
    rng.shuffle(texts)
    return texts


def synthesized_phrase(
    text: str,
    positives: int,
    negatives: int,
    engines: Sequence[Engine],
    seed: int,
    cache: Path,
    language: str = "en",
    crossings: float = 0.0,
    workers: Workers = ALONE,
) -> SynthesizedPhrase:
    """Synthesize a phrase, and what else the same voices say, for training; made once and kept.

    The negatives are those of `negative_texts`.

    Parameters
    ----------
    text : str
        The phrase.
    positives : int
        How often the phrase is said; what an engine fails to say is missing, and noted on stderr.
    negatives : int
        How often something else is said, in the same way.
    engines : sequence of Engine
        The engines, at least one.
    seed : int
        Of who says what, and how.
    cache : Path
        Folder that keeps them, by what they are made of.
    language : str
        As espeak-ng names it.
    crossings : float
        As for `negative_texts`.
    workers : Workers
        Who says them.

    Returns
    -------
    SynthesizedPhrase
        The clips in 16 bits, the same the first time and later.

    Raises
    ------
    KwsError
        If there is no engine, nothing could be said, or the cache cannot be written.
    """
    voices = [(engine.name, engine.voices) for engine in _some(engines)]
    made_of: tuple[object, ...] = (
        VERSION,
        clean_phrase(text),
        positives,
        negatives,
        voices,
        seed,
        language,
    )
    made_of = (*made_of, crossings) if crossings else made_of  # as before there were any
    path = cache / f"phrase-{digest_of(made_of)[:16]}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    said, _, _ = cast_phrase(text, positives, 0, engines, seed, language)
    others = negative_texts(text, seed, language, crossings) if negatives else []
    wrong = cast(others, negatives, engines, seed + 1)
    failed: list[KwsError] = []
    spoken = [
        list(_spoken([*said], failed, f"saying {text[:30]!r}", workers)),
        list(_spoken([*wrong], failed, "saying other things", workers)),
    ]
    if failed:
        note(f"{len(failed)} of {len(said) + len(wrong)} texts could not be said: {failed[0]}")
    if said and not spoken[0]:
        raise KwsError(f"{text!r:.60}: nothing could be synthesized: {failed[0]}")
    result = SynthesizedPhrase(*spoken)
    _write(path, result)
    return _read(path) or result  # the same samples, in 16 bits, the first time and later


def _some(engines: Sequence[Engine]) -> Sequence[Engine]:
    if not engines:
        raise KwsError(f"no text-to-speech engine: {INSTALL['espeak-ng']}, or {INSTALL['piper']}")
    return engines


def _spoken(
    utterances: Sequence[Utterance],
    failed: list[KwsError],
    what: str | None = None,
    workers: Workers = ALONE,
) -> Iterator[SynthesizedClip]:
    """Say them, with a bar that says what; errors are added to ``failed``."""
    said = say_all(utterances, workers)
    numbers = iter(range(len(utterances)))
    for number in bar(numbers, len(utterances), what) if what else numbers:
        samples, one = next(said), utterances[number]
        if isinstance(samples, KwsError):
            failed.append(samples)
        else:
            yield SynthesizedClip(samples, one.text, one.speaker)


def _write(path: Path, phrase: SynthesizedPhrase) -> None:
    spoken = [*phrase.positives, *phrase.negatives]
    samples = [to_int16(one.samples, nearest=True) for one in spoken]
    write_arrays(
        path,
        samples=np.concatenate(samples or [np.empty(0, np.int16)]),
        lengths=np.array([len(one) for one in samples], np.int64),
        texts=np.array([one.text for one in spoken], np.str_),
        speakers=np.array([one.speaker for one in spoken], np.str_),
        positives=np.array(len(phrase.positives)),
    )


def _read(path: Path) -> SynthesizedPhrase | None:
    """Return what was kept; None if there is nothing that can be read."""
    try:
        arrays = read_arrays(path, _ARRAYS, MOST_BYTES)
    except StoredArraysError:
        return None
    samples, lengths, texts, speakers, count = (arrays[name] for name in _ARRAYS)
    pieces = pieces_of(samples, lengths)
    fits = texts.shape == speakers.shape == lengths.shape and count.shape == ()
    kinds = samples.dtype == np.int16 and texts.dtype.kind == speakers.dtype.kind == "U"
    if pieces is None or samples.ndim != 1 or not fits or not kinds or count.dtype.kind not in "iu":
        return None
    positives = int(count)
    spoken = [
        SynthesizedClip(to_float32(piece), text, speaker)
        for piece, text, speaker in zip(pieces, texts.tolist(), speakers.tolist(), strict=True)
    ]
    return SynthesizedPhrase(spoken[:positives], spoken[positives:])
