"""What was nearly detected: scores that came near a threshold and fell again below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..arrays import Float32
from ..detections import Detection


class NearWatch:
    """Watches the smoothed scores of a detector for peaks that stay below the threshold.

    A peak begins when a keyword's score reaches a share of its threshold and ends when it falls
    below it. If the keyword was not detected meanwhile, the peak's highest score is reported, with
    the place of the sound.

    Parameters
    ----------
    labels : tuple of str
        All labels, in the order of the scores.
    thresholds : mapping of str to float
        The threshold of each keyword, 0 .. 1; a label without one is not watched.
    share : float
        Share of its threshold from which a score is near it, 0 .. 1.
    """

    def __init__(self, labels: Sequence[str], thresholds: dict[str, float], share: float) -> None:
        self._levels = np.array(
            [share * thresholds.get(label, np.inf) for label in labels], np.float32
        )
        self._highest = np.zeros(len(labels), np.float32)
        self._above = np.zeros(len(labels), np.bool_)
        self._near: dict[int, Detection] = {}  # the peaks that go on, by label
        self._detected: set[int] = set()  # labels that were detected within their peak
        self._found: list[tuple[int, Detection]] = []

    def reset(self) -> None:
        """Forget all peaks."""
        self._highest[:] = 0.0
        self._above[:] = False
        self._near.clear()
        self._detected.clear()
        self._found.clear()

    def update(
        self,
        smoothed: Float32,
        detected: Sequence[int],
        locate: Callable[[int, float], Detection],
    ) -> None:
        """Take the smoothed scores of one step.

        Parameters
        ----------
        smoothed : float32 (labels,)
            Scores, 0 .. 1; not kept.
        detected : sequence of int
            Labels that were detected with this step.
        locate : callable
            Takes a label and a score; returns where the sound is, as a detection has it.
        """
        above = smoothed >= self._levels
        if not (above.any() or self._above.any()):
            return
        self._detected.update(detected)
        for label in map(int, np.flatnonzero(above)):
            if label not in self._detected and smoothed[label] > self._highest[label]:
                self._highest[label] = smoothed[label]
                self._near[label] = locate(label, float(smoothed[label]))
        for label in map(int, np.flatnonzero(self._above & ~above)):
            if label not in self._detected:
                self._found.append((label, self._near[label]))
            self._highest[label] = 0.0
            self._near.pop(label, None)
            self._detected.discard(label)
        self._above = above

    def take(self) -> list[tuple[int, Detection]]:
        """Return the peaks that ended since the last time, and forget them.

        Returns
        -------
        list of (int, Detection)
            Label, and where it was nearly detected, with the highest score.
        """
        found, self._found = self._found, []
        return found
