"""Checks a TFLite network before the interpreter gets it, which believes what a file says.

First the flatbuffer (`kws.untrusted.flatbuffer`), then what the interpreter takes for granted:
numbers of tensors and buffers are there, shapes are fixed and of a size that a device has,
constants have the bytes that their shapes take, scales fit the channels, every operator takes what
exists already and gives what nothing else gives, and its options divide by no zero
(`kws.untrusted.operators`). The schema is TensorFlow's
(tensorflow/compiler/mlir/lite/schema/schema.fbs), numbers of fields and kinds included.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Float32
from ..errors import ModelError
from .flatbuffer import FlatbufferReader, Numbers, Scalar, Table, Tables, Text, Union, UnknownError
from .operators import KINDS, OPTIONS, QUANTIZED, TYPE_BYTES, CheckedTensor, check_operator

#: Operators, tensors, buffers and kinds of operators of a network, at most: YAMNet has 121 tensors.
MOST_PARTS = 10_000
#: Inputs or outputs of one operator or of the network, at most: a stream has some ten states.
MOST_OPERANDS = 1000
#: Dimensions of a tensor, at most: the interpreter's kernels take no more.
MOST_DIMENSIONS = 8
#: Bytes of a name, at most: converters join the names of layers, to 587 bytes in YAMNet's file.
MOST_NAME_BYTES = 4000
#: Bytes of one tensor, and of all that is computed, at most: whole YAMNet computes with 3 MB.
MOST_TENSOR_BYTES = 64 * 2**20
MOST_COMPUTED_BYTES = 256 * 2**20
#: Bytes of a constant, at most: those of the largest file that is read.
MOST_CONSTANT_BYTES = 64 * 2**20

#: Scales of quantized numbers, at least and at most: their ratios are float32, and XNNPACK stops
#: the process where one is below the normal numbers.
LEAST_SCALE, MOST_SCALE = 2.0**-60, 2.0**60
#: Least and greatest number of the integer types that may be quantized.
_LIMITS = {
    2: (-(2**31), 2**31 - 1),
    3: (0, 255),
    4: (-(2**63), 2**63 - 1),
    7: (-(2**15), 2**15 - 1),
    9: (-128, 127),
}

_INDICES = Numbers(4, MOST_OPERANDS)
_NAME = Text(MOST_NAME_BYTES)
_QUANTIZATION = Table(
    {
        0: ("least", Numbers(4, MOST_PARTS)),
        1: ("most", Numbers(4, MOST_PARTS)),
        2: ("scales", Numbers(4, MOST_PARTS)),
        3: ("zero points", Numbers(8, MOST_PARTS)),
        6: ("axis", Scalar("i")),
    }
)
_TENSOR = Table(
    {
        0: ("shape", Numbers(4, MOST_DIMENSIONS)),
        1: ("type", Scalar("b")),
        2: ("buffer", Scalar("I")),
        3: ("name", _NAME),
        4: ("quantization", _QUANTIZATION),
        5: ("variable", Scalar("B")),
        7: ("signature", Numbers(4, MOST_DIMENSIONS)),
        8: ("ranked", Scalar("B")),
    }
)
_OPERATOR = Table(
    {
        0: ("kind", Scalar("I")),
        1: ("inputs", _INDICES),
        2: ("outputs", _INDICES),
        3: ("options kind", Scalar("B")),
        4: ("options", Union("options kind", OPTIONS)),
        5: ("custom options", Numbers(1, 0)),
        6: ("custom options format", Scalar("b")),
        7: ("mutating variable inputs", Numbers(1, MOST_OPERANDS)),
        8: ("intermediates", Numbers(4, 0)),
    }
)
_GRAPH = Table(
    {
        0: ("tensors", Tables(_TENSOR, MOST_PARTS)),
        1: ("inputs", _INDICES),
        2: ("outputs", _INDICES),
        3: ("operators", Tables(_OPERATOR, MOST_PARTS)),
        4: ("name", _NAME),
    }
)
_KIND = Table(
    {
        0: ("old kind", Scalar("b")),
        2: ("version", Scalar("i")),
        3: ("kind", Scalar("i")),
    }
)
_NAMED_TENSOR = Table({0: ("name", _NAME), 1: ("tensor", Scalar("I"))})
_SIGNATURE = Table(
    {
        0: ("inputs", Tables(_NAMED_TENSOR, MOST_OPERANDS)),
        1: ("outputs", Tables(_NAMED_TENSOR, MOST_OPERANDS)),
        2: ("name", _NAME),
        4: ("graph", Scalar("I")),
    }
)
_BUFFER = Table(
    {
        0: ("data", Numbers(1, MOST_CONSTANT_BYTES)),
        1: ("offset", Scalar("Q")),
        2: ("size", Scalar("Q")),
    }
)
#: A TFLite file: what its first table holds.
MODEL = Table(
    {
        0: ("version", Scalar("I")),
        1: ("kinds", Tables(_KIND, MOST_PARTS)),
        2: ("graphs", Tables(_GRAPH, 10)),
        3: ("description", _NAME),
        4: ("buffers", Tables(_BUFFER, MOST_PARTS)),
        5: ("metadata buffers", Numbers(4, MOST_PARTS)),
        6: ("metadata", Tables(Table({0: ("name", _NAME), 1: ("buffer", Scalar("I"))}), 100)),
        7: ("signatures", Tables(_SIGNATURE, 10)),
    }
)


def check_network(network: bytes) -> None:
    """Refuse a network that the interpreter cannot be trusted with.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer, trusted in nothing.

    Raises
    ------
    ModelError
        If it is damaged, or asks for more than a device has; `UnknownError` if it has what no
        network of kws has, such as other operators. The message is one line and does not name the
        file.
    """
    model = FlatbufferReader(network).root(MODEL)
    if model.get("version") != 3:
        raise ModelError(f"the network is of version {model.get('version', 0)} of TFLite, not 3")
    graphs = len(model.get("graphs", ()))
    if graphs != 1:
        raise UnknownError(f"the network has {graphs} graphs")
    graph = model["graphs"][0]
    buffers = model.get("buffers", [])
    for number, buffer in enumerate(buffers):
        if buffer.get("offset", 0) > 1 or buffer.get("size", 0) > 1:
            raise UnknownError(f"buffer {number} lies behind the network: convert it anew")
    for entry in model.get("metadata", ()):
        _there(entry.get("buffer", 0), len(buffers), "metadata: a buffer")
    tensors = [
        _tensor(tensor, number, buffers) for number, tensor in enumerate(graph.get("tensors", ()))
    ]
    _check_signatures(model, graph, len(tensors))
    _check_order(model, graph, tensors)


def _tensor(tensor: dict[str, Any], number: int, buffers: list[dict[str, Any]]) -> CheckedTensor:
    """Check a tensor alone: its shape, its bytes, its scales."""
    what = f"tensor {number}"
    shape = tuple(np.frombuffer(tensor.get("shape", b""), "<i4").tolist())
    kind = tensor.get("type", 0)
    if kind not in TYPE_BYTES:
        raise UnknownError(f"{what} is of a type {kind} that is not known")
    if any(size <= 0 for size in shape):
        raise UnknownError(f"{what} is of shape {list(shape)}: convert it with fixed shapes")
    size = math.prod(shape) * TYPE_BYTES[kind]
    if size > MOST_TENSOR_BYTES:
        raise ModelError(f"{what} takes {size} bytes: at most {MOST_TENSOR_BYTES} are taken")
    if tensor.get("variable"):
        raise UnknownError(f"{what} is a variable: states of kws are inputs and outputs")
    buffer = tensor.get("buffer", 0)
    _there(buffer, len(buffers), f"{what}: a buffer")
    values = buffers[buffer].get("data")
    if values is not None and len(values) == 0:
        values = None
    if values is not None and len(values) != size:
        raise ModelError(f"{what} has {len(values)} bytes instead of {size}: it is damaged")
    return CheckedTensor(shape, kind, values, _scales(tensor, shape, kind, what))


def _scales(tensor: dict[str, Any], shape: tuple[int, ...], kind: int, what: str) -> Float32:
    """Check the scales of a tensor, and return them."""
    quantization = tensor.get("quantization", {})
    scales = np.frombuffer(quantization.get("scales", b""), "<f4")
    points = np.frombuffer(quantization.get("zero points", b""), "<i8")
    axis = quantization.get("axis", 0)
    if not len(scales):
        return np.empty(0, np.float32)
    if not (np.isfinite(scales).all() and (scales >= 0).all()):
        raise ModelError(f"{what} has a scale that is no positive number: it is damaged")
    # a channel of zeros may have the scale 0
    usual = (scales == 0) | ((scales >= LEAST_SCALE) & (scales <= MOST_SCALE))
    if kind in QUANTIZED and not usual.all():
        raise ModelError(
            f"{what} has a scale beyond {LEAST_SCALE:.0e} to {MOST_SCALE:.0e}: it is damaged"
        )
    if len(points) not in (0, len(scales)) and not (len(points) == 1):
        raise ModelError(f"{what} has {len(scales)} scales and {len(points)} zero points")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise ModelError(f"{what} has {len(scales)} scales: one is wanted, or one per channel")
    least, most = _LIMITS.get(kind, (0, 0))
    if kind in _LIMITS and len(points) and not (least <= points.min() <= points.max() <= most):
        raise ModelError(f"{what} has a zero point that its type does not have: it is damaged")
    return scales


def _check_signatures(model: dict[str, Any], graph: dict[str, Any], tensors: int) -> None:
    for signature in model.get("signatures", ()):
        _there(signature.get("graph", 0), 1, "a signature: a graph")
        for which in ("inputs", "outputs"):
            for one in signature.get(which, ()):
                _there(one.get("tensor", 0), tensors, "a signature: a tensor")


def _check_order(
    model: dict[str, Any], graph: dict[str, Any], tensors: list[CheckedTensor]
) -> None:
    """Check that each operator takes what is there, and gives what nothing else gives."""
    kinds = [_kind(code) for code in model.get("kinds", ())]
    given = [tensor.values is not None for tensor in tensors]
    for number in _indices(graph, "inputs", len(tensors), "the network", 0):
        if given[number]:
            raise ModelError(f"the network takes tensor {number}, which is there already")
        given[number] = True
    computed = 0
    for number, operator in enumerate(graph.get("operators", ())):
        what = f"operator {number}"
        _there(operator.get("kind", 0), len(kinds), f"{what}: a kind")
        kind = kinds[operator.get("kind", 0)]
        inputs = _indices(operator, "inputs", len(tensors), what, -1)
        outputs = _indices(operator, "outputs", len(tensors), what, 0)
        for one in inputs:
            if one >= 0 and not given[one]:
                raise ModelError(f"{what} takes tensor {one}, which is not there yet")
        for one in outputs:
            if given[one]:
                raise ModelError(f"{what} gives tensor {one}, which is there already")
            given[one] = True
            computed += tensors[one].bytes
        check_operator(
            number,
            kind,
            operator.get("options kind", 0),
            operator.get("options", {}),
            [tensors[one] if one >= 0 else None for one in inputs],
            [tensors[one] for one in outputs],
        )
    if computed > MOST_COMPUTED_BYTES:
        raise ModelError(f"the network computes {computed} bytes: {MOST_COMPUTED_BYTES} at most")
    for number in _indices(graph, "outputs", len(tensors), "the network", 0):
        if not given[number]:
            raise ModelError(f"the network gives tensor {number}, which nothing computes")


def _kind(code: dict[str, Any]) -> int:
    """Return the kind of an operator: old files have it in a byte of its own."""
    kind = max(code.get("kind", 0), code.get("old kind", 0))
    if kind not in KINDS:
        raise UnknownError(f"operators of kind {kind} are not known")
    return int(kind)


def _indices(table: dict[str, Any], name: str, tensors: int, what: str, least: int) -> list[int]:
    numbers: list[int] = np.frombuffer(table.get(name, b""), "<i4").tolist()
    if not numbers or not all(least <= number < tensors for number in numbers):
        raise ModelError(f"{what}: {name} name a tensor that is not there: it is damaged")
    return numbers


def _there(number: int, count: int, what: str) -> None:
    if not 0 <= number < count:
        raise ModelError(f"{what} {number} is not there: the network is damaged")
