"""How good a model is on clips, through the runtime that ships."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kws.arrays import Int16
from kws.console import quiet
from kws.detections import Classification
from kws.frontend import YAMNET
from kws.intervals import share_interval
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter

from ..data.dataset import Clip, DataError, Skipped, speakers_of
from ..progress import Progress
from ..spreading.workers import Workers
from .groups import GroupFigures, first_names
from .results import ClassFigures, ClipReport, ClipResult

#: Clips that a worker classifies at once.
AT_ONCE = 20


def open_model(
    model: ModelFile, threads: int = 1, keywords: Sequence[str] | None = None
) -> KeywordSpotter:
    """Load a model file into the runtime, without the note that the interpreter prints.

    Parameters
    ----------
    model : ModelFile
        The model.
    threads : int
        Threads of the interpreter.
    keywords : sequence of str, optional
        The keywords that are kept apart; all if None.

    Returns
    -------
    KeywordSpotter
        At 16 kHz.
    """
    with quiet():
        return KeywordSpotter(
            model, sample_rate=YAMNET.sample_rate, threads=threads, keywords=keywords
        )


@dataclass(frozen=True)
class Evaluation:
    """All that a report says: the model, and what it made of the recordings.

    Attributes
    ----------
    model : ModelFile
        The model that was evaluated.
    size : int
        Of the model file, in bytes.
    folders : tuple of str
        The recordings' folders.
    report : ClipReport
        What it made of the recordings.
    groups : dict of str to tuple of GroupFigures
        The groups of each column of the manifests, the worst group first.
    """

    model: ModelFile
    size: int
    folders: tuple[str, ...]
    report: ClipReport
    groups: dict[str, tuple[GroupFigures, ...]]

    @property
    def speakers(self) -> int:
        """How many known people say the clips."""
        return len(speakers_of(result.clip for result in self.report.results))


@dataclass(frozen=True)
class ModelTask:
    """A task of a worker for which it opens a model, once.

    Attributes
    ----------
    model : ModelFile
        The model.
    keywords : sequence of str or None
        Those that are kept apart; all if None.
    """

    model: ModelFile
    keywords: Sequence[str] | None

    @cached_property
    def spotter(self) -> KeywordSpotter:
        """The model in the runtime."""
        return open_model(self.model, keywords=self.keywords)


@dataclass(frozen=True)
class ClassifyClip(ModelTask):
    """The task of a worker that classifies clips."""

    def __call__(self, audio: Int16) -> Classification:
        """Classify a clip of int16 (n,) at 16 kHz."""
        return self.spotter.classify(audio)


@dataclass(frozen=True)
class SpreadClips:
    """Workers that classify clips with one model.

    Attributes
    ----------
    model : ModelFile
        The model.
    keywords : sequence of str or None
        Those that are kept apart; all if None.
    workers : Workers
        Who classifies.
    """

    model: ModelFile
    keywords: Sequence[str] | None
    workers: Workers

    def classify(self, audio: Sequence[Int16]) -> Iterator[Classification]:
        """Classify clips.

        Parameters
        ----------
        audio : sequence of int16 (n,)
            Their samples at 16 kHz.

        Yields
        ------
        Classification
            In the order of the clips.
        """
        task = ClassifyClip(self.model, self.keywords)
        return self.workers.spread(task, audio, at_once=AT_ONCE)


def judge_clips(
    spotter: KeywordSpotter,
    clips: Sequence[Clip],
    audio: Sequence[Int16],
    skipped: Sequence[Skipped],
    progress: Progress,
    spread: SpreadClips | None = None,
) -> ClipReport:
    """Classify every clip and count.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model.
    clips : sequence of Clip
        The clips.
    audio : sequence of int16 (n,)
        The samples of each clip at 16 kHz.
    skipped : sequence of Skipped
        Recordings that were left out; they go into the report.
    progress : callable
        Shows how many clips are judged.
    spread : SpreadClips, optional
        Workers that classify them with the same model; the scores are the same.

    Returns
    -------
    ClipReport
        The figures.
    """
    results = []
    classified = spread.classify(audio) if spread else map(spotter.classify, audio)
    for number in progress(iter(range(len(clips))), len(clips), "clips"):
        found = next(classified)
        results.append(ClipResult(clips[number], found.label, found.score))
    return count_results(results, spotter.metadata.labels, skipped)


def count_results(
    results: Sequence[ClipResult], labels: Sequence[str], skipped: Sequence[Skipped]
) -> ClipReport:
    """Count what the model made of each clip.

    Parameters
    ----------
    results : sequence of ClipResult
        What the model made of each clip.
    labels : sequence of str
        In the order of the report; those that no clip has and no clip was taken for are left out.
    skipped : sequence of Skipped
        Recordings that were left out; they go into the report.

    Returns
    -------
    ClipReport
        The figures.
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
                precision=right / heard if heard else None,
                recall=right / said if said else None,
                clips=said,
                precision_interval=share_interval(right, heard) if heard else None,
                recall_interval=share_interval(right, said) if said else None,
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
        The clips.
    labels : sequence of str
        The labels of the model.

    Returns
    -------
    known : list of Clip
        Clips that the model has a label for.
    left_out : tuple of Skipped
        The other clips.

    Raises
    ------
    DataError
        If nothing is left.
    """
    known = [clip for clip in clips if clip.label in labels]
    if not known:
        words = sorted({clip.word for clip in clips})
        raise DataError(
            f"the model has no label for {first_names(words)}: it knows "
            f"{first_names(labels)}; give recordings of those"
        )
    return known, tuple(
        Skipped(clip.path, f"is of {clip.word!r}, which the model has no label for")
        for clip in clips
        if clip.label not in labels
    )
