"""Structured pruning: whole channels of a temporal student go, and the rest is a smaller one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.frontend import WORDS
from kws_training.networks.word_base import Base, BaseShape

from .students.catalog import StartedStudent, Weights

#: Channels are kept by fours: kernels for int8 work on so many at once.
MULTIPLE = 4


def prune(base: Base, keep: float) -> StartedStudent:
    """Remove the channels that carry least.

    Parameters
    ----------
    base : Base
        A temporal student or word base as read by `kws_training.networks.word_base.read_base`.
    keep : float
        Share of the channels of each group to keep.

    Raises
    ------
    KwsError
        If nothing would be left, or nothing removed.
    """
    shape = base.shape
    if not 0 < keep < 1:  # NaN is not
        raise KwsError(f"--keep {keep:g}: must be between 0 and 1")
    width, features = (
        min(int(np.ceil(keep * count / MULTIPLE)) * MULTIPLE, count)
        for count in (shape.width, shape.features)
    )
    if (width, features) == (shape.width, shape.features):
        raise KwsError(
            f"--keep {keep:g}: of {width} and {features} channels, {MULTIPLE} at least must go: "
            "take less"
        )
    return StartedStudent(
        f"pruned-{width}-{features}",
        replace(shape, width=width, features=features),
        prune_weights(base.shape, base.weights, width, features),
    )


def prune_weights(shape: BaseShape, weights: Weights, width: int, features: int) -> Weights:
    """Keep so many channels of the layers at 20 ms, and of those at 40 ms: the strongest.

    Channels that a residual sum ties together go together, so there are these two groups. What a
    channel carries is the mean, over the layers that make it and those that use it, of the L1
    norm of its weights relative to the layer's mean channel (the L1 norm of filters: Li et al.,
    arXiv 1608.08710).

    Parameters
    ----------
    shape : BaseShape
        Shape of the network that the weights are of.
    weights : list of (float32 kernel, float32 bias)
        In the order of the layers.
    width, features : int
        How many channels are kept of each of the two groups.
    """
    kept = {
        "bands": np.arange(WORDS.bands),
        "labels": np.arange(weights[-1][0].shape[-1]),
        "width": _strongest(shape, weights, "width", width),
        "features": _strongest(shape, weights, "features", features),
    }
    kernels: Weights = []
    for (kernel, bias), (before, after) in zip(weights, _groups(shape), strict=True):
        kernel = kernel[:, :, kept[before]]
        if after is not None:  # a depthwise kernel has one output per channel
            kernel, bias = kernel[..., kept[after]], bias[kept[after]]
        else:
            bias = bias[kept[before]]
        kernels.append((np.ascontiguousarray(kernel), np.ascontiguousarray(bias)))
    return kernels


def _groups(shape: BaseShape) -> Iterator[tuple[str, str | None]]:
    """Yield each layer's groups of channels, in and out, in the order of the layers.

    A depthwise layer has no group of its own to give: None.
    """
    yield "bands", "width"
    for _ in shape.fine:
        yield from (("width", None), ("width", "width"))
    yield from (("width", None), ("width", "features"))
    for _ in shape.coarse:
        yield from (("features", None), ("features", "features"))
    yield from (("features", None), ("features", "labels"))


def _strongest(shape: BaseShape, weights: Weights, group: str, count: int) -> npt.NDArray[np.int64]:
    """Return the numbers of the channels of a group that carry most, in order."""
    carried: list[Any] = []
    for (kernel, _), (before, after) in zip(weights, _groups(shape), strict=True):
        size = np.abs(kernel)
        if before == group:
            carried.append(size.sum(axis=(0, 1, 3)))
        if after == group:
            carried.append(size.sum(axis=(0, 1, 2)))
    total = np.sum([one / max(one.mean(), 1e-12) for one in carried], axis=0)
    return np.sort(np.argsort(-total, kind="stable")[:count])
