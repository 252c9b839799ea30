"""Windows of a stream with one word in them: their geometry, and what each result should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.arrays import Int64
from kws.metadata import SILENCE, UNKNOWN

#: The target of a result is the word where the result sees at least this share of it.
ALL_OF_IT = 0.95
#: The target is ``_unknown_`` where the result sees at most this share of the word. Between this
#: share and `ALL_OF_IT` the result is not trained on.
A_PART = 0.6
#: The target is ``_silence_`` where the result sees at most this share of the word.
NOTHING = 0.02
#: The target of a result that is not trained on.
NEITHER = -1


@dataclass(frozen=True)
class WindowShape:
    """Geometry of the windows that a network is trained on.

    Attributes
    ----------
    receptive_field : int
        Front-end frames that one result depends on.
    stride : int
        Front-end frames from one result to the next.
    results : int
        Results per window.
    """

    receptive_field: int
    stride: int
    results: int

    @property
    def frames(self) -> int:
        """Front-end frames in a window."""
        return self.receptive_field + (self.results - 1) * self.stride


def share_seen(shape: WindowShape, first: Int64, last: Int64) -> npt.NDArray[np.float64]:
    """Return the share of its word that each result of each window sees.

    Parameters
    ----------
    shape : WindowShape
        Geometry of the windows.
    first : int64 (n,)
        Frame of the window at which its word begins.
    last : int64 (n,)
        Frame of the window at which its word ends.

    Returns
    -------
    float64 (n, results)
        0 .. 1.
    """
    start = np.arange(shape.results) * shape.stride
    seen = np.minimum(start + shape.receptive_field, last[:, None]) - np.maximum(
        start, first[:, None]
    )
    return np.asarray(np.maximum(seen, 0) / np.maximum(1, last - first)[:, None])


def window_targets(
    shape: WindowShape, first: Int64, last: Int64, label: Int64, labels: tuple[str, ...]
) -> Int64:
    """Return the target of each result of windows with one word each.

    Parameters
    ----------
    shape : WindowShape
        Geometry of the windows.
    first, last : int64 (n,)
        Front-end frames of the window between which the word is.
    label : int64 (n,)
        Index of the word in the labels.
    labels : tuple of str
        The labels of the model.

    Returns
    -------
    int64 (n, results)
        An index in the labels, or `NEITHER`.
    """
    share = share_seen(shape, first, last)
    targets = np.full(share.shape, NEITHER, np.int64)
    targets[share <= A_PART] = labels.index(UNKNOWN)
    targets[share <= NOTHING] = labels.index(SILENCE)
    whole = share >= ALL_OF_IT
    targets[whole] = np.broadcast_to(label[:, None], share.shape)[whole]
    targets[label == labels.index(SILENCE)] = labels.index(SILENCE)
    return targets
