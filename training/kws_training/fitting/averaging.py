"""A running average of a model's weights, which is better than any single moment of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: Steps between updates: copying the weights every step would cost a tenth of the time.
EVERY = 4


class RunningAverage:
    """Exponential moving average of all weights, batch norm's statistics included.

    Parameters
    ----------
    model : keras.Model
    keep : float
        Share of the old average that is kept per training step; less in the first steps, so that
        the random beginning is soon forgotten.
    """

    def __init__(self, model: Any, keep: float) -> None:
        self._model = model
        self._keep = keep
        self._steps = 0
        self.weights: list[npt.NDArray[np.float32]] = model.get_weights()

    def update(self) -> None:
        """Count a training step, and take in the weights at every fourth."""
        self._steps += 1
        if self._steps % EVERY:
            return
        keep = min(self._keep, (1 + self._steps) / (10 + self._steps)) ** EVERY
        for old, variable in zip(self.weights, self._model.weights, strict=True):
            old *= keep
            old += (1 - keep) * variable.numpy()

    def state(self) -> list[npt.NDArray[np.float32]]:
        """Return all that `restore` needs."""
        return [np.float32(self._steps) * np.ones(1, np.float32), *map(np.copy, self.weights)]

    def restore(self, state: Sequence[npt.NDArray[np.float32]]) -> None:
        """Go on from a state."""
        self._steps = int(state[0][0])
        self.weights = [array.copy() for array in state[1:]]

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averaged weights for a while."""
        current = self._model.get_weights()
        self._model.set_weights(self.weights)
        try:
            yield
        finally:
            self._model.set_weights(current)
