"""What one step of a network costs: multiply-adds, weights, operators, bytes; read from the file.

Nothing is run and nothing is estimated: the shapes in the TFLite flatbuffer say it all. The file
may be damaged or hostile: counts are bounded before anything is looped over, and no array is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kws.errors import ModelError

#: More of these are a damaged count, not a network for a device (whole YAMNet has 91 operators).
MOST_OPERATORS = 10_000
MOST_TENSORS = 100_000
MOST_OPERANDS = 1000
MOST_DIMENSIONS = 8

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
class _Tensor:
    """Shape and type of a tensor; constants have their buffer's number, others None."""

    shape: tuple[int, ...]
    type: str
    elements: int
    bytes: int
    buffer: int | None


@dataclass(frozen=True)
class _Operator:
    """An operator with the tensors that it reads and writes; absent inputs are -1."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


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
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
    except Exception as error:  # a damaged flatbuffer raises whatever its offsets lead to
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{name}: is damaged, or no TFLite network ({reason})") from None


def _cost(network: bytes) -> Cost:
    from ai_edge_litert import schema_py_generated as schema

    if network[4:8] != b"TFL3":
        raise ModelError("is no TFLite network")
    model = schema.Model.GetRootAs(network, 0)
    graph = model.Subgraphs(0)
    _bounded("operators", graph.OperatorsLength(), MOST_OPERATORS)
    _bounded("tensors", graph.TensorsLength(), MOST_TENSORS)
    names = _names(schema.TensorType)
    tensors = [
        _tensor(names, model, graph.Tensors(number)) for number in range(graph.TensorsLength())
    ]
    operators = list(_operators(schema, model, graph, len(tensors)))
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
        arena=_arena(graph, operators, tensors),
        precision=_precision(types),
    )


def _bounded(what: str, count: int, most: int) -> int:
    if not 0 <= count <= most:
        raise ModelError(f"{count} {what}: at most {most} are taken")
    return count


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


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


def _tensor(names: dict[int, str], model: Any, tensor: Any) -> _Tensor:
    rank = _bounded("dimensions of a tensor", tensor.ShapeLength(), MOST_DIMENSIONS)
    shape = tuple(max(1, tensor.Shape(axis)) for axis in range(rank))
    kind = names.get(tensor.Type(), str(tensor.Type()))
    if kind not in _BITS:
        raise ModelError(f"a tensor of type {kind} is not known")
    elements = math.prod(shape)
    size = -(-elements * _BITS[kind] // 8)
    number = tensor.Buffer()
    if not 0 <= number < model.BuffersLength():
        raise ModelError(f"a tensor in buffer {number}, of {model.BuffersLength()}")
    held = model.Buffers(number).DataLength()
    if held not in (0, size):
        raise ModelError(f"a tensor of {size} bytes in a buffer of {held}")
    return _Tensor(shape, kind, elements, size, number if held else None)


def _operators(schema: Any, model: Any, graph: Any, tensors: int) -> Iterator[_Operator]:
    names = _names(schema.BuiltinOperator)
    for number in range(graph.OperatorsLength()):
        step = graph.Operators(number)
        if not 0 <= step.OpcodeIndex() < model.OperatorCodesLength():
            raise ModelError(f"operator {number} has no code")
        code = model.OperatorCodes(step.OpcodeIndex())
        kind = names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "CUSTOM")
        if kind in _UNKNOWN:
            raise ModelError(f"has {kind}, whose cost is not known")
        _bounded("operands", step.InputsLength(), MOST_OPERANDS)
        _bounded("operands", step.OutputsLength(), MOST_OPERANDS)
        inputs = tuple(step.Inputs(n) for n in range(step.InputsLength()))
        outputs = tuple(step.Outputs(n) for n in range(step.OutputsLength()))
        if any(not -1 <= n < tensors for n in inputs) or any(not 0 <= n < tensors for n in outputs):
            raise ModelError(f"operator {number} names a tensor that is not there")
        yield _Operator(kind, inputs, outputs)


def _multiply_adds(operator: _Operator, tensors: list[_Tensor]) -> int:
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


def _expanded(operators: list[_Operator], tensors: list[_Tensor]) -> dict[int, int]:
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


def _arena(graph: Any, operators: list[_Operator], tensors: list[_Tensor]) -> int:
    """Return the largest sum of the tensors that are alive at once.

    Inputs are alive from the start and results to the end; another tensor from the operator that
    writes it to the last that reads it.
    """
    _bounded("inputs", graph.InputsLength(), MOST_TENSORS)
    _bounded("results", graph.OutputsLength(), MOST_TENSORS)
    first = {graph.Inputs(n): 0 for n in range(graph.InputsLength())}
    last = dict(first)
    for number, operator in enumerate(operators):
        for tensor in operator.inputs:
            last[tensor] = number
        for tensor in operator.outputs:
            first.setdefault(tensor, number)
            last[tensor] = max(last.get(tensor, 0), number)
    for n in range(graph.OutputsLength()):
        last[graph.Outputs(n)] = len(operators)
    changes = [0] * (len(operators) + 2)
    for tensor, start in first.items():
        if not 0 <= tensor < len(tensors):
            raise ModelError("names a tensor that is not there")
        if tensors[tensor].buffer is None:
            changes[start] += tensors[tensor].bytes
            changes[last[tensor] + 1] -= tensors[tensor].bytes
    alive = most = 0
    for change in changes:
        alive += change
        most = max(most, alive)
    return most
