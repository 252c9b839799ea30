"""The students there are, by name: a family and about how many thousand weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from kws.arrays import Float32
from kws.errors import KwsError
from kws.frontend import WORDS
from kws_training.networks.streaming import Time, whole_model
from kws_training.networks.word_base import LONGEST_FIELD, RESULT_STRIDE, Base, BaseShape, WordBase

from .broadcast import BroadcastNetwork, BroadcastShape
from .mixed import MixedNetwork, MixedShape

Shape = BaseShape | MixedShape | BroadcastShape
Weights = list[tuple[Float32, Float32]]


class TrainableNetwork(Protocol):
    """A network that is trained: see `kws_training.networks.streaming.Network`.

    Attributes
    ----------
    output : Keras layer
        The convolution that gives the logits.
    """

    output: Any

    def __call__(self, x: Any, time: Time) -> Any:
        """Return logits (batch, output frames, labels) of frames (batch, frames, 1, bands)."""


#: Smallest and largest width of a student that is named by it.
WIDTHS = 8, 512

#: By family, the smallest first.
STUDENTS: dict[str, Shape] = {
    "temporal-10k": BaseShape(width=20, features=24, coarse=(5, 5, 5, 7)),
    "temporal-30k": BaseShape(width=36, features=48),
    "temporal-100k": BaseShape(width=64, features=104),
    "temporal-300k": BaseShape(width=112, features=192),
    "mixed-10k": MixedShape(width=20, features=28, kernels=((5,), (3, 7), (3, 7), (5,))),
    "mixed-30k": MixedShape(width=36, features=52),
    "mixed-100k": MixedShape(),
    "mixed-300k": MixedShape(width=112, features=212),
    "bc-resnet-10k": BroadcastShape(width=8),
    "bc-resnet-30k": BroadcastShape(width=16),
    "bc-resnet-100k": BroadcastShape(width=32),
    "bc-resnet-300k": BroadcastShape(width=56),
}


@dataclass(frozen=True)
class Student:
    """A student that is not trained yet.

    Attributes
    ----------
    name : str
        As the user names it.
    shape : BaseShape, MixedShape or BroadcastShape
        Its size, which says of which kind it is.
    """

    name: str
    shape: Shape

    #: Front-end frames per step and result: the same for all.
    stride = RESULT_STRIDE

    @property
    def start(self) -> list[Any]:
        """The weights that it begins with, a kernel and a bias per layer; none if random."""
        return []

    def network(self, labels: int) -> TrainableNetwork:
        """Build the network, its weights drawn at random.

        Parameters
        ----------
        labels : int
            Number of labels of the logits.
        """
        build: dict[type, Callable[..., TrainableNetwork]] = {
            BaseShape: WordBase,
            MixedShape: MixedNetwork,
            BroadcastShape: BroadcastNetwork,
        }
        return build[type(self.shape)](WORDS, labels, self.shape)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a model's provenance."""
        return {"name": self.name, **asdict(self.shape)}


@dataclass(frozen=True, eq=False)
class StartedStudent(Student):
    """A temporal student that begins with weights, not at random.

    Attributes
    ----------
    kernels : list of (float32 kernel, float32 bias)
        In the order of the layers, batch norm folded in.
    """

    kernels: Weights = field(repr=False)

    @property
    def start(self) -> list[Any]:
        """The weights that it begins with, a kernel and a bias per layer."""
        return self.kernels

    def network(self, labels: int) -> TrainableNetwork:
        """Build the network with these weights.

        Parameters
        ----------
        labels : int
            Number of labels of the logits.
        """
        assert isinstance(self.shape, BaseShape)
        network = WordBase(WORDS, labels, self.shape, folded=True)
        whole_model(network, LONGEST_FIELD, (1, WORDS.bands))
        network.load(without_idle_biases(self.kernels))
        # they stay 0, and so take no room in the file: what follows has biases of its own
        for layer in network.layers():
            if _is_depthwise(layer.kernel):
                layer.bias.trainable = False
        return network


def without_idle_biases(kernels: Weights) -> Weights:
    """Move the bias of each depthwise layer into that of the pointwise layer behind it.

    Nothing comes between the two, so that the network gives what it gave.

    Parameters
    ----------
    kernels : list of (float32 kernel, float32 bias)
        In the order of the layers.
    """
    moved = list(kernels)
    for number, ((kernel, bias), (after, after_bias)) in enumerate(pairwise(kernels[:-2])):
        if _is_depthwise(kernel):
            moved[number] = kernel, np.zeros_like(bias)
            moved[number + 1] = after, after_bias + bias @ after[0, 0]
    return moved


def _is_depthwise(kernel: Any) -> bool:
    """Tell a depthwise kernel (time, 1, channels, 1) from one that joins channels."""
    return int(kernel.shape[-1]) == 1


def start_from(base: Base, labels: tuple[str, ...]) -> StartedStudent:
    """Return the student that begins as a temporal one which has been trained before.

    Parameters
    ----------
    base : Base
        As read by `kws_training.networks.word_base.read_base`.
    labels : tuple of str
        Labels of the student; what is new among them begins at 0.
    """
    shape = base.shape
    other = f"temporal-{shape.width}-{shape.features}"
    name = next((name for name, one in STUDENTS.items() if one == shape), other)
    return StartedStudent(name, shape, base.weights_for(labels))


def find_student(name: str) -> Student:
    """Return the student of a name, or the temporal one of a width.

    Parameters
    ----------
    name : str
        A name of `STUDENTS`, or a width in channels.

    Raises
    ------
    KwsError
        If there is no such student.
    """
    if name in STUDENTS:
        return Student(name, STUDENTS[name])
    try:
        width = int(name)
    except ValueError:
        raise KwsError(
            f"--student {name!r:.60}: there are {', '.join(STUDENTS)}, or a width"
        ) from None
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise KwsError(f"--student {width}: a width must be {WIDTHS[0]} to {WIDTHS[1]}")
    return Student(f"temporal-width-{width}", BaseShape(width=width, features=width))
