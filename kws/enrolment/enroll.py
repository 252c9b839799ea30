"""A wake word from three to ten recordings: prototypes on the features of the word base.

Nothing is trained. The base computes features of each recording; their output frames around the
end of the phrase, projected and scaled to length 1, are averaged, and the mean is what a stream is
compared with (`kws.prototypes.Matcher`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..arrays import Float32
from ..audio import read_recording, to_float
from ..errors import AudioError, KwsError, ModelError
from ..frontend import open_front_end
from ..metadata import (
    WAKE_WORDS,
    DetectorDefaults,
    Metadata,
    PrototypeContract,
    is_label,
    keywords_of,
)
from ..modelfile import ModelFile
from ..network import StreamingNetwork
from ..packaged import WORDS, packaged_model
from ..prototypes import FEATURES, Projection, unit, windows
from ..resample import resample
from .utterance import examine

#: Recordings of a phrase, at least: fewer make no prototype.
FEWEST = 3
#: Recordings of a phrase, at most: more are hardly worth their time.
MOST = 100
#: Seconds of the longest recording of one phrase.
LONGEST_RECORDING = 30.0
#: What a prototype is made of: output frames of 40 ms that lie so many before the last one.
OFFSETS = (0, 4, 8, 12, 16)
#: Output frames from the phrase's end to the last one: by then the features have seen all of it.
AFTER = 8
#: Seconds that are heard before a phrase.
BEFORE = 0.3
#: Seconds that are heard after a phrase.
BEHIND = 0.5
#: Output frames that a recording is moved by to fit the others, at most.
MOST_MOVED = 6
#: Times that all recordings are moved.
ROUNDS = 3
#: Similarity at which a phrase's logit is 0. Chosen on 30 phrases (Arabic commands by 18 speakers)
#: and 1.5 h of telephone calls, orders and single English words: 2.7 % of the recordings were
#: missed, and half of the phrases had no false accept; the mean was 1.5 per hour, most of them
#: single words that sound alike. With the word base that learned phonemes since: 2.7 % again, and
#: no false accept for half of them; 3.3 per hour (2.8 before), of more single words. One
#: similarity for all did about as well as any measure of how other speech resembles the phrase.
CENTRE = 0.58
#: What the threshold rests on, until there is audio of the user's own.
BASIS = (
    "threshold: one for all phrases, chosen on other phrases and other speech: a first guess that "
    "promises no rate; kws calibrate, or --ambient, sets it by your own audio"
)
#: Logit per unit of similarity.
SLOPE = 20.0
#: Seconds after a detection in which the same phrase is not detected again.
REFRACTORY = 1.0


class EnrollError(KwsError):
    """Recordings that no wake word can be made of."""


@dataclass(frozen=True)
class Positive:
    """A recording of a phrase that is good enough.

    Attributes
    ----------
    path : str
        The recording's file.
    samples : float32 (n,)
        The phrase and a little around it, at the base's rate.
    end : float
        Where in ``samples`` the phrase ends, in seconds.
    seconds : float
        Length of the phrase.

    Raises
    ------
    AudioError
        If the samples are no mono audio in -1 .. 1.
    """

    path: str
    samples: Float32
    end: float
    seconds: float

    def __post_init__(self) -> None:
        to_float(self.samples)  # refuses what is no audio in -1 .. 1


@dataclass(frozen=True)
class EnrolledPhrase:
    """What became of the recordings of a phrase.

    Attributes
    ----------
    label : str
        The phrase.
    similarities : dict of str to float
        Similarity of each recording, by its path, to a prototype that was made without it.
    """

    label: str
    similarities: dict[str, float]

    @property
    def unlike(self) -> list[str]:
        """The recordings that the others would not detect."""
        return [path for path, value in self.similarities.items() if value < CENTRE]


@dataclass(frozen=True)
class Enrolled:
    """A model of wake words, and what is known of it.

    Attributes
    ----------
    model : ModelFile
        Ready to be written.
    phrases : tuple of EnrolledPhrase
        How alike the recordings of each phrase are.
    """

    model: ModelFile
    phrases: tuple[EnrolledPhrase, ...]


def base_model() -> ModelFile:
    """Return the word base in the package.

    Returns
    -------
    ModelFile
        It gives features.
    """
    return packaged_model(WORDS)


def read_positive(path: str | Path, sample_rate: int) -> Positive:
    """Read a recording of a phrase, and cut the phrase out.

    Parameters
    ----------
    path : path
        A recording, as for `kws.audio.read_recording`.
    sample_rate : int
        Samples per second of the base's front end.

    Returns
    -------
    Positive
        The phrase, with a little around it.

    Raises
    ------
    AudioError
        If it cannot be read, or no phrase can be learned from it; the message says why.
    """
    recording = read_recording(path, LONGEST_RECORDING)
    samples = resample(recording.samples, recording.sample_rate, sample_rate)
    utterance = examine(samples, sample_rate)
    if utterance.problems:
        raise AudioError(f"{path}: {'; '.join(utterance.problems)}")
    first = max(0, round((utterance.start - BEFORE) * sample_rate))
    last = round((utterance.end + BEHIND) * sample_rate)
    end = utterance.end - first / sample_rate
    return Positive(str(path), samples[first:last], end, utterance.seconds)


@dataclass
class _AlignedFeatures:
    """The features of a recording, and which of them stand for the phrase.

    Attributes
    ----------
    stretches : float32 (output frames, offsets, dimensions)
        Of length 1, one that ends with each output frame.
    last : int
        The one that stands for the phrase.
    """

    stretches: Float32
    last: int

    @property
    def take(self) -> Float32:
        """The stretch (offsets, dimensions) that stands for the phrase."""
        return np.asarray(self.stretches[self.last], np.float32)

    def near(self, prototype: Float32, first: int) -> int:
        """Return the stretch most like a prototype, of those around the first choice."""
        start = max(0, first - MOST_MOVED)
        nearby = _similarity(self.stretches[start : first + MOST_MOVED + 1], prototype)
        return start + int(nearby.argmax())


class _FeatureExtractor:
    """Computes the features of recordings with a word base."""

    def __init__(self, base: ModelFile) -> None:
        arrays = base.metadata.arrays
        if "projection.npy" not in arrays:
            raise ModelError(
                f"{base.path}: has no projection.npy: give a word base that kws pretrain made with "
                "--speech, or leave out --model"
            )
        self._network = StreamingNetwork(base, features=True)
        self._front_end = base.metadata.front_end
        self._log_mel = open_front_end(self._front_end, self._network.frames)
        self.projection = Projection(arrays["projection.npy"])
        self.per_column = self._network.frames // self._network.columns

    def extract(self, positive: Positive) -> _AlignedFeatures:
        """Return the features of a recording and of some digital silence after it."""
        self._network.reset()
        self._log_mel.reset()
        size, per_column = self._network.frames, self.per_column
        last = int(positive.end / (self._front_end.hop_seconds * per_column)) + AFTER
        steps = 1 + (last + 2 * MOST_MOVED) * per_column // size
        padded = np.zeros(self._front_end.samples(steps * size), np.float32)
        kept = positive.samples[: len(padded)]
        padded[: len(kept)] = kept
        frames = self._log_mel.push(padded)
        columns = np.concatenate(
            [
                self.projection(self._network.step(frames[at : at + size]).copy())
                for at in range(0, len(frames) - size + 1, size)
            ]
        )
        return _AlignedFeatures(unit(windows(columns, OFFSETS)), last)


def enroll(base: ModelFile, recordings: Mapping[str, Sequence[Positive]]) -> Enrolled:
    """Make a model of wake words.

    Parameters
    ----------
    base : ModelFile
        A word base.
    recordings : mapping of str to sequence of Positive
        Of each phrase, `FEWEST` at least.

    Returns
    -------
    Enrolled
        The model, and how alike the recordings are.

    Raises
    ------
    EnrollError
        If a phrase has too few or too many recordings, or cannot be a label.
    ModelError
        If the base gives no features, or is none.
    """
    for label, positives in recordings.items():
        check_label(label)
        if len(positives) < FEWEST:
            raise EnrollError(
                f"{label}: {len(positives)} good recordings, {FEWEST} are needed: record "
                f'{FEWEST - len(positives)} more (kws record --label "{label}")'
            )
        if len(positives) > MOST:
            raise EnrollError(
                f"{label}: {len(positives)} recordings, at most {MOST}: with so many, kws train "
                "makes a better model"
            )
    if not recordings:
        raise EnrollError("there are no recordings: give --positives a folder of them")
    extractor = _FeatureExtractor(base)
    prototypes, phrases = [], []
    for label, positives in recordings.items():
        heard = [extractor.extract(positive) for positive in positives]
        _align(heard)
        similarities = {
            positive.path: float(_similarity(one.stretches, _without(heard, one)).max())
            for positive, one in zip(positives, heard, strict=True)
        }
        prototypes.append(unit(np.mean([one.take for one in heard], axis=0)))
        phrases.append(EnrolledPhrase(label, similarities))
    longest = max(positive.seconds for group in recordings.values() for positive in group)
    metadata = _metadata(base, extractor, prototypes, phrases, longest)
    return Enrolled(ModelFile("the enrolled model", base.network, metadata), tuple(phrases))


def _align(heard: Sequence[_AlignedFeatures]) -> None:
    """Move each recording to where it is most like the others: ends are heard at other times."""
    first = [one.last for one in heard]
    for _ in range(ROUNDS):
        for one, start in zip(heard, first, strict=True):
            one.last = one.near(_without(heard, one), start)


def _without(heard: Sequence[_AlignedFeatures], one: _AlignedFeatures) -> Float32:
    """Return the prototype of all recordings but one."""
    return unit(np.mean([other.take for other in heard if other is not one], axis=0))


def _similarity(stretches: Float32, prototype: Float32) -> Float32:
    """Return the cosines (n,) of stretches and a prototype, all of length 1."""
    return np.asarray(np.tensordot(stretches, prototype, 2), np.float32)


def _metadata(
    base: ModelFile,
    extractor: _FeatureExtractor,
    prototypes: Sequence[Float32],
    phrases: Sequence[EnrolledPhrase],
    longest: float,
) -> Metadata:
    labels = tuple(phrase.label for phrase in phrases)
    streaming = base.metadata.streaming
    return Metadata(
        task=WAKE_WORDS,
        labels=labels,
        front_end=base.metadata.front_end,
        streaming=replace(
            streaming,
            output=FEATURES,
            receptive_field=streaming.receptive_field + OFFSETS[-1] * extractor.per_column,
        ),
        detector=DetectorDefaults(
            smoothing=0.0,
            refractory=REFRACTORY,
            longest=min(10.0, 1.25 * longest + 0.2),
            thresholds=dict.fromkeys(labels, 0.5),
        ),
        prototypes=PrototypeContract(
            labels=tuple(range(len(labels))),
            offsets=OFFSETS,
            slope=SLOPE,
            centres=(CENTRE,) * len(phrases),
        ),
        arrays={
            "projection.npy": base.metadata.arrays["projection.npy"],
            "prototypes.npy": np.stack(prototypes).astype(np.float32),
        },
        provenance={
            "made_by": "kws enroll",
            "base": base.metadata.provenance,
            "recordings": {phrase.label: len(phrase.similarities) for phrase in phrases},
            "similarities": {
                phrase.label: [round(value, 4) for value in phrase.similarities.values()]
                for phrase in phrases
            },
            "thresholds": BASIS,
        },
    )


def check_label(label: str) -> None:
    """Refuse what cannot be a keyword.

    Parameters
    ----------
    label : str
        What is to become a keyword.

    Raises
    ------
    EnrollError
    """
    if not is_label(label) or not keywords_of((label,)):
        raise EnrollError(
            f"{label!r:.60}: cannot be a label: give --label a phrase of 1 to 100 printable "
            "characters, without underscores around it"
        )


def group(paths: Iterable[Path], label: str | None) -> dict[str, list[Path]]:
    """Group recordings by phrase: the label, or else the name of the folder that each is in.

    Parameters
    ----------
    paths : iterable of Path
        Recordings.
    label : str or None
        The phrase that all of them hold; None where folders say it.

    Returns
    -------
    dict of str to list of Path
        The recordings of each phrase, in the order given.
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(path.resolve().parent.name if label is None else label, []).append(path)
    return groups
