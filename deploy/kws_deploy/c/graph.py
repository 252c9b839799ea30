"""Reads a TFLite network into plain values; what a damaged file claims is checked before use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ModelError

#: More of these are a damaged count, not a network for a microcontroller.
MOST_OPERATORS = 2000
MOST_TENSORS = 10000
MOST_OPERANDS = 100
#: Dimensions that the generated C handles.
MOST_DIMENSIONS = 4
#: Elements of a tensor, at most: 16 MiB is far above any microcontroller's memory.
MOST_ELEMENTS = 2**24
#: Scales outside this range are no quantization that a converter gives.
SCALES = (1e-12, 1e6)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a network.

    Attributes
    ----------
    name : str
    shape : tuple of int
        The batch included.
    type : str
        "INT8", "INT32", …, as TFLite names it.
    scales : float32 (n,)
        One, or one per channel along ``axis``; none if not quantized.
    zero_points : int64 (n,)
    axis : int
        Dimension that the scales belong to.
    data : int8 or int32 array, or None
        Values of a constant.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int
    data: npt.NDArray[Any] | None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def scale(self) -> np.float32:
        """The one scale of an activation."""
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The one zero point of an activation."""
        return int(self.zero_points[0])


@dataclass(frozen=True)
class Operator:
    """An operator of a network.

    Attributes
    ----------
    kind : str
        "CONV_2D", …, as TFLite names it.
    inputs, outputs : tuple of int
        Numbers of tensors; -1 for an input that is left out.
    options : object or None
        TFLite's options of this kind of operator, from its generated schema.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True)
class Graph:
    """A network.

    Attributes
    ----------
    tensors : tuple of Tensor
    operators : tuple of Operator
        In the order in which they run.
    inputs, outputs : tuple of int
        Numbers of tensors, in the order in which an interpreter gives them.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def named(self, name: str, among: tuple[int, ...]) -> int:
        """Return the number of the tensor of that name among some."""
        return next(number for number in among if self.tensors[number].name == name)


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

    Raises
    ------
    ModelError
        If it is damaged, or has more than one subgraph.
    """
    try:
        return _read(network)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except Exception as error:  # a damaged flatbuffer raises whatever its offsets lead to
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{path}: the network is damaged ({reason}): write it anew from its source"
        ) from None


def _read(network: bytes) -> Graph:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(network, 0)
    if model.SubgraphsLength() != 1:
        raise ModelError(
            f"the network has {model.SubgraphsLength()} subgraphs: export takes one, "
            "without branches or loops"
        )
    graph = model.Subgraphs(0)
    _bounded(graph.TensorsLength(), MOST_TENSORS, "tensors")
    _bounded(graph.OperatorsLength(), MOST_OPERATORS, "operators")
    _bounded(model.OperatorCodesLength(), MOST_OPERATORS, "operator codes")
    types = _names(schema.TensorType)
    kinds = _names(schema.BuiltinOperator)
    tensors = tuple(_tensor(model, graph.Tensors(n), types) for n in range(graph.TensorsLength()))
    operators = tuple(
        _operator(schema, model, graph.Operators(n), kinds, len(tensors))
        for n in range(graph.OperatorsLength())
    )
    inputs = _numbers(graph.InputsAsNumpy(), len(tensors))
    outputs = _numbers(graph.OutputsAsNumpy(), len(tensors))
    if min((*inputs, *outputs), default=0) < 0:
        raise ModelError("an input or output is left out")
    return Graph(tensors, operators, inputs, outputs)


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _bounded(count: int, most: int, what: str) -> None:
    if count > most:
        raise ModelError(f"{count} {what}: a network has at most {most}, so the file is damaged")


def _numbers(values: Any, tensors: int) -> tuple[int, ...]:
    """Check numbers of tensors; -1 stands for none."""
    numbers = tuple(np.atleast_1d(values).tolist()) if not isinstance(values, int) else ()
    _bounded(len(numbers), MOST_OPERANDS, "operands")
    if not all(-1 <= number < tensors for number in numbers):
        raise ModelError("an operator names a tensor that is not there: the file is damaged")
    return numbers


def _tensor(model: Any, tensor: Any, types: dict[int, str]) -> Tensor:
    shape = tuple(np.atleast_1d(tensor.ShapeAsNumpy()).tolist()) if tensor.ShapeLength() else ()
    name = (tensor.Name() or b"").decode("utf-8", "replace")
    if len(shape) > 8 or not all(0 <= n <= MOST_ELEMENTS for n in shape):
        raise ModelError(f"tensor {name!r:.100} has the shape {str(shape)[:100]}")
    _bounded(math.prod(shape), MOST_ELEMENTS, f"elements of {name!r:.100}")
    kind = types.get(tensor.Type(), str(tensor.Type()))
    scales, zero_points, axis = _quantization(tensor.Quantization(), shape, name)
    data = None
    if not 0 <= tensor.Buffer() < model.BuffersLength():
        raise ModelError(f"tensor {name!r:.100} has no buffer: the file is damaged")
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength() and kind in ("INT8", "INT32"):
        data = np.frombuffer(buffer.DataAsNumpy(), np.int8 if kind == "INT8" else "<i4")
        data = data.reshape(shape)
    return Tensor(name, shape, kind, scales, zero_points, axis, data)


def _quantization(
    quantization: Any, shape: tuple[int, ...], name: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], int]:
    """Check scales and zero points."""
    if quantization is None or not quantization.ScaleLength():
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    scales = np.asarray(quantization.ScaleAsNumpy(), np.float32)
    zero_points = np.zeros(len(scales), np.int64)
    if quantization.ZeroPointLength():
        zero_points = np.asarray(quantization.ZeroPointAsNumpy(), np.int64)
    axis = quantization.QuantizedDimension() if len(scales) > 1 else 0
    if (
        len(zero_points) != len(scales)
        or not ((SCALES[0] <= scales) & (scales <= SCALES[1])).all()
        or not (np.abs(zero_points) <= 128).all()
        or (len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)))
    ):
        raise ModelError(f"tensor {name!r:.100} has scales or zero points that none has")
    return scales, zero_points, axis


def _operator(schema: Any, model: Any, step: Any, kinds: dict[int, str], tensors: int) -> Operator:
    if not 0 <= step.OpcodeIndex() < model.OperatorCodesLength():
        raise ModelError("an operator is of no kind: the file is damaged")
    code = model.OperatorCodes(step.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = kinds.get(number, f"operator {number}")
    options = None
    table = step.BuiltinOptions()
    if kind in _OPTIONS:
        if table is None:
            raise ModelError(f"{kind} has no options: the file is damaged")
        options = getattr(schema, _OPTIONS[kind])()
        options.Init(table.Bytes, table.Pos)
    inputs = _numbers(step.InputsAsNumpy(), tensors)
    outputs = _numbers(step.OutputsAsNumpy(), tensors)
    return Operator(kind, inputs, outputs, options)
