"""Model files of phrases that are typed: a phoneme network, and how the phrases are pronounced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import KwsError
from ..metadata import (
    LONGEST_LABEL,
    NO_DETECTOR,
    WAKE_WORDS,
    DetectorDefaults,
    Metadata,
    is_label,
)
from ..modelfile import ModelFile, check_phonemes, pack, parse_model
from ..phonemes.contract import MOST_PHRASES, Phrase, PhraseContract
from ..phonemes.pronunciations import pronounce_phrase
from ..phonemes.symbols import OUTPUTS, PHONEME_TASK
from .scaling import SLOPE, centre_of

#: Score from which a phrase is detected unless the user says otherwise.
THRESHOLD = 0.5
#: Seconds in which a phrase that was detected is not detected again.
REFRACTORY = 1.0
#: Seconds of the longest phrase: for each phoneme, and for pauses.
SECONDS_PER_PHONEME = 0.25
SECONDS_OF_PAUSES = 0.5
LONGEST_SECONDS = 10.0


def typed_model(
    model: ModelFile, phrases: Sequence[str], threshold: float = THRESHOLD
) -> ModelFile:
    """Return a model that listens for phrases which were typed.

    Parameters
    ----------
    model : ModelFile
        A model of phonemes.
    phrases : sequence of str
        Words, and phonemes between slashes, see `kws.phonemes.pronunciations.phrase_words`. Each
        is a keyword, called as it is typed.
    threshold : float
        Score from which each phrase is detected, 0 .. 1.

    Returns
    -------
    ModelFile
        One that `kws.modelfile.write_model` writes.

    Raises
    ------
    KwsError
        If the model is none of phonemes, the threshold is none, or a phrase is empty, given twice,
        too long, or has a word that cannot be pronounced.
    """
    check_phonemes(model)
    names = [" ".join(phrase.split()) for phrase in phrases]
    for name in names:
        if not is_label(name):
            raise KwsError(
                f"{name[:60]!r}: a phrase has 1 to {LONGEST_LABEL} letters: type what is said"
            )
        if names.count(name) > 1:
            raise KwsError(f"{name!r:.60}: is typed twice: leave one out")
        if name.startswith("_") and name.endswith("_"):
            raise KwsError(f"{name!r:.60}: no phrase begins and ends with an underscore")
    if not 0 <= threshold <= 1:
        raise KwsError(f"threshold {threshold}: must be 0 to 1")
    if not 0 < len(names) <= MOST_PHRASES:
        raise KwsError(f"{len(names)} phrases: one file has 1 to {MOST_PHRASES}")
    words = tuple(map(pronounce_phrase, names))
    metadata = Metadata(
        task=WAKE_WORDS,
        labels=tuple(names),
        front_end=model.metadata.front_end,
        streaming=model.metadata.streaming,
        detector=DetectorDefaults(
            smoothing=0.0,
            refractory=REFRACTORY,
            longest=max(map(_seconds, words)),
            thresholds=dict.fromkeys(names, threshold),
        ),
        provenance={**model.metadata.provenance, "phrases": "typed"},
        phrases=PhraseContract(words, SLOPE, tuple(map(centre_of, words))),
    )
    return parse_model(pack(model.network, metadata), model.path)


def phonemes_of(model: ModelFile) -> ModelFile:
    """Return the model of phonemes that a model of typed phrases was made of.

    Parameters
    ----------
    model : ModelFile
        With a `kws.phonemes.contract.PhraseContract`.

    Returns
    -------
    ModelFile
        The same network, as a model of phonemes.
    """
    metadata = replace(
        model.metadata,
        task=PHONEME_TASK,
        labels=OUTPUTS,
        detector=NO_DETECTOR,
        operating_points=(),
        phrases=None,
    )
    return replace(model, metadata=metadata)


def _seconds(phrase: Phrase) -> float:
    phonemes = sum(max(map(len, word)) for word in phrase)
    return min(LONGEST_SECONDS, SECONDS_OF_PAUSES + SECONDS_PER_PHONEME * phonemes)
