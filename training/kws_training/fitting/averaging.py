"""A running average of a model's weights, which is better than the weights of any one step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32

#: Training steps between updates: copying the weights at every step costs a tenth of the time.
UPDATE_EVERY = 4


class RunningAverage:
    """Exponential moving average of all weights, batch norm's statistics included.

    Parameters
    ----------
    model : keras.Model
        The model whose weights are averaged.
    keep : float
        Share of the old average that is kept per training step; less in the first steps, so that
        the random beginning is soon forgotten.

    Attributes
    ----------
    steps : int
        Training steps that were counted.
    weights : list of float32 arrays
        The averaged weights, in the order of ``model.get_weights()``.
    """

    def __init__(self, model: Any, keep: float) -> None:
        self._model = model
        self._keep = keep
        self.steps = 0
        self.weights: list[Float32] = model.get_weights()

    def update(self) -> None:
        """Count a training step, and take in the weights at every fourth."""
        self.steps += 1
        if self.steps % UPDATE_EVERY:
            return
        keep = min(self._keep, (1 + self.steps) / (10 + self.steps)) ** UPDATE_EVERY
        for old, variable in zip(self.weights, self._model.weights, strict=True):
            old *= keep
            old += (1 - keep) * variable.numpy()

    def state(self) -> list[Float32]:
        """Return all that `restore` needs."""
        return [np.float32(self.steps) * np.ones(1, np.float32), *map(np.copy, self.weights)]

    def restore(self, state: Sequence[npt.NDArray[np.floating[Any]]]) -> None:
        """Go on from a state.

        Parameters
        ----------
        state : sequence of float32 arrays
            As `state` returned it.
        """
        self.steps = int(state[0][0])
        self.weights = [array.astype(np.float32) for array in state[1:]]

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model the averaged weights, and its own again at the end of the block."""
        current = self._model.get_weights()
        self._model.set_weights(self.weights)
        try:
            yield
        finally:
            self._model.set_weights(current)
