"""A wake word from three to ten recordings, by the features of the word base.

Nothing is trained. The base computes features of each recording. Their output frames from the
beginning of the phrase to its end, projected and scaled to length 1, are aligned and averaged, and
a stream is compared with the average (`kws.warping.WarpingMatcher`).
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
    WarpingContract,
    is_label,
    keywords_of,
)
from ..modelfile import ModelFile
from ..network import StreamingNetwork
from ..packaged import WORDS, packaged_model
from ..prototypes import FEATURES, Projection
from ..resample import resample
from ..warping import MOST_ADVANCE, unit_frames
from .average import Recording, average
from .utterance import examine

#: Recordings of a phrase, at least: fewer make no prototype.
FEWEST = 3
#: Recordings of a phrase, at most: more are hardly worth their time.
MOST = 100
#: Seconds of the longest recording of one phrase.
LONGEST_RECORDING = 30.0
#: Output frames of 40 ms from the phrase's end to the last one that stands for it: by then the
#: features have seen all of it.
AFTER = 8
#: Seconds that are heard before a phrase.
BEFORE = 0.3
#: Seconds that are heard after a phrase.
BEHIND = 0.5
#: Digital silence after the latest end of a phrase, in output frames: a recording may be aligned
#: with the others later than where its sound ends.
SILENT_FRAMES = 12
#: A recording is like the others in length if it is at least this part of their median length ...
SHORTEST_PART = 0.6
#: ... and at most this.
LONGEST_PART = 1.6
#: Similarity at which the logit of a very long phrase would be 0. This and the next were chosen on
#: 60 phrases of one and of two words (Arabic commands by 30 speakers) and on hours of orders,
#: sentences and single English words, so that a phrase of one word has about 0.2 false accepts per
#: hour of these, as the one threshold for all phrases had before.
CENTRE = 0.37
#: What is added to it, divided by the square root of the number of points: other speech is by
#: chance more like a short phrase than like a long one.
CENTRE_OF_A_POINT = 0.6
#: What the threshold rests on, until there is audio of the user's own.
BASIS = (
    "threshold: by the phrase's length, chosen on other phrases and other speech: a first guess "
    "that promises no rate; kws calibrate, or --ambient, sets it by your own audio"
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
        Similarity of each recording, by its path, to the average of the others.
    centre : float
        Similarity from which a recording is detected.
    uneven : dict of str to str
        Why recordings were left out whose length is unlike that of the others, by path.
    """

    label: str
    similarities: dict[str, float]
    centre: float
    uneven: dict[str, str]

    @property
    def unlike(self) -> list[str]:
        """The recordings that the others would not detect."""
        return [path for path, value in self.similarities.items() if value < self.centre]


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
    return positive_of(str(path), samples, sample_rate)


def positive_of(name: str, samples: Float32, sample_rate: int) -> Positive:
    """Cut the phrase out of a recording in memory.

    Parameters
    ----------
    name : str
        What the recording is called.
    samples : float32 (n,)
        The recording at the rate of the base's front end.
    sample_rate : int
        Samples per second.

    Returns
    -------
    Positive
        The phrase, with a little around it.

    Raises
    ------
    AudioError
        If no phrase can be learned from it; the message says why.
    """
    utterance = examine(samples, sample_rate)
    if utterance.problems:
        raise AudioError(f"{name}: {'; '.join(utterance.problems)}")
    first = max(0, round((utterance.start - BEFORE) * sample_rate))
    last = round((utterance.end + BEHIND) * sample_rate)
    end = utterance.end - first / sample_rate
    return Positive(name, samples[first:last], end, utterance.seconds)


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

    def extract(self, positive: Positive) -> Recording:
        """Return the features of a recording and of some digital silence after it."""
        self._network.reset()
        self._log_mel.reset()
        size, per_column = self._network.frames, self.per_column
        per_second = 1 / (self._front_end.hop_seconds * per_column)
        last = int(positive.end * per_second) + AFTER
        begin = int(max(0.0, positive.end - positive.seconds) * per_second)
        steps = 1 + (last + SILENT_FRAMES) * per_column // size
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
        return Recording(unit_frames(columns), begin, last)


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
    sequences, phrases = [], []
    for label, positives in recordings.items():
        alike, uneven = _alike_in_length(label, positives)
        sequence, similarities = average([extractor.extract(positive) for positive in alike])
        sequences.append(sequence)
        paths = [positive.path for positive in alike]
        centre = CENTRE + CENTRE_OF_A_POINT / float(np.sqrt(len(sequence)))
        named = dict(zip(paths, similarities, strict=True))
        phrases.append(EnrolledPhrase(label, named, centre, uneven))
    longest = max(positive.seconds for group in recordings.values() for positive in group)
    metadata = _metadata(base, extractor, sequences, phrases, longest)
    return Enrolled(ModelFile("the enrolled model", base.network, metadata), tuple(phrases))


def _alike_in_length(
    label: str, positives: Sequence[Positive]
) -> tuple[list[Positive], dict[str, str]]:
    """Leave out the recordings that are much shorter or longer than the others, and say so."""
    usual = float(np.median([positive.seconds for positive in positives]))
    alike, uneven = [], {}
    for positive in positives:
        if SHORTEST_PART * usual <= positive.seconds <= LONGEST_PART * usual:
            alike.append(positive)
            continue
        uneven[positive.path] = (
            f"{positive.seconds:.2f} s of sound where the others of {label!r} have {usual:.2f} s: "
            "listen to it, and record it again if part of the phrase is missing"
        )
    if len(alike) < FEWEST:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in uneven.items())
        raise EnrollError(
            f"{label}: {len(alike)} recordings of like length, {FEWEST} are needed: {reasons}"
        )
    return alike, uneven


def _metadata(
    base: ModelFile,
    extractor: _FeatureExtractor,
    sequences: Sequence[Float32],
    phrases: Sequence[EnrolledPhrase],
    longest: float,
) -> Metadata:
    labels = tuple(phrase.label for phrase in phrases)
    streaming = base.metadata.streaming
    slowest = MOST_ADVANCE * max(len(sequence) - 1 for sequence in sequences)
    return Metadata(
        task=WAKE_WORDS,
        labels=labels,
        front_end=base.metadata.front_end,
        streaming=replace(
            streaming,
            output=FEATURES,
            receptive_field=streaming.receptive_field + slowest * extractor.per_column,
        ),
        detector=DetectorDefaults(
            smoothing=0.0,
            refractory=REFRACTORY,
            longest=min(10.0, 1.25 * longest + 0.2),
            thresholds=dict.fromkeys(labels, 0.5),
        ),
        warping=WarpingContract(
            points=tuple(len(sequence) for sequence in sequences),
            slope=SLOPE,
            centres=tuple(round(phrase.centre, 4) for phrase in phrases),
        ),
        arrays={
            "projection.npy": base.metadata.arrays["projection.npy"],
            "sequences.npy": np.concatenate(list(sequences)).astype(np.float32),
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
