"""How good a model is, through the detector that ships: clips, and streams of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.detector import Detector
from kws.modelfile import DetectorDefaults, ModelFile, OperatingPoint
from kws.spotter import KeywordSpotter

from .augment import coloured_noise
from .dataset import Clip, Skipped
from .features import Audio
from .progress import Progress, silence

#: A detection belongs to a word if it comes between the word's beginning and this long after its
#: end, in seconds.
LATENESS = 0.75
#: Seconds of faint noise between the clips of a stream.
GAP = 0.6


def open_model(model: ModelFile, threads: int = 1) -> KeywordSpotter:
    """Load a model file into the runtime, without the note that the interpreter prints."""
    with silence():
        return KeywordSpotter(model, threads=threads)


@dataclass(frozen=True)
class ClassFigures:
    """Figures of one class."""

    label: str
    precision: float
    recall: float
    clips: int


@dataclass(frozen=True)
class ClipReport:
    """Accuracy over clips.

    Attributes
    ----------
    accuracy : float
    clips : int
    classes : tuple of ClassFigures
    confusion : tuple of tuple of int
        ``confusion[i][j]``: clips of ``classes[i]`` that were taken for ``classes[j]``.
    skipped : tuple of Skipped
    """

    accuracy: float
    clips: int
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    skipped: tuple[Skipped, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values.

        ``classes`` maps each label to its figures; ``confusion`` has its rows and columns in the
        order of ``classes``.
        """
        return {
            "accuracy": self.accuracy,
            "clips": self.clips,
            "classes": {
                figures.label: {
                    "precision": figures.precision,
                    "recall": figures.recall,
                    "clips": figures.clips,
                }
                for figures in self.classes
            },
            "confusion": [list(row) for row in self.confusion],
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in self.skipped],
        }


def judge_clips(
    spotter: KeywordSpotter,
    clips: Sequence[Clip],
    audio: Sequence[Audio],
    skipped: Sequence[Skipped],
    progress: Progress,
) -> ClipReport:
    """Classify every clip and count.

    Parameters
    ----------
    spotter : KeywordSpotter
    clips, audio, skipped
        As `read_clips` gives them.
    progress : callable
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    said = [clip.label for clip in clips]
    heard = [
        spotter.classify(audio[number]).label
        for number in progress(iter(range(len(clips))), len(clips), "clips")
    ]
    labels = [label for label in spotter.metadata.labels if label in said or label in heard]
    confusion = confusion_matrix(said, heard, labels=labels)
    precision, recall, _, support = precision_recall_fscore_support(
        said, heard, labels=labels, zero_division=0.0
    )
    classes = tuple(
        ClassFigures(label, float(p), float(r), int(n))
        for label, p, r, n in zip(labels, precision, recall, support, strict=True)
    )
    right = sum(a == b for a, b in zip(said, heard, strict=True))
    return ClipReport(
        accuracy=right / max(1, len(clips)),
        clips=len(clips),
        classes=classes,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        skipped=tuple(skipped),
    )


@dataclass(frozen=True)
class Word:
    """A word in a stream: its label and its clip's beginning and end, in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class ScoredStream:
    """A stream's posteriors, and what was said in it.

    Attributes
    ----------
    posteriors : float32 (columns, labels)
    column_seconds : float
        Time from one column to the next.
    first_seconds : float
        End of the audio under the first column.
    words : tuple of Word
    """

    posteriors: npt.NDArray[np.float32]
    column_seconds: float
    first_seconds: float
    words: tuple[Word, ...]

    @property
    def hours(self) -> float:
        """Length of the stream."""
        return len(self.posteriors) * self.column_seconds / 3600


def score_stream(
    spotter: KeywordSpotter, clips: Sequence[Clip], audio: Sequence[Audio], seed: int
) -> ScoredStream:
    """Join clips into one stream, with faint noise between and under them, and score it."""
    rng = np.random.default_rng(seed)
    rate = spotter.sample_rate
    pieces, words, at = [], [], 0.0
    for number in rng.permutation(len(clips)):
        gap = round(rng.uniform(0.5, 1.5) * GAP * rate)
        pieces.append(np.zeros(gap, np.float32))
        at += gap / rate
        samples = audio[number].astype(np.float32) / 32768
        words.append(Word(clips[number].label, at, at + len(samples) / rate))
        pieces.append(samples)
        at += len(samples) / rate
    stream = np.concatenate([*pieces, np.zeros(2 * rate, np.float32)])
    noise = coloured_noise(rng, len(stream))
    stream += noise * np.float32(0.001 / np.sqrt(np.mean(np.square(noise))))
    posteriors = spotter.posteriors(stream)
    first = spotter.column_seconds + spotter.metadata.front_end.window_seconds
    return ScoredStream(posteriors, spotter.column_seconds, first, tuple(words))


@dataclass(frozen=True)
class Counts:
    """What a keyword's threshold gave on a stream."""

    hits: int
    words: int
    false_accepts: int


def count(
    stream: ScoredStream, labels: tuple[str, ...], defaults: DetectorDefaults, keyword: str
) -> Counts:
    """Run the detector over a stream's posteriors and count one keyword's hits and false accepts.

    The first detection in a word of the keyword is a hit; every other one is a false accept.
    """
    detector = Detector(labels, defaults, stream.column_seconds)
    spans = [word for word in stream.words if word.label == keyword]
    found: set[int] = set()
    false_accepts = 0
    for number, posteriors in enumerate(stream.posteriors):
        event = detector.update(posteriors)
        if event is None or labels[event.label] != keyword:
            continue
        at = stream.first_seconds + number * stream.column_seconds
        fits = [
            index
            for index, word in enumerate(spans)
            if word.start <= at <= word.end + LATENESS and index not in found
        ]
        if fits:
            found.add(fits[0])
        else:
            false_accepts += 1
    return Counts(len(found), len(spans), false_accepts)


def choose_thresholds(
    stream: ScoredStream,
    labels: tuple[str, ...],
    defaults: DetectorDefaults,
    candidates: Sequence[float] = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
) -> dict[str, float]:
    """Choose each keyword's threshold: the fewest misses and false accepts together.

    A false accept counts as much as a missed word; of equals the higher threshold is taken,
    because a stream of words is kinder than a room.
    """
    chosen = {}
    keywords = [label for label in labels if label in defaults.thresholds]
    trials = {
        level: DetectorDefaults(
            defaults.smoothing, defaults.refractory, defaults.longest,
            dict.fromkeys(keywords, level),
        )
        for level in candidates
    }  # fmt: skip
    for keyword in keywords:
        best, fewest = candidates[0], np.inf
        for level, trial in trials.items():
            counts = count(stream, labels, trial, keyword)
            errors = counts.words - counts.hits + counts.false_accepts
            if errors <= fewest:
                best, fewest = level, errors
        chosen[keyword] = best
    return chosen


def operating_points(
    stream: ScoredStream, labels: tuple[str, ...], defaults: DetectorDefaults
) -> tuple[OperatingPoint, ...]:
    """State what each keyword's threshold gives on a stream that it was not chosen on."""
    points = []
    for keyword, threshold in defaults.thresholds.items():
        counts = count(stream, labels, defaults, keyword)
        misses = counts.words - counts.hits
        points.append(
            OperatingPoint(
                keyword=keyword,
                threshold=threshold,
                false_accepts_per_hour=counts.false_accepts / stream.hours,
                false_accepts_per_hour_interval=rate_interval(counts.false_accepts, stream.hours),
                miss_rate=misses / max(1, counts.words),
                miss_rate_interval=share_interval(misses, counts.words),
                hours=stream.hours,
                recordings=counts.words,
            )
        )
    return tuple(points)


def rate_interval(events: int, hours: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson rate (Garwood 1936), per hour."""
    from scipy.stats import chi2

    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    return float(low / hours), float(chi2.ppf(0.975, 2 * events + 2) / 2 / hours)


def share_interval(events: int, of: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    low = float(beta.ppf(0.025, events, of - events + 1)) if events else 0.0
    high = float(beta.ppf(0.975, events + 1, of - events)) if events < of else 1.0
    return low, high
