"""How good a model is, through the detector that ships: clips, and streams of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
#: Thresholds that are tried.
CANDIDATES = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85)
#: Recordings of a keyword from which its threshold is chosen.
ENOUGH = 5


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
class Stream:
    """Clips joined into one recording.

    Attributes
    ----------
    samples : float32 (n,)
        At the model's rate.
    sample_rate : int
    words : tuple of Word
    """

    samples: npt.NDArray[np.float32]
    sample_rate: int
    words: tuple[Word, ...]

    def hours_without(self, keyword: str) -> float:
        """Length of all that is not this keyword's clips."""
        said = sum(word.end - word.start for word in self.words if word.label == keyword)
        return (len(self.samples) / self.sample_rate - said) / 3600


def join_clips(
    clips: Sequence[Clip], audio: Sequence[Audio], sample_rate: int, seed: int
) -> Stream:
    """Join clips into one stream, in random order, with faint noise between and under them."""
    rng = np.random.default_rng(seed)
    pieces, words, at = [], [], 0.0
    for number in rng.permutation(len(clips)):
        gap = round(rng.uniform(0.5, 1.5) * GAP * sample_rate)
        samples = audio[number].astype(np.float32) / 32768
        at += gap / sample_rate
        words.append(Word(clips[number].label, at, at + len(samples) / sample_rate))
        at += len(samples) / sample_rate
        piece = np.concatenate([np.zeros(gap, np.float32), samples])
        noise = coloured_noise(rng, len(piece))
        pieces.append(piece + noise * np.float32(0.001 / np.sqrt(np.mean(np.square(noise)))))
    tail = np.zeros(2 * sample_rate, np.float32)
    return Stream(np.concatenate([*pieces, tail]), sample_rate, tuple(words))


@dataclass(frozen=True)
class Found:
    """A keyword was detected: what, and at what time in seconds."""

    keyword: str
    at: float


@dataclass(frozen=True)
class Counts:
    """What a keyword's threshold gave on a stream."""

    hits: int
    words: int
    false_accepts: int


def count(words: Sequence[Word], found: Sequence[Found], keyword: str) -> Counts:
    """Count one keyword's hits and false accepts.

    The first detection in a word of the keyword is a hit; every other one is a false accept.
    """
    spans = [word for word in words if word.label == keyword]
    hit: set[int] = set()
    false_accepts = 0
    for detection in found:
        if detection.keyword != keyword:
            continue
        fits = [
            index
            for index, word in enumerate(spans)
            if word.start <= detection.at <= word.end + LATENESS and index not in hit
        ]
        if fits:
            hit.add(fits[0])
        else:
            false_accepts += 1
    return Counts(len(hit), len(spans), false_accepts)


def choose_thresholds(
    posteriors: npt.NDArray[np.float32],
    column_seconds: float,
    words: Sequence[Word],
    labels: tuple[str, ...],
    defaults: DetectorDefaults,
) -> dict[str, float]:
    """Choose each keyword's threshold: the fewest misses and false accepts together.

    A false accept counts as much as a missed word; of equals the middle one is taken. A keyword
    that was said too rarely to tell keeps its threshold.

    Parameters
    ----------
    posteriors : float32 (columns, labels)
        Of a stream; the detector runs over them once for each candidate.
    column_seconds : float
        Time from one column to the next.
    words : sequence of Word
        What was said in the stream.
    labels : tuple of str
    defaults : DetectorDefaults
    """
    found = {}
    for level in CANDIDATES:
        trial = replace(defaults, thresholds=dict.fromkeys(defaults.thresholds, level))
        detector = Detector(labels, trial, column_seconds)
        events = [detector.update(column) for column in posteriors]
        found[level] = [
            Found(labels[event.label], event.step * column_seconds) for event in events if event
        ]
    chosen = {}
    for keyword, threshold in defaults.thresholds.items():
        errors = []
        for level in CANDIDATES:
            counts = count(words, found[level], keyword)
            errors.append(counts.words - counts.hits + counts.false_accepts)
        best = [level for level, n in zip(CANDIDATES, errors, strict=True) if n == min(errors)]
        enough = sum(word.label == keyword for word in words) >= ENOUGH
        chosen[keyword] = best[len(best) // 2] if enough else threshold
    return chosen


def operating_points(spotter: KeywordSpotter, stream: Stream) -> tuple[OperatingPoint, ...]:
    """State what each keyword's threshold gives on a stream that it was not chosen on.

    The stream goes through the runtime, as from a microphone. A keyword that nobody said has no
    operating point.
    """
    spotter.reset()
    detections = [*spotter.process(stream.samples), *spotter.flush()]
    found = [Found(one.keyword, 0.5 * (one.start + one.end)) for one in detections]
    points = []
    for keyword, threshold in spotter.metadata.detector.thresholds.items():
        counts = count(stream.words, found, keyword)
        if counts.words == 0:
            continue
        misses = counts.words - counts.hits
        hours = stream.hours_without(keyword)
        points.append(
            OperatingPoint(
                keyword=keyword,
                threshold=threshold,
                false_accepts_per_hour=counts.false_accepts / hours,
                false_accepts_per_hour_interval=rate_interval(counts.false_accepts, hours),
                miss_rate=misses / counts.words,
                miss_rate_interval=share_interval(misses, counts.words),
                hours=hours,
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
