"""Reads the network that is exported; what no microcontroller holds is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ModelError
from kws_training.networks.tflite import Graph, Operator, Tensor, TFLiteError
from kws_training.networks.tflite import read_graph as read_any_graph

#: Dimensions that the generated C handles.
MOST_DIMENSIONS = 4
#: Elements of a tensor, at most: 16 MiB is far above any microcontroller's memory.
MOST_ELEMENTS = 2**24
#: The smallest scale that a converter gives.
LEAST_SCALE = 1e-12
#: The largest scale that a converter gives.
LARGEST_SCALE = 1e6
#: The largest zero point of int8, without its sign.
LARGEST_ZERO_POINT = 128

#: Options of the operators that have some: the class in TFLite's schema.
_OPTIONS = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "SPLIT": "SplitOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
}


def read_graph(network: bytes, path: str) -> Graph:
    """Read a network.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    path : str
        Where it came from, for messages.

    Returns
    -------
    Graph
        Its constants in int8 and int32 fill their shapes, its operators have their options.

    Raises
    ------
    ModelError
        If it is damaged, has more than one subgraph, or a tensor that no microcontroller holds.
    """
    try:
        graph = read_any_graph(network)
        for tensor in graph.tensors:
            _check_tensor(tensor)
        for operator in graph.operators:
            _check_options(operator)
    except TFLiteError as error:
        raise ModelError(f"{path}: {error}") from None
    return graph


def constant(tensor: Tensor) -> npt.NDArray[Any] | None:
    """Return the int8 or int32 values of a constant, or None of any other tensor.

    Parameters
    ----------
    tensor : Tensor
        Of a graph that `read_graph` has read.
    """
    return tensor.values() if tensor.buffer is not None and _is_integer(tensor) else None


def _is_integer(tensor: Tensor) -> bool:
    return tensor.type in ("INT8", "INT32")


def _check_tensor(tensor: Tensor) -> None:
    """Refuse sizes, scales and zero points that no tensor of int8 networks has."""
    name = f"tensor {tensor.name!r:.100}"
    if not all(0 <= size <= MOST_ELEMENTS for size in tensor.shape):
        raise TFLiteError(f"{name} has the shape {str(tensor.shape)[:100]}")
    if tensor.size > MOST_ELEMENTS:
        raise TFLiteError(f"{name} has {tensor.size} elements, more than {MOST_ELEMENTS}")
    tensor.check_scales()
    if (
        not ((tensor.scales >= LEAST_SCALE) & (tensor.scales <= LARGEST_SCALE)).all()
        or not (np.abs(tensor.zero_points) <= LARGEST_ZERO_POINT).all()
    ):
        raise TFLiteError(f"{name} has scales or zero points that none has")
    constant(tensor)  # raises where its bytes do not fill its shape


def _check_options(operator: Operator) -> None:
    """Refuse an operator without the options that its kind has."""
    if operator.kind in _OPTIONS:
        operator.options_as(_OPTIONS[operator.kind])
