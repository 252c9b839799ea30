"""What one step of a network costs: multiply-adds, weights, operators, bytes; read from the file.

Nothing is run and nothing is estimated: the shapes in the TFLite flatbuffer say it all. The file
may be damaged or hostile: counts are bounded before anything is looped over, and no array is made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kws.errors import ModelError
from kws_training.networks.tflite import UNNAMED, Graph, Operator, Tensor, TFLiteError, read_graph

#: Operators whose cost cannot be read from the shapes of their tensors.
_UNKNOWN = {
    "CUSTOM",
    "CALL",
    "CALL_ONCE",
    "IF",
    "WHILE",
    "DELEGATE",
    "LSTM",
    "RNN",
    "SVDF",
    "CONV_3D",
    "CONV_3D_TRANSPOSE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "BIDIRECTIONAL_SEQUENCE_RNN",
}


@dataclass(frozen=True)
class Cost:
    """What one step costs.

    Attributes
    ----------
    multiply_adds : int
        Of convolutions, fully connected layers and matrix products. Sums, means, activations and
        copies are not counted: they are in ``operators`` and ``bytes``.
    weights : int
        Kernels and biases of these; what several operators share is counted once.
    operators : int
        Number of operators that one step runs.
    bytes : int
        Read and written by all operators, weights included.
    kinds : dict of str to int
        Multiply-adds of each kind of operator that has any.
    size : int
        Bytes of the network: what it takes of a microcontroller's flash.
    arena : int
        Bytes of the tensors that are alive at once, at most: what it takes of its RAM, at least.
        The interpreter's own records and the padding of its planner come on top.
    precision : str
        Type of the kernels: ``int8``, ``float32``, ``int16x8`` (int8 with int16 between layers),
        ``float16``, ``dynamic`` (int8 with float32 between layers), or ``mixed``.
    """

    multiply_adds: int
    weights: int
    operators: int
    bytes: int
    kinds: dict[str, int]
    size: int
    arena: int
    precision: str


@dataclass(frozen=True)
class _Size:
    """Shape and type of a tensor; constants have their buffer's number, others None."""

    shape: tuple[int, ...]
    type: str
    elements: int
    bytes: int
    buffer: int | None


def cost(network: bytes, name: str = "network") -> Cost:
    """Return what one step of a network costs.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer, of any precision; dimensions that are left open count as 1.
    name : str
        For messages.

    Raises
    ------
    ModelError
        If it is no TFLite network, is damaged, or has an operator whose cost the shapes do not
        tell.
    """
    try:
        return _cost(network)
    except TFLiteError as error:
        raise ModelError(f"{name}: {error}") from None
    except IndexError:
        raise ModelError(f"{name}: an operator lacks operands: the file is damaged") from None


def _cost(network: bytes) -> Cost:
    graph = read_graph(network)
    tensors = [_size(tensor) for tensor in graph.tensors]
    operators = graph.operators
    for operator in operators:
        if operator.kind in _UNKNOWN or operator.kind.startswith(UNNAMED):
            raise TFLiteError(f"has {operator.kind}, whose cost is not known")
    expanded = _expanded(operators, tensors)
    kinds: dict[str, int] = {}
    weights: dict[int, int] = {}
    types: set[tuple[str, str]] = set()
    moved = 0
    for operator in operators:
        used = [tensors[n] for n in (*operator.inputs, *operator.outputs) if n >= 0]
        moved += sum(tensor.bytes for tensor in used)
        count = _multiply_adds(operator, tensors)
        if count:
            kinds[operator.kind] = kinds.get(operator.kind, 0) + count
            # float16 kernels are constants that a DEQUANTIZE expands
            sources = [tensors[expanded.get(n, n)] for n in operator.inputs if n >= 0]
            weights.update({t.buffer: t.elements for t in sources if t.buffer is not None})
            out = tensors[operator.outputs[0]].type
            types |= {(t.type, out) for t in sources[:2] if t.buffer is not None}
    return Cost(
        multiply_adds=sum(kinds.values()),
        weights=sum(weights.values()),
        operators=len(operators),
        bytes=moved,
        kinds=dict(sorted(kinds.items())),
        size=len(network),
        arena=_arena(graph, tensors),
        precision=_precision(types),
    )


#: Bits per element of the types that occur.
_BITS = {
    "FLOAT32": 32,
    "FLOAT16": 16,
    "INT8": 8,
    "UINT8": 8,
    "INT16": 16,
    "INT32": 32,
    "UINT32": 32,
    "INT64": 64,
    "UINT64": 64,
    "UINT16": 16,
    "BOOL": 8,
    "FLOAT64": 64,
    "INT4": 4,
    "COMPLEX64": 64,
    "COMPLEX128": 128,
}


def _size(tensor: Tensor) -> _Size:
    """Return what a tensor takes; a dimension that is left open counts as 1."""
    if tensor.type not in _BITS:
        raise TFLiteError(f"a tensor of type {tensor.type} is not known")
    shape = tuple(max(1, size) for size in tensor.shape)
    elements = math.prod(shape)
    size = -(-elements * _BITS[tensor.type] // 8)
    if tensor.buffer is not None and len(tensor.stored) != size:
        raise TFLiteError(f"a tensor of {size} bytes in a buffer of {len(tensor.stored)}")
    return _Size(shape, tensor.type, elements, size, tensor.buffer)


def _multiply_adds(operator: Operator, tensors: list[_Size]) -> int:
    """Return the multiply-adds of one operator; kernels are (out, height, width, in)."""
    shapes = [tensors[n].shape if n >= 0 else () for n in operator.inputs]
    out = tensors[operator.outputs[0]].elements if operator.outputs else 0
    if operator.kind == "CONV_2D":
        return out * math.prod(shapes[1][1:])
    if operator.kind == "DEPTHWISE_CONV_2D":
        return out * math.prod(shapes[1][1:3])
    if operator.kind == "TRANSPOSE_CONV":  # its input is the third operand
        return math.prod(shapes[2]) * math.prod(shapes[1][:3])
    if operator.kind == "FULLY_CONNECTED":
        return out * shapes[1][-1]
    if operator.kind == "BATCH_MATMUL":
        return out * shapes[0][-1]
    return 0


def _expanded(operators: Sequence[Operator], tensors: list[_Size]) -> dict[int, int]:
    """Return the constant behind each tensor that a DEQUANTIZE makes of one."""
    return {
        operator.outputs[0]: operator.inputs[0]
        for operator in operators
        if operator.kind == "DEQUANTIZE" and tensors[operator.inputs[0]].buffer is not None
    }


def _precision(types: set[tuple[str, str]]) -> str:
    """Name the precision by the types of the kernels and of what the layers give."""
    known = {
        ("FLOAT32", "FLOAT32"): "float32",
        ("INT8", "INT8"): "int8",
        ("INT8", "INT16"): "int16x8",
        ("INT8", "FLOAT32"): "dynamic",
        ("FLOAT16", "FLOAT32"): "float16",
    }
    return known.get(next(iter(types)), "mixed") if len(types) == 1 else "mixed"


def _arena(graph: Graph, tensors: list[_Size]) -> int:
    """Return the largest sum of the tensors that are alive at once.

    Inputs are alive from the start and results to the end; another tensor from the operator that
    writes it to the last that reads it.
    """
    first = dict.fromkeys(graph.inputs, 0)
    last = dict(first)
    for operator in graph.operators:
        for tensor in operator.inputs:
            last[tensor] = operator.number
        for tensor in operator.outputs:
            first.setdefault(tensor, operator.number)
            last[tensor] = max(last.get(tensor, 0), operator.number)
    for tensor in graph.outputs:
        last[tensor] = len(graph.operators)
    changes = [0] * (len(graph.operators) + 2)
    for tensor, start in first.items():
        if tensors[tensor].buffer is None:
            changes[start] += tensors[tensor].bytes
            changes[last[tensor] + 1] -= tensors[tensor].bytes
    alive = most = 0
    for change in changes:
        alive += change
        most = max(most, alive)
    return most
