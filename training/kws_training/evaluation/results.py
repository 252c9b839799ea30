"""What a model made of clips: of each clip, of each class, of all together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws.intervals import share_interval

from ..data.dataset import Clip, Skipped


@dataclass(frozen=True)
class ClipResult:
    """What the model made of one clip.

    Attributes
    ----------
    clip : Clip
        The clip: what is said, and by whom.
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
        """Whether the model gave the label of the clip."""
        return self.heard == self.clip.label


@dataclass(frozen=True)
class ClassFigures:
    """Figures of one class. The intervals are exact 95 % intervals (Clopper-Pearson).

    Attributes
    ----------
    label : str
        The class.
    precision : float
        Of the clips that were taken for the class, the share that were of it.
    recall : float
        Of the clips of the class, the share that was recognised.
    clips : int
        Clips of the class.
    precision_interval : (float, float)
        Interval of the precision.
    recall_interval : (float, float)
        Interval of the recall.
    """

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
        Share of the clips that were recognised.
    clips : int
        Number of clips.
    classes : tuple of ClassFigures
        The figures of each class.
    confusion : tuple of tuple of int
        ``confusion[i][j]``: clips of ``classes[i]`` that were taken for ``classes[j]``.
    skipped : tuple of Skipped
        Recordings that were not judged, and why.
    results : tuple of ClipResult
        What the model made of every clip, in the order of the clips.
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

        Returns
        -------
        dict
            The figures by name; ``classes`` maps each label to its figures.
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
