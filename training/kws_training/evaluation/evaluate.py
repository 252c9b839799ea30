"""How good a model is on clips, through the runtime that ships."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kws.arrays import Int16
from kws.console import quiet
from kws.frontend import YAMNET
from kws.intervals import share_interval
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter

from ..data.dataset import Clip, DataError, Skipped
from ..progress import Progress

#: A group with fewer clips is marked: at this number the interval of 90 % is still 56 to 100 %.
FEW = 10
#: Columns by which a report groups, unless one is named.
MOST_COLUMNS = 8


def open_model(
    model: ModelFile, threads: int = 1, keywords: Sequence[str] | None = None
) -> KeywordSpotter:
    """Load a model file into the runtime, without the note that the interpreter prints."""
    with quiet():
        return KeywordSpotter(
            model, sample_rate=YAMNET.sample_rate, threads=threads, keywords=keywords
        )


@dataclass(frozen=True)
class ClipResult:
    """What the model made of one clip.

    Attributes
    ----------
    clip : Clip
        What was said, by whom.
    heard : str
        The label that the model gave.
    score : float
        Its score, 0 .. 1.
    """

    clip: Clip
    heard: str
    score: float

    @property
    def right(self) -> bool:
        """Whether the model heard what was said."""
        return self.heard == self.clip.label


@dataclass(frozen=True)
class ClassFigures:
    """Figures of one class; the intervals are exact 95 % intervals (Clopper-Pearson)."""

    label: str
    precision: float
    recall: float
    clips: int
    precision_interval: tuple[float, float]
    recall_interval: tuple[float, float]


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
    results : tuple of ClipResult
        Of every clip, in the order of the clips.
    """

    accuracy: float
    clips: int
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    skipped: tuple[Skipped, ...]
    results: tuple[ClipResult, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the accuracy, as if no two clips shared a speaker."""
        return share_interval(sum(result.right for result in self.results), self.clips)

    @property
    def mistakes(self) -> tuple[ClipResult, ...]:
        """The clips that went wrong, those that the model was surest of first."""
        wrong = (result for result in self.results if not result.right)
        return tuple(sorted(wrong, key=lambda result: (-result.score, str(result.clip.path))))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values, without the single clips.

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
                    "precision_interval": list(figures.precision_interval),
                    "recall_interval": list(figures.recall_interval),
                }
                for figures in self.classes
            },
            "confusion": [list(row) for row in self.confusion],
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in self.skipped],
        }


@dataclass(frozen=True)
class GroupFigures:
    """Accuracy of one group of clips.

    Attributes
    ----------
    group : str
        What the clips have in common; empty for clips of which nobody knows.
    accuracy : float
    interval : (float, float)
        Exact 95 % interval (Clopper-Pearson).
    clips : int
    """

    group: str
    accuracy: float
    interval: tuple[float, float]
    clips: int

    @property
    def few(self) -> bool:
        """Whether the clips are too few to say much about the group."""
        return self.clips < FEW

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {**asdict(self), "interval": list(self.interval), "few": self.few}


@dataclass(frozen=True)
class Evaluation:
    """All that a report says: the model, and what it made of the recordings.

    Attributes
    ----------
    model : ModelFile
    size : int
        Of the model file, in bytes.
    folders : tuple of str
        The recordings' folders.
    report : ClipReport
    groups : dict of str to tuple of GroupFigures
        By column; the worst group first.
    """

    model: ModelFile
    size: int
    folders: tuple[str, ...]
    report: ClipReport
    groups: dict[str, tuple[GroupFigures, ...]]

    @property
    def speakers(self) -> int:
        """How many known people say the clips."""
        clips = [result.clip for result in self.report.results]
        return len({clip.speaker for clip in clips if not clip.alone})


def judge_clips(
    spotter: KeywordSpotter,
    clips: Sequence[Clip],
    audio: Sequence[Int16],
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
    results = []
    for number in progress(iter(range(len(clips))), len(clips), "clips"):
        found = spotter.classify(audio[number])
        results.append(ClipResult(clips[number], found.label, found.score))
    return count_results(results, spotter.metadata.labels, skipped)


def count_results(
    results: Sequence[ClipResult], labels: Sequence[str], skipped: Sequence[Skipped]
) -> ClipReport:
    """Count what the model made of each clip.

    Parameters
    ----------
    results : sequence of ClipResult
    labels : sequence of str
        In the order of the report; those that were neither said nor heard are left out.
    skipped : sequence of Skipped
    """
    pairs = Counter((result.clip.label, result.heard) for result in results)
    met = {label for pair in pairs for label in pair}
    labels = [label for label in labels if label in met] + sorted(met - set(labels))
    confusion = np.array([[pairs[said, heard] for heard in labels] for said in labels], np.int64)
    classes = []
    for n, label in enumerate(labels):
        right = int(confusion[n, n])
        said, heard = int(confusion[n].sum()), int(confusion[:, n].sum())
        classes.append(
            ClassFigures(
                label=label,
                precision=right / max(1, heard),
                recall=right / max(1, said),
                clips=said,
                precision_interval=share_interval(right, heard),
                recall_interval=share_interval(right, said),
            )
        )
    return ClipReport(
        accuracy=sum(result.right for result in results) / max(1, len(results)),
        clips=len(results),
        classes=tuple(classes),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        skipped=tuple(skipped),
        results=tuple(results),
    )


def known_clips(
    clips: Sequence[Clip], labels: Sequence[str]
) -> tuple[list[Clip], tuple[Skipped, ...]]:
    """Leave out clips of what a model has no label for, as no answer to them could be right.

    Parameters
    ----------
    clips : sequence of Clip
    labels : sequence of str
        Of the model.

    Returns
    -------
    known : list of Clip
    left_out : tuple of Skipped

    Raises
    ------
    DataError
        If nothing is left.
    """
    known = [clip for clip in clips if clip.label in labels]
    if not known:
        words = sorted({clip.word for clip in clips})
        raise DataError(
            f"the model has no label for {_some(words)}: it knows {_some(labels)}; give "
            "recordings of those"
        )
    return known, tuple(
        Skipped(clip.path, f"is of {clip.word!r}, which the model has no label for")
        for clip in clips
        if clip.label not in labels
    )


def columns_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Return what clips can be grouped by: speaker, word, and the columns of their manifest."""
    further = {name for clip in clips for name, value in clip.columns.items() if value}
    known = ("word",) if all(clip.alone for clip in clips) else ("speaker", "word")
    return (*known, *sorted(further - {"speaker", "word"}))


def check_column(clips: Sequence[Clip], column: str) -> None:
    """Check that clips can be grouped by a column.

    Raises
    ------
    DataError
        If none of the clips has it; the message lists the columns that there are.
    """
    columns = columns_of(clips)
    if column not in columns:
        hint = "; --speaker-rule reads it out of file names" if column == "speaker" else ""
        raise DataError(f"no recording has a column {column!r}: there are {_some(columns)}{hint}")


def group_results(results: Sequence[ClipResult], column: str) -> tuple[GroupFigures, ...]:
    """Return the accuracy of each group, the worst first; of equals the one with more clips.

    Parameters
    ----------
    results : sequence of ClipResult
    column : str
        One of `columns_of`.
    """
    right: Counter[str] = Counter()
    clips: Counter[str] = Counter()
    for result in results:
        group = group_of(result.clip, column)
        clips[group] += 1
        right[group] += result.right
    groups = [
        GroupFigures(group, right[group] / n, share_interval(right[group], n), n)
        for group, n in clips.items()
    ]
    return tuple(sorted(groups, key=lambda one: (one.accuracy, -one.clips, one.group)))


def group_of(clip: Clip, column: str) -> str:
    """Return what a clip has in a column; empty where nobody knows."""
    if column == "speaker":
        return "" if clip.alone else clip.speaker
    if column == "word":
        return clip.word
    return clip.columns.get(column, "")


def useful_columns(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Return the columns that clips are worth grouping by.

    Those by which at least half of the clips are in two or more groups that are not too small,
    and that are not the labels over again.
    """
    useful = []
    labels = {clip.label for clip in clips}
    for column in columns_of(clips):
        sizes = Counter(group_of(clip, column) for clip in clips)
        large = [size for size in sizes.values() if size >= FEW]
        pairs = {(group_of(clip, column), clip.label) for clip in clips}
        again = len(pairs) == len(sizes) == len(labels)
        if len(large) >= 2 and 2 * sum(large) >= len(clips) and not again:
            useful.append(column)
    return tuple(useful[:MOST_COLUMNS])


def _some(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
