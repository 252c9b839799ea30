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
    """Figures of one class; the intervals are exact 95 % intervals (Clopper-Pearson).

    Attributes
    ----------
    label : str
        Of the class.
    precision : float or None
        Share of the clips taken for the class that are of it, 0 .. 1; None if none was.
    recall : float or None
        Share of the clips of the class that are recognised, 0 .. 1; None if it has no clips.
    clips : int
        Clips of the class.
    precision_interval, recall_interval : (float, float) or None
        Of these shares; None where a share is.
    """

    label: str
    precision: float | None
    recall: float | None
    clips: int
    precision_interval: tuple[float, float] | None
    recall_interval: tuple[float, float] | None

    @property
    def worst(self) -> float:
        """The smaller one of precision and recall, of those that there are; 1 if there is none."""
        return min((one for one in (self.precision, self.recall) if one is not None), default=1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values; what a class does not have is null."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "clips": self.clips,
            "precision_interval": self.precision_interval and list(self.precision_interval),
            "recall_interval": self.recall_interval and list(self.recall_interval),
        }


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

    def summary(self) -> dict[str, Any]:
        """Return the accuracy over all clips as plain JSON values."""
        return {"accuracy": self.accuracy, "interval": list(self.interval), "clips": self.clips}

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
            "classes": {figures.label: figures.to_dict() for figures in self.classes},
            "confusion": [list(row) for row in self.confusion],
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in self.skipped],
        }
