"""Nodes of an ONNX graph, and the one vector that carries all states from step to step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Names of the vector that goes in and of the one that comes out.
STATE, NEXT_STATE = "state", "next_state"


class Nodes:
    """Collects nodes and constants; every result gets a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: npt.ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """Add a constant and return its name.

        Parameters
        ----------
        values : array-like
            Its numbers.
        kind : numpy type
            Of its numbers.
        """
        from onnx import numpy_helper

        name = f"stream/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **options: Any) -> str:
        """Add a node with one result and return its name.

        Parameters
        ----------
        operator : str
            Of ONNX.
        *inputs : str
            Names of what it takes.
        output : str, optional
            Name of the result.
        **options : object
            Attributes of the operator.
        """
        from onnx import helper

        name = output or f"stream/{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **options))
        return name

    def reshape(self, values: str, shape: tuple[int, ...]) -> str:
        """Add a node that gives an array another shape, and return its name.

        Parameters
        ----------
        values : str
            Name of the array.
        shape : tuple of int
            The shape.
        """
        return self.add("Reshape", values, self.constant(shape, np.int64))


class StateVector:
    """All states of a stream in one vector that begins with zeros.

    A state that does not begin with zeros is kept as its difference from how it begins, so that
    who runs the stream need not know how that is.

    Parameters
    ----------
    nodes : Nodes
        Where the nodes go.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._initials: dict[str, npt.NDArray[np.float32]] = {}  # by the name of the value before

    @property
    def size(self) -> int:
        """Numbers in the vector."""
        return sum(initial.size for initial in self._initials.values())

    def take(self, initial: npt.NDArray[np.float32]) -> str:
        """Add a state and return the name of its value before the step.

        Parameters
        ----------
        initial : float32 array
            How it begins; it keeps this shape.
        """
        part = f"{STATE}/{len(self._initials)}"
        name = self._nodes.reshape(part, initial.shape)
        if initial.any():
            name = self._nodes.add("Add", name, self._nodes.constant(initial))
        self._initials[name] = initial
        return name

    def put(self, before: str, after: str) -> None:
        """Say what a state is after the step.

        Parameters
        ----------
        before : str
            What `take` returned.
        after : str
            Name of the value, of the same shape.
        """
        initial = self._initials[before]
        if initial.any():
            after = self._nodes.add("Sub", after, self._nodes.constant(initial))
        flat = self._nodes.constant([-1], np.int64)
        number = list(self._initials).index(before)
        self._nodes.add("Reshape", after, flat, output=f"{NEXT_STATE}/{number}")

    def join(self) -> None:
        """Add the nodes that take the vector apart, and that put the next one together."""
        from onnx import helper

        numbers = range(len(self._initials))
        sizes = self._nodes.constant([one.size for one in self._initials.values()], np.int64)
        parts = [f"{STATE}/{number}" for number in numbers]
        self._nodes.nodes.insert(0, helper.make_node("Split", [STATE, sizes], parts, axis=0))
        after = [f"{NEXT_STATE}/{number}" for number in numbers]
        self._nodes.add("Concat", *after, axis=0, output=NEXT_STATE)
