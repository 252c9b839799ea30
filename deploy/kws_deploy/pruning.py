"""Structured pruning: whole channels of a temporal student go, and the rest is a smaller one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.frontend import WORDS
from kws_training.networks.base import LONGEST_FIELD, Base, BaseShape, WordBase
from kws_training.networks.streaming import Network, whole_model

from .students.catalog import Student

Float32 = npt.NDArray[np.float32]
Weights = list[tuple[Float32, Float32]]

#: Channels are kept by fours: kernels for int8 work on so many at once.
MULTIPLE = 4


@dataclass(frozen=True, eq=False)
class PrunedStudent(Student):
    """A student that begins with the weights that pruning left.

    Attributes
    ----------
    kernels : list of (float32 kernel, float32 bias)
        In the order of the layers.
    """

    kernels: Weights

    def network(self, labels: int) -> Network:
        """Build the network with these weights, batch norm folded."""
        assert isinstance(self.shape, BaseShape)
        network = WordBase(WORDS, labels, self.shape, folded=True)
        whole_model(network, LONGEST_FIELD, (1, WORDS.bands))
        network.load(self.kernels)
        return network


def prune(base: Base, keep: float) -> PrunedStudent:
    """Remove the channels that carry least.

    Channels that a residual sum ties together go together, so there are two groups: those of the
    columns of 20 ms and those of 40 ms. What a channel carries is the mean, over the layers that
    make it and those that use it, of the L1 norm of its weights relative to the layer's mean
    channel (the L1 norm of filters: Li et al., arXiv 1608.08710).

    Parameters
    ----------
    base : Base
        A temporal student or word base as read by `kws_training.networks.base.read_base`.
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
        int(np.ceil(keep * count / MULTIPLE)) * MULTIPLE for count in (shape.width, shape.features)
    )
    if width >= shape.width and features >= shape.features:
        raise KwsError(
            f"--keep {keep:g}: of {shape.width} and {shape.features} channels, {MULTIPLE} at "
            "least must go: take less"
        )
    kept = {
        "bands": np.arange(WORDS.bands),
        "labels": np.arange(base.weights[-1][0].shape[-1]),
        "width": _strongest(base, "width", min(width, shape.width)),
        "features": _strongest(base, "features", min(features, shape.features)),
    }
    kernels: Weights = []
    for (kernel, bias), (before, after) in zip(base.weights, _groups(shape), strict=True):
        kernel = kernel[:, :, kept[before]]
        if after is not None:  # a depthwise kernel has one output per channel
            kernel, bias = kernel[..., kept[after]], bias[kept[after]]
        else:
            bias = bias[kept[before]]
        kernels.append((np.ascontiguousarray(kernel), np.ascontiguousarray(bias)))
    small = replace(shape, width=len(kept["width"]), features=len(kept["features"]))
    return PrunedStudent(f"pruned-{small.width}-{small.features}", small, kernels)


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


def _strongest(base: Base, group: str, count: int) -> npt.NDArray[np.int64]:
    """Return the numbers of the channels of a group that carry most, in order."""
    carried: list[Any] = []
    for (kernel, _), (before, after) in zip(base.weights, _groups(base.shape), strict=True):
        size = np.abs(kernel)
        if before == group:
            carried.append(size.sum(axis=(0, 1, 3)))
        if after == group:
            carried.append(size.sum(axis=(0, 1, 2)))
    total = np.sum([one / max(one.mean(), 1e-12) for one in carried], axis=0)
    return np.sort(np.argsort(-total, kind="stable")[:count])
