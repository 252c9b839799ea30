"""A quantized TFLite network as the float32 network that it stands for."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws_training.networks.convert import write_flatbuffer

#: What is taken apart in Python is bounded first: a flatbuffer may name one vector many times, so
#: that a small file unfolds into a large one. Networks of this project have some hundred tensors.
MOST_TENSORS = 10_000
MOST_NAME_BYTES = 1000
MOST_DIMENSIONS = 8
#: All constants of a network together, as float32.
MOST_FLOAT_BYTES = 256 * 2**20
#: What taking a damaged flatbuffer apart raises.
_DAMAGE = (struct.error, ValueError, TypeError, IndexError, KeyError, AttributeError, MemoryError)


class QuantizationError(KwsError):
    """A network that cannot be quantized, or taken apart."""


def unpack(network: bytes) -> Any:
    """Return the schema's object of a TFLite network, its sizes checked before they are believed.

    Signatures, metadata and calibrated ranges are left out: nothing here reads them.

    Parameters
    ----------
    network : bytes
        A flatbuffer, trusted in nothing.

    Returns
    -------
    ai_edge_litert.schema_py_generated.ModelT
        With one graph.

    Raises
    ------
    QuantizationError
        If it is damaged, has more than one graph, or is far larger than a model of this project.
    """
    try:
        return _unpack(network)
    except _DAMAGE:
        raise QuantizationError(
            "the network is damaged: give a .tflite file that kws wrote"
        ) from None


def _unpack(network: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    if network[4:8] != b"TFL3":
        raise QuantizationError("not a TFLite network: give a .tflite file that kws wrote")
    table = schema.Model.GetRootAs(network, 0)
    graphs = table.SubgraphsLength()
    if graphs != 1:
        raise QuantizationError(f"the network has {graphs} graphs, not one")
    graph = table.Subgraphs(0)
    counts = {
        "tensors": graph.TensorsLength(),
        "operators": graph.OperatorsLength(),
        "buffers": table.BuffersLength(),
        "kinds of operators": table.OperatorCodesLength(),
        "inputs": graph.InputsLength(),
        "outputs": graph.OutputsLength(),
    }
    for what, count in counts.items():
        if not 0 < count <= MOST_TENSORS:
            raise QuantizationError(f"the network has {count} {what}: 1 to {MOST_TENSORS} are read")
    for number in range(counts["tensors"]):
        _check_tensor(graph.Tensors(number), counts["buffers"])
    for number in range(counts["operators"]):
        operator = graph.Operators(number)
        if max(operator.InputsLength(), operator.OutputsLength()) > MOST_TENSORS:
            raise QuantizationError("an operator of the network has too many inputs")
    for number in range(counts["kinds of operators"]):
        if _string_bytes(table.OperatorCodes(number), 6) > MOST_NAME_BYTES:
            raise QuantizationError("an operator of the network has a name that is too long")

    model = schema.ModelT()
    model.version = table.Version()
    model.description = b"kws"
    model.operatorCodes = [
        schema.OperatorCodeT.InitFromObj(table.OperatorCodes(number))
        for number in range(counts["kinds of operators"])
    ]
    model.buffers = _buffers(schema, table, network)
    unpacked = schema.SubGraphT()
    unpacked.name = b""
    unpacked.inputs = graph.InputsAsNumpy()
    unpacked.outputs = graph.OutputsAsNumpy()
    unpacked.tensors = [
        schema.TensorT.InitFromObj(graph.Tensors(number)) for number in range(counts["tensors"])
    ]
    unpacked.operators = [
        schema.OperatorT.InitFromObj(graph.Operators(number))
        for number in range(counts["operators"])
    ]
    model.subgraphs = [unpacked]
    model.signatureDefs = []
    model.metadata = []
    _check_indices(unpacked, counts)
    for tensor in unpacked.tensors:
        if tensor.quantization is not None:
            tensor.quantization.min = tensor.quantization.max = None
    return model


def _buffers(schema: Any, table: Any, network: bytes) -> list[Any]:
    """Return the constants, also those that lie behind the flatbuffer as large ones may."""
    buffers, total = [], 0
    for number in range(table.BuffersLength()):
        buffer = schema.BufferT.InitFromObj(table.Buffers(number))
        if buffer.offset > 1:  # 0 and 1: there is none behind it
            if buffer.offset + buffer.size > len(network):
                raise QuantizationError("the network is cut off: its weights are not all there")
            buffer.data = np.frombuffer(network, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
        total += 0 if buffer.data is None else len(buffer.data)
        if total > MOST_FLOAT_BYTES:
            raise QuantizationError(
                f"the network has more than {MOST_FLOAT_BYTES // 2**20} MiB of constants"
            )
        buffers.append(buffer)
    return buffers


def _check_tensor(tensor: Any, buffers: int) -> None:
    """Refuse a tensor that asks for more than it can have."""
    if _string_bytes(tensor, 10) > MOST_NAME_BYTES or tensor.ShapeLength() > MOST_DIMENSIONS:
        raise QuantizationError("a tensor of the network has a name or shape that is too long")
    if tensor.Sparsity() is not None or tensor.VariantTensorsLength():
        raise QuantizationError("a tensor of the network is sparse: only plain ones are read")
    shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
    if tensor.Buffer() >= buffers or any(size < 0 for size in shape):
        raise QuantizationError("a tensor of the network points nowhere")
    quantization = tensor.Quantization()
    if quantization is not None:
        scales = quantization.ScaleLength()
        axis = quantization.QuantizedDimension()
        per_axis = 0 <= axis < len(shape) and scales == shape[axis]
        if scales > 1 and not per_axis:
            raise QuantizationError(f"a tensor of the network has {scales} scales, for {shape}")
        if quantization.ZeroPointLength() > max(scales, 1):
            raise QuantizationError("a tensor of the network has more zero points than scales")
        if quantization.DetailsType():
            raise QuantizationError("a tensor of the network is quantized in a way of its own")


def _string_bytes(table: Any, slot: int) -> int:
    """Return the length of a text of a flatbuffer's table without copying it."""
    offset = table._tab.Offset(slot)
    return int(table._tab.VectorLen(offset)) if offset else 0


def _check_indices(graph: Any, counts: dict[str, int]) -> None:
    """Refuse operators that name tensors or kinds that are not there."""
    lists = [graph.inputs, graph.outputs]
    for operator in graph.operators:
        if not 0 <= operator.opcodeIndex < counts["kinds of operators"]:
            raise QuantizationError("an operator of the network is of no kind")
        if operator.inputs is None or operator.outputs is None:
            raise QuantizationError("an operator of the network has no inputs or outputs")
        lists += [operator.outputs, [index for index in operator.inputs if index != -1]]
    if any(not 0 <= index < counts["tensors"] for indices in lists for index in indices):
        raise QuantizationError("an operator of the network names a tensor that is not there")


def kind_of(model: Any, operator: Any) -> int:
    """Return the number of an operator's kind, as in the schema's BuiltinOperator."""
    code = model.operatorCodes[operator.opcodeIndex]
    # old files have the kind in a byte of its own, and 0 (ADD) or nothing in the newer place
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def constant(model: Any, tensor: Any) -> npt.NDArray[Any] | None:
    """Return the values of a constant tensor as they are stored, or None of any other tensor.

    Raises
    ------
    QuantizationError
        If the tensor is of a type without a NumPy equivalent, or its values are cut off.
    """
    data = model.buffers[tensor.buffer].data
    if tensor.buffer == 0 or data is None or len(data) == 0:
        return None
    name = (tensor.name or b"").decode(errors="replace")
    dtype = _dtypes().get(tensor.type)
    if dtype is None:
        raise QuantizationError(
            f"tensor {name!r:.60} is of a type that is not read ({tensor.type})"
        )
    shape = tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
    if math.prod(shape) * dtype.itemsize != len(data):
        raise QuantizationError(f"tensor {name!r:.60} holds {len(data)} bytes, for {shape}")
    return np.frombuffer(bytes(data), dtype).reshape(shape)


def _dtypes() -> dict[int, np.dtype[Any]]:
    from ai_edge_litert.schema_py_generated import TensorType

    names = ("FLOAT32", "FLOAT16", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL")
    return {getattr(TensorType, name): np.dtype(name.lower()).newbyteorder("<") for name in names}


def real_values(tensor: Any, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return what the stored values of a quantized tensor mean: ``scale * (stored - zero)``.

    Affine quantization as the interpreter defines it (https://ai.google.dev/edge/litert/models/
    quantization_spec).
    """
    quantization = tensor.quantization
    scale = np.asarray(quantization.scale, np.float64)
    zero = quantization.zeroPoint
    zeros = np.asarray(0 if zero is None or not len(zero) else zero, np.float64)
    if len(scale) > 1:
        shape = [1] * stored.ndim
        shape[quantization.quantizedDimension] = -1
        scale = scale.reshape(shape)
        zeros = zeros.reshape(shape) if zeros.size > 1 else zeros
    with np.errstate(all="ignore"):
        values = ((stored - zeros) * scale).astype(np.float32).reshape(stored.shape)
    if not np.isfinite(values).all():
        raise QuantizationError("the network has weights that are not finite: it is damaged")
    return values


def is_quantized(tensor: Any) -> bool:
    """Tell whether a tensor's numbers stand for others."""
    quantization = tensor.quantization
    return (
        quantization is not None and quantization.scale is not None and len(quantization.scale) > 0
    )


def to_float(network: bytes) -> bytes:
    """Return a quantized network as float32: the same operators on dequantized weights.

    Tensors keep their names and shapes, inputs and outputs their order. QUANTIZE and DEQUANTIZE
    are dropped. A network that is float32 already comes out equal.

    Parameters
    ----------
    network : bytes
        A TFLite network in int8, int16x8, float16 or dynamic-range quantization.

    Raises
    ------
    QuantizationError
        If the network is damaged, or in a quantization that is not known.
    """
    try:
        return _to_float(network)
    except _DAMAGE:
        raise QuantizationError(
            "the network is damaged: give a .tflite file that kws wrote"
        ) from None


def _to_float(network: bytes) -> bytes:
    from ai_edge_litert.schema_py_generated import TensorType

    model = unpack(network)
    graph = model.subgraphs[0]
    used = {int(index) for operator in graph.operators for index in operator.inputs}
    used |= {int(index) for index in (*graph.inputs, *graph.outputs)}
    used |= {int(index) for operator in graph.operators for index in operator.outputs}
    buffers: list[Any] = [type(model.buffers[0])()]
    written: dict[tuple[Any, ...], int] = {}
    total = 0
    for number, tensor in enumerate(graph.tensors):
        stored = constant(model, tensor) if number in used else None
        meant = _as_float(tensor, stored, TensorType)
        key: tuple[Any, ...] = (tensor.buffer, tensor.type)
        if is_quantized(tensor):
            quantization = tensor.quantization
            zero = quantization.zeroPoint
            key += (
                np.asarray(quantization.scale).tobytes(),
                b"" if zero is None else np.asarray(zero).tobytes(),
                quantization.quantizedDimension,
            )
        tensor.quantization = None
        if stored is None:
            tensor.buffer = 0
            continue
        if key not in written:
            values = stored if meant is None else meant()
            total += values.nbytes
            if total > MOST_FLOAT_BYTES:
                raise QuantizationError(
                    f"the network has more than {MOST_FLOAT_BYTES // 2**20} MiB of weights"
                )
            buffer = type(model.buffers[0])()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            written[key] = len(buffers)
            buffers.append(buffer)
        tensor.buffer = written[key]
    model.buffers = buffers
    _drop_conversions(model)
    for operator in graph.operators:
        options = operator.builtinOptions
        if hasattr(options, "quantizedBiasType"):
            options.quantizedBiasType = TensorType.FLOAT32
        if hasattr(options, "asymmetricQuantizeInputs"):
            options.asymmetricQuantizeInputs = False
    _drop_unused(model)
    return write_flatbuffer(model, 2 * len(network))


def _as_float(tensor: Any, stored: npt.NDArray[Any] | None, types: Any) -> Any:
    """Make a tensor float32; returns what computes its values, or None where they stay."""
    if tensor.type == types.FLOAT16:
        tensor.type = types.FLOAT32
        return None if stored is None else lambda: stored.astype(np.float32)
    if not is_quantized(tensor) or tensor.type == types.FLOAT32:
        return None
    if tensor.type not in (types.INT8, types.UINT8, types.INT16, types.INT32, types.INT64):
        raise QuantizationError(f"a tensor of type {tensor.type} is quantized: it is not read")
    tensor.type = types.FLOAT32
    if stored is None:
        return None
    old = _frozen(tensor)
    return lambda: real_values(old, stored)


def _frozen(tensor: Any) -> Any:
    """Keep a tensor's quantization, which the tensor itself is about to lose."""
    kept = type(tensor)()
    kept.quantization = tensor.quantization
    return kept


def _drop_conversions(model: Any) -> None:
    """Take out QUANTIZE and DEQUANTIZE: between float32 and float32 they do nothing."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    graph = model.subgraphs[0]
    fixed = {int(index) for index in (*graph.inputs, *graph.outputs)}
    replaced: dict[int, int] = {}

    def now(index: int) -> int:
        while index in replaced:
            index = replaced[index]
        return index

    kept = []
    for operator in graph.operators:
        if kind_of(model, operator) not in (BuiltinOperator.QUANTIZE, BuiltinOperator.DEQUANTIZE):
            kept.append(operator)
            continue
        if len(operator.inputs) != 1 or len(operator.outputs) != 1:
            raise QuantizationError("a QUANTIZE of the network has not one input and one output")
        source, result = now(int(operator.inputs[0])), now(int(operator.outputs[0]))
        if source == result:
            raise QuantizationError("a QUANTIZE of the network feeds itself")
        if result not in fixed:
            replaced[result] = source
        elif source not in fixed and graph.tensors[source].buffer == 0:
            replaced[source] = result  # an output keeps its name
        else:
            raise QuantizationError("an input of the network is an output too, converted")
    for operator in kept:
        operator.inputs = [now(int(index)) for index in operator.inputs]
        operator.outputs = [now(int(index)) for index in operator.outputs]
    graph.operators = kept


def _drop_unused(model: Any) -> None:
    """Take out tensors, buffers and kinds of operators that nothing names any more."""
    graph = model.subgraphs[0]
    used = sorted(
        {int(index) for index in (*graph.inputs, *graph.outputs)}
        | {
            int(index)
            for operator in graph.operators
            for index in (*operator.inputs, *operator.outputs)
            if index != -1
        }
    )
    place = {old: new for new, old in enumerate(used)} | {-1: -1}
    graph.tensors = [graph.tensors[index] for index in used]
    graph.inputs = [place[int(index)] for index in graph.inputs]
    graph.outputs = [place[int(index)] for index in graph.outputs]
    for operator in graph.operators:
        operator.inputs = [place[int(index)] for index in operator.inputs]
        operator.outputs = [place[int(index)] for index in operator.outputs]
    buffers = [0, *sorted({tensor.buffer for tensor in graph.tensors} - {0})]
    moved = {old: new for new, old in enumerate(buffers)}
    model.buffers = [model.buffers[index] for index in buffers]
    model.buffers[0].data = None
    for tensor in graph.tensors:
        tensor.buffer = moved[tensor.buffer]
    codes = sorted({operator.opcodeIndex for operator in graph.operators})
    recoded = {old: new for new, old in enumerate(codes)}
    model.operatorCodes = [model.operatorCodes[index] for index in codes]
    for operator in graph.operators:
        operator.opcodeIndex = recoded[operator.opcodeIndex]
