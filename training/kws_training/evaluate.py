"""How good a model is on clips, through the runtime that ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter

from .dataset import Clip, Skipped
from .features import Audio
from .progress import Progress, silence


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
