"""What was nearly detected: scores that came near a threshold and fell again below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..arrays import Float32, Float64
from ..detections import Detection
from ..state import Arrays, StateReader

#: Peaks that nobody has taken yet, at most, in a state that is restored.
MOST_TAKEN = 100_000


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
        self._share = share
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

    def state(self) -> Arrays:
        """Return what the next peaks depend on, and those that nobody has taken yet, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        detected = np.zeros(len(self._levels), np.int8)
        detected[sorted(self._detected)] = 1
        return {
            "share": np.array([self._share]),
            "highest": self._highest.copy(),
            "above": self._above.astype(np.int8),
            "detected": detected,
            "near": _rows(self._near.items()),
            "found": _rows(self._found),
        }

    def restore(self, saved: StateReader, keywords: Sequence[str]) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.
        keywords : sequence of str
            What a detection names each of the labels.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        labels = len(self._levels)
        self._highest[:] = saved.array("highest", self._highest)
        self._above[:] = saved.within("above", self._above.astype(np.int8), 0, 1)
        detected = saved.within("detected", self._above.astype(np.int8), 0, 1)
        self._detected = set(map(int, np.flatnonzero(detected)))
        near, found = (
            [
                (int(label), Detection(keywords[int(label)], score, start, end))
                for label, score, start, end in _checked(saved, name, most, labels)
            ]
            for name, most in (("near", labels), ("found", MOST_TAKEN))
        )
        self._near, self._found = dict(near), found
        known = self._detected | self._near.keys()
        saved.check("near", all(int(label) in known for label in np.flatnonzero(self._above)))

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


def restored_watch(
    saved: StateReader,
    labels: Sequence[str],
    thresholds: dict[str, float],
    keywords: Sequence[str],
) -> NearWatch | None:
    """Return the watch of a state, which goes on where it was taken; None where there was none.

    Parameters
    ----------
    saved : StateReader
        What `NearWatch.state` returned, or nothing.
    labels, thresholds
        As for `NearWatch`.
    keywords : sequence of str
        What a detection names each of the labels.

    Returns
    -------
    NearWatch or None

    Raises
    ------
    KwsError
        If it cannot be a state of one.
    """
    if not saved.has("share"):
        return None
    share = float(saved.within("share", np.zeros(1), 0, 1)[0])
    watch = NearWatch(labels, thresholds, share)
    watch.restore(saved, keywords)
    return watch


def _rows(found: Iterable[tuple[int, Detection]]) -> Float64:
    """Return labels, scores, beginnings and ends as an array (peaks, 4)."""
    rows = [(label, one.score, one.start, one.end) for label, one in found]
    return np.array(rows, np.float64).reshape(-1, 4)


def _checked(saved: StateReader, name: str, most: int, labels: int) -> list[list[float]]:
    """Read what `_rows` returned: the labels are some."""
    rows = saved.rows(name, np.float64, most, (4,))
    numbers = rows[:, 0]
    saved.check(name, bool(((numbers >= 0) & (numbers < labels) & (numbers % 1 == 0)).all()))
    return list(rows.tolist())
