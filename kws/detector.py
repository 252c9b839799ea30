"""From scores to detections: smoothing, threshold, refractory period."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arrays import Float32
from .metadata import DetectorDefaults
from .state import MOST_COUNT, Arrays, StateReader, counts


@dataclass(frozen=True)
class Event:
    """A keyword's smoothed score has passed its threshold.

    Attributes
    ----------
    label : int
        Index of the keyword in the model's labels.
    score : float
        Smoothed score, 0 .. 1.
    step : int
        Steps since the last reset, the present one included.
    again : bool
        Whether the keyword was said again while its score had not fallen since the last time.
    """

    label: int
    score: float
    step: int
    again: bool = False


class Detector:
    """Decides, step by step, whether a keyword was said.

    A keyword is detected when its smoothed score passes its threshold and, where labels compete,
    is the highest of all labels. It is not detected again within the refractory period. After
    that it is detected again once its score has fallen below half of the threshold, or when it
    was said again, as far as the sound tells: a keyword that is said once is one detection,
    however long its score stays high.

    Parameters
    ----------
    labels : tuple of str
        All labels, in the order of the scores.
    defaults : DetectorDefaults
        Smoothing, refractory period, thresholds.
    step_seconds : float
        Seconds from one step to the next.
    exclusive : bool
        Whether labels compete: one of them at a time, as by softmax. If not, each keyword is
        detected whatever the scores of the others are.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        defaults: DetectorDefaults,
        step_seconds: float,
        exclusive: bool = True,
    ) -> None:
        self._exclusive = exclusive
        # a label without a threshold is no keyword and never passes
        self._thresholds = np.array(
            [defaults.thresholds.get(label, np.inf) for label in labels], np.float32
        )
        self._window = max(1, round(defaults.smoothing / step_seconds))
        self._refractory = math.ceil(round(defaults.refractory / step_seconds, 6))
        self._releases = np.float32(0.5) * self._thresholds  # below it a keyword is armed again
        self._scores = np.zeros((self._window, len(labels)), np.float32)
        # kept, so that a step allocates nothing
        self._smoothed = np.zeros(len(labels), np.float32)
        self._passed = np.empty(len(labels), np.bool_)
        self._blocked_until = np.zeros(len(labels), np.int64)
        self._armed = np.ones(len(labels), np.bool_)
        self._all_armed = True
        self._step = 0

    @property
    def smoothed(self) -> Float32:
        """Smoothed scores of the latest step, float32 (labels,): its own memory, not a copy."""
        return self._smoothed

    def reset(self) -> None:
        """Forget all scores and detections."""
        self._scores[:] = 0.0
        self._smoothed[:] = 0.0
        self._blocked_until[:] = 0
        self._armed[:] = True
        self._all_armed = True
        self._step = 0

    def state(self) -> Arrays:
        """Return what the next events depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return {
            "scores": self._scores.copy(),
            "blocked_until": self._blocked_until.copy(),
            "armed": self._armed.astype(np.int8),
            **counts(step=self._step),
        }

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        self._scores[:] = saved.within("scores", self._scores, 0, 1)
        self._smoothed[:] = np.add.reduce(self._scores, axis=0) / self._window
        blocked = saved.within("blocked_until", self._blocked_until, 0, 2 * MOST_COUNT)
        self._blocked_until[:] = blocked
        self._armed[:] = saved.within("armed", self._armed.astype(np.int8), 0, 1)
        self._all_armed = bool(self._armed.all())
        self._step = saved.count("step")

    def update(
        self, scores: Float32, said_again: Callable[[int], bool] | None = None
    ) -> list[Event]:
        """Take the scores of one step; returns the keywords that it completes.

        Parameters
        ----------
        scores : float32 (labels,)
            Posteriors, 0 .. 1.
        said_again : callable, optional
            Takes a label whose score is high and has been since it was detected; returns whether
            the sound tells that it was said again. Without it only the scores decide.

        Returns
        -------
        list of Event
            One for each keyword that was detected, in the order of the labels; most often none.
        """
        self._scores[self._step % self._window] = scores
        self._step += 1
        # ufuncs into arrays that exist: mean() and any() alone take as long as all of these
        smoothed, passed = self._smoothed, self._passed
        np.add.reduce(self._scores, axis=0, out=smoothed)
        np.divide(smoothed, self._window, out=smoothed)
        if not self._all_armed:
            self._armed |= smoothed < self._releases
            self._all_armed = bool(self._armed.all())
        np.greater_equal(smoothed, self._thresholds, out=passed)
        if not np.logical_or.reduce(passed):
            return []
        passed &= self._step >= self._blocked_until
        if self._exclusive:
            best = smoothed.argmax()
            passed &= np.arange(len(passed)) == best
        events = []
        for label in map(int, np.flatnonzero(passed)):
            again = not self._armed[label]
            if again and (said_again is None or not said_again(label)):
                continue
            events.append(Event(label, float(smoothed[label]), self._step, again))
            self._armed[label] = self._all_armed = False
            self._blocked_until[label] = self._step + self._refractory
        return events
