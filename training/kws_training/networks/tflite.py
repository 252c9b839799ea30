"""Reads TFLite networks into plain values; what a file claims is bounded before it is used.

A file may be damaged or hostile. It is read with the classes that flatc makes from TFLite's
schema, which check nothing, and never run: counts are bounded before anything is looped over,
numbers of tensors and buffers are checked, and constants are views of the file's own bytes. All
that reads a network's structure goes through `read_graph`; `tflite_objects` rewrites networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64, UInt8
from kws.errors import ModelError
from kws.installing import install_packages
from kws.untrusted.structure import (
    MOST_DIMENSIONS,
    MOST_NAME_BYTES,
    MOST_OPERANDS,
    MOST_PARTS,
)

#: Place of the name in the flatbuffer's table of a tensor, as the schema numbers it.
_TENSOR_NAME_SLOT = 10
#: Place of the custom name in the flatbuffer's table of an operator code.
_CODE_NAME_SLOT = 6
#: How the kind of an operator begins that the schema does not name.
UNNAMED = "operator code "

#: NumPy's types of the numbers in constants; values of other types are not read.
_DTYPES = {
    name: np.dtype(name.lower()).newbyteorder("<")
    for name in ("FLOAT32", "FLOAT16", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL")
}


class TFLiteError(ModelError):
    """A network that cannot be read: damaged, far too large, or of a form that is not known."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a network.

    Attributes
    ----------
    number : int
        Its place among the network's tensors.
    name : str
        Empty where the file has none.
    shape : tuple of int
        The batch included; -1 for a dimension that is left open.
    type : str
        "INT8", "INT32", …, as TFLite names it.
    buffer : int or None
        Number of the buffer that holds a constant's values; None for what is computed.
    stored : uint8 (n,)
        Bytes of a constant, little-endian; empty for what is computed.
    scales : float32 (n,)
        One, or one per channel along ``axis``; none if not quantized.
    zero_points : int64 (n,)
        The stored number that stands for 0, one for each scale: see `check_scales`.
    axis : int
        Dimension that the scales belong to.
    """

    number: int
    name: str
    shape: tuple[int, ...]
    type: str
    buffer: int | None
    stored: UInt8
    scales: Float32
    zero_points: Int64
    axis: int

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

    def check_scales(self) -> None:
        """Find out whether there is a scale for all or for each channel, with its zero point.

        Raises
        ------
        TFLiteError
            If their number or axis does not fit the shape.
        """
        count, points = len(self.scales), len(self.zero_points)
        if count > 1:
            if not 0 <= self.axis < len(self.shape):
                raise TFLiteError(
                    f"tensor {self.number} is not quantized along an axis that it has"
                )
            if count != self.shape[self.axis]:
                raise TFLiteError(
                    f"tensor {self.number} has {count} scales: it must have one scale, or one per "
                    "channel"
                )
        if points != count:
            raise TFLiteError(f"tensor {self.number} has {points} zero points, and {count} scales")

    def values(self) -> npt.NDArray[Any]:
        """Return the values of a constant as they are stored, in the tensor's shape.

        Raises
        ------
        TFLiteError
            If their type is not read, or there are more or fewer bytes than the shape takes.
        """
        return decoded(self.stored, self.type, self.shape, f"tensor {self.number}")

    def real_values(self) -> Float32:
        """Return the values of a constant as float32; integers are dequantized.

        Raises
        ------
        TFLiteError
            As `values` does, and if there are integers without scales.
        """
        stored = self.values()
        if stored.dtype.kind == "f":
            return stored.astype(np.float32)
        if not len(self.scales):
            raise TFLiteError(f"tensor {self.number} has integers without scales")
        self.check_scales()
        return dequantized(stored, self.scales, self.zero_points, self.axis)


@dataclass(frozen=True)
class Operator:
    """An operator of a network.

    Attributes
    ----------
    number : int
        Its place in the order in which they run.
    kind : str
        "CONV_2D", …, as TFLite names it; `UNNAMED` and a number where the schema has no name.
    inputs, outputs : tuple of int
        Numbers of tensors; -1 for an input that is left out.
    options_kind : str
        "Conv2DOptions", …, as TFLite names it; "NONE" if there are none.
    options : object or None
        The options, an object of the schema's class of that name.
    """

    number: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_kind: str
    options: Any

    def options_as(self, kind: str) -> Any:
        """Return the options, which must be of a kind.

        Parameters
        ----------
        kind : str
            Name of the schema's class: "Conv2DOptions", ….

        Returns
        -------
        object
            Of that class of `ai_edge_litert.schema_py_generated`.

        Raises
        ------
        TFLiteError
            If they are of another kind, or there are none.
        """
        if self.options is None or self.options_kind != kind:
            raise TFLiteError(
                f"kind of options of operator {self.number}: {self.options_kind} instead of {kind}"
            )
        return self.options


@dataclass(frozen=True)
class Graph:
    """A network: its one graph.

    Attributes
    ----------
    tensors : tuple of Tensor
        All tensors; others name them by their place here.
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
        """Return the number of the tensor of that name among some.

        Parameters
        ----------
        name : str
            A name that one of them has.
        among : tuple of int
            Numbers of tensors.
        """
        return next(number for number in among if self.tensors[number].name == name)


def read_graph(network: bytes) -> Graph:
    """Read a network.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer, trusted in nothing; what is appended to it is left alone.

    Returns
    -------
    Graph
        Every number of a tensor in it is that of a tensor that is there.

    Raises
    ------
    TFLiteError
        If it is damaged, has more or fewer subgraphs than one, or more of anything than the
        limits of this module. The message is one line and does not name the file.
    """
    try:
        return _read(network)
    except TFLiteError:
        raise
    except Exception as error:  # a damaged flatbuffer raises whatever its offsets lead to
        reason = " ".join(str(error).split())[:200]
        raise TFLiteError(
            f"the network is damaged ({reason}): write it anew from its source"
        ) from None


def decoded(stored: UInt8, kind: str, shape: tuple[int, ...], what: str) -> npt.NDArray[Any]:
    """Return the numbers that the bytes of a constant hold.

    Parameters
    ----------
    stored : uint8 (n,)
        The bytes, little-endian.
    kind : str
        Their type, as TFLite names it.
    shape : tuple of int
        The shape that they fill.
    what : str
        The tensor's name, for messages.

    Returns
    -------
    array
        A read-only view of that shape.

    Raises
    ------
    TFLiteError
        If their type is not read, or there are more or fewer bytes than the shape takes.
    """
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise TFLiteError(f"{what} is of type {kind}, which is not read")
    wanted = math.prod(shape) * dtype.itemsize
    if len(stored) != wanted:
        raise TFLiteError(
            f"bytes of {what}: {len(stored)} instead of {wanted}: the file is damaged"
        )
    return np.frombuffer(stored, dtype).reshape(shape)


def dequantized(
    stored: npt.NDArray[Any], scales: npt.ArrayLike, zero_points: npt.ArrayLike, axis: int
) -> Float32:
    """Return what quantized values stand for: ``scale * (stored - zero point)``.

    Affine quantization as the interpreter defines it (https://ai.google.dev/edge/litert/models/
    quantization_spec). What overflows becomes infinite.

    Parameters
    ----------
    stored : integer array
        The values in a file.
    scales : float array (n,)
        One, or one per channel.
    zero_points : integer array (n,)
        As many.
    axis : int
        Dimension of the channels.

    Returns
    -------
    float32 array
        Of the same shape.
    """
    factors, zeros = np.asarray(scales, np.float64), np.asarray(zero_points, np.float64)
    along = [1] * stored.ndim
    if len(factors) > 1:
        along[axis] = len(factors)
    with np.errstate(all="ignore"):
        # in float64: biases are int32, more than a float32 holds
        real = (stored - zeros.reshape(along)) * factors.reshape(along)
        return real.astype(np.float32)


def operator_names() -> dict[int, str]:
    """Return the names of the kinds of operators by their numbers, as the schema has them."""
    return _names(load_schema().BuiltinOperator)


def type_names() -> dict[int, str]:
    """Return the names of the types of tensors by their numbers, as the schema has them."""
    return _names(load_schema().TensorType)


def load_schema() -> Any:
    """Return the module that flatc made from TFLite's schema.

    Raises
    ------
    ModelError
        If the installed interpreter comes without it.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as error:
        raise ModelError(
            "ai-edge-litert has no TFLite schema here: install it anew with "
            + install_packages("ai-edge-litert", upgrade=True)
        ) from error
    return schema


def _read(network: bytes) -> Graph:
    schema = load_schema()
    if network[4:8] != b"TFL3":
        raise TFLiteError("not a TFLite network: give a .tflite file")
    model = schema.Model.GetRootAs(network, 0)
    if model.SubgraphsLength() != 1:
        raise TFLiteError(
            f"the network has {model.SubgraphsLength()} subgraphs instead of one: it has branches "
            "or loops, or is damaged"
        )
    graph = model.Subgraphs(0)
    _bounded(graph.TensorsLength(), MOST_PARTS, "tensors")
    _bounded(graph.OperatorsLength(), MOST_PARTS, "operators")
    _bounded(model.BuffersLength(), MOST_PARTS, "buffers")
    _bounded(model.OperatorCodesLength(), MOST_PARTS, "kinds of operators")
    types = _names(schema.TensorType)
    tensors = tuple(
        _tensor(network, model, graph.Tensors(number), number, types)
        for number in range(graph.TensorsLength())
    )
    kinds = _kinds(model, _names(schema.BuiltinOperator))
    classes = _names(schema.BuiltinOptions)
    operators = tuple(
        _operator(schema, graph.Operators(number), number, kinds, classes, len(tensors))
        for number in range(graph.OperatorsLength())
    )
    return Graph(
        tensors,
        operators,
        _numbers(graph.Inputs, graph.InputsLength(), 0, len(tensors), "the network"),
        _numbers(graph.Outputs, graph.OutputsLength(), 0, len(tensors), "the network"),
    )


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _bounded(count: int, most: int, what: str) -> int:
    """Refuse a count above a limit; return it otherwise."""
    if not 0 <= count <= most:
        raise TFLiteError(f"{count} {what}: a network has at most {most}: the file is damaged")
    return count


def _numbers(get: Any, count: int, least: int, tensors: int, owner: str) -> tuple[int, ...]:
    """Return a vector of numbers of tensors, all of which are there."""
    numbers = tuple(int(get(n)) for n in range(_bounded(count, MOST_OPERANDS, "operands")))
    if not all(least <= number < tensors for number in numbers):
        raise TFLiteError(f"{owner} names a tensor that is not there: the file is damaged")
    return numbers


def _text_bytes(table: Any, slot: int) -> int:
    """Return the length of a text in a flatbuffer's table without copying it."""
    offset = table._tab.Offset(slot)
    return int(table._tab.VectorLen(offset)) if offset else 0


def _tensor(network: bytes, model: Any, tensor: Any, number: int, types: dict[int, str]) -> Tensor:
    if _text_bytes(tensor, _TENSOR_NAME_SLOT) > MOST_NAME_BYTES:
        raise TFLiteError(f"the name of tensor {number} is too long: the file is damaged")
    rank = tensor.ShapeLength()
    if not 0 <= rank <= MOST_DIMENSIONS:
        raise TFLiteError(f"shape of tensor {number}: {rank} dimensions: the file is damaged")
    shape = tuple(int(tensor.Shape(axis)) for axis in range(rank))
    if any(size < -1 for size in shape):
        raise TFLiteError(f"shape of tensor {number}: {shape}: the file is damaged")
    if tensor.Sparsity() is not None or tensor.VariantTensorsLength():
        raise TFLiteError(f"tensor {number} is sparse: only plain ones are read")
    stored = _stored(network, model, tensor.Buffer(), number)
    return Tensor(
        number,
        (tensor.Name() or b"").decode("utf-8", "replace"),
        shape,
        types.get(tensor.Type(), f"type {tensor.Type()}"),
        tensor.Buffer() if len(stored) else None,
        stored,
        *_quantization(tensor.Quantization(), number),
    )


def _stored(network: bytes, model: Any, buffer: int, number: int) -> UInt8:
    """Return the bytes of a buffer, also of one behind the flatbuffer, as large ones may be."""
    if not 0 <= buffer < model.BuffersLength():
        raise TFLiteError(f"tensor {number} has no buffer: the file is damaged")
    table = model.Buffers(buffer)
    if table.Offset() > 1:  # 0 and 1: nothing lies behind
        if table.Offset() + table.Size() > len(network):
            raise TFLiteError("the network is cut off: its weights are not all there")
        return np.frombuffer(network, np.uint8, table.Size(), table.Offset())
    # the length first: DataAsNumpy is 0 for an empty buffer
    return table.DataAsNumpy() if table.DataLength() else np.empty(0, np.uint8)


def _quantization(quantization: Any, number: int) -> tuple[Float32, Int64, int]:
    """Return scales, zero points and the axis of a tensor, as the file has them."""
    if quantization is None or not quantization.ScaleLength():
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    if quantization.DetailsType():
        raise TFLiteError(f"tensor {number} is quantized in a way that is not read")
    scales, points = quantization.ScaleAsNumpy(), np.zeros(quantization.ScaleLength(), np.int64)
    if quantization.ZeroPointLength():
        points = quantization.ZeroPointAsNumpy()
    return scales, points, quantization.QuantizedDimension() if len(scales) > 1 else 0


def _kinds(model: Any, names: dict[int, str]) -> list[str]:
    """Return the names of the kinds of operators that a network uses."""
    kinds = []
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        if _text_bytes(code, _CODE_NAME_SLOT) > MOST_NAME_BYTES:
            raise TFLiteError("the name of an operator is too long: the file is damaged")
        # kinds below 127 are in the old field too, later ones in the new: the larger one counts
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kinds.append(names.get(kind, f"{UNNAMED}{kind}"))
    return kinds


def _operator(
    schema: Any, step: Any, number: int, kinds: list[str], classes: dict[int, str], tensors: int
) -> Operator:
    owner = f"operator {number}"
    if not 0 <= step.OpcodeIndex() < len(kinds):
        raise TFLiteError(f"{owner} is of no kind: the file is damaged")
    inputs = _numbers(step.Inputs, step.InputsLength(), -1, tensors, owner)
    outputs = _numbers(step.Outputs, step.OutputsLength(), 0, tensors, owner)
    options, table = None, step.BuiltinOptions()
    options_kind = classes.get(step.BuiltinOptionsType(), f"code {step.BuiltinOptionsType()}")
    if table is not None and hasattr(schema, options_kind):
        options = getattr(schema, options_kind)()
        options.Init(table.Bytes, table.Pos)
    return Operator(number, kinds[step.OpcodeIndex()], inputs, outputs, options_kind, options)
