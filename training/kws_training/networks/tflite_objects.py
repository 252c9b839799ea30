"""TFLite networks as objects that can be changed: taken apart, and written again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .tflite import Graph, TFLiteError, decoded, load_schema, read_graph, type_names

#: Bytes of all constants of a network together, at most. A flatbuffer may name one vector many
#: times, so that a small file unfolds into a large one; whole YAMNet has 15 million.
MOST_CONSTANT_BYTES = 256 * 2**20


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
        With one graph; every number of a tensor in it is that of a tensor that is there.

    Raises
    ------
    TFLiteError
        If it is damaged, lacks tensors, operators, inputs or outputs, or is far larger than a
        model of this project.
    """
    graph = read_graph(network)
    _check_complete(graph)
    try:
        return _unpack(network, graph)
    except TFLiteError:
        raise
    except Exception as error:  # a damaged flatbuffer raises whatever its offsets lead to
        reason = " ".join(str(error).split())[:200]
        raise TFLiteError(
            f"the network is damaged ({reason}): write it anew from its source"
        ) from None


def write_flatbuffer(model: Any, size: int) -> bytes:
    """Return the bytes of a TFLite model.

    Parameters
    ----------
    model : ai_edge_litert.schema_py_generated.ModelT
        The schema's object; its quantization parameters are replaced by ones that share vectors.
    size : int
        Bytes that it takes, about.
    """
    import flatbuffers

    schema = load_schema()
    builder = flatbuffers.Builder(size)
    # int8 weights have a zero point per channel, all of them 0: a fifth of a small file, unless
    # vectors of the same length are written once
    shared: dict[int, int] = {}

    def vector(values: npt.ArrayLike) -> int:
        zeros = np.asarray(values, np.int64)
        if len(zeros) not in shared:
            shared[len(zeros)] = builder.CreateNumpyVector(zeros)
        return shared[len(zeros)]

    for tensor in model.subgraphs[0].tensors:
        old = tensor.quantization
        if old is not None and old.zeroPoint is not None and not np.any(old.zeroPoint):
            tensor.quantization = _shared_quantization(schema, old, vector)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def kind_of(model: Any, operator: Any) -> int:
    """Return the number of an operator's kind, as in the schema's BuiltinOperator.

    Parameters
    ----------
    model : ai_edge_litert.schema_py_generated.ModelT
        The network, as `unpack` gives it.
    operator : ai_edge_litert.schema_py_generated.OperatorT
        One of its operators.
    """
    code = model.operatorCodes[operator.opcodeIndex]
    # old files have the kind in a byte of its own, and 0 (ADD) or nothing in the newer place
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def constant(model: Any, tensor: Any) -> npt.NDArray[Any] | None:
    """Return the values of a constant tensor as they are stored, or None of any other tensor.

    Parameters
    ----------
    model : ai_edge_litert.schema_py_generated.ModelT
        The network, as `unpack` gives it.
    tensor : ai_edge_litert.schema_py_generated.TensorT
        One of its tensors.

    Raises
    ------
    TFLiteError
        If the tensor is of a type without a NumPy equivalent, or its values are cut off.
    """
    data = model.buffers[tensor.buffer].data
    if tensor.buffer == 0 or data is None or len(data) == 0:
        return None
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    name = (tensor.name or b"").decode(errors="replace")
    kind = type_names().get(tensor.type, f"type {tensor.type}")
    return decoded(np.asarray(data, np.uint8), kind, shape, f"tensor {name!r:.60}")


def is_quantized(tensor: Any) -> bool:
    """Tell whether a tensor's numbers stand for others.

    Parameters
    ----------
    tensor : ai_edge_litert.schema_py_generated.TensorT
        A tensor of a network that `unpack` took apart.
    """
    quantization = tensor.quantization
    return (
        quantization is not None and quantization.scale is not None and len(quantization.scale) > 0
    )


def _check_complete(graph: Graph) -> None:
    """Refuse a network that is well-formed, but computes nothing."""
    parts = {
        "tensors": graph.tensors,
        "operators": graph.operators,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
    }
    for what, values in parts.items():
        if not values:
            raise TFLiteError(f"the network has no {what}")
    for operator in graph.operators:
        if not operator.inputs or not operator.outputs:
            raise TFLiteError(f"operator {operator.number} has no inputs or outputs")
    for tensor in graph.tensors:
        tensor.check_scales()
        if any(size < 0 for size in tensor.shape):
            raise TFLiteError(f"tensor {tensor.number} leaves its size open: fix its shape first")


def _unpack(network: bytes, graph: Graph) -> Any:
    schema = load_schema()
    table = schema.Model.GetRootAs(network, 0)
    subgraph = table.Subgraphs(0)
    model = schema.ModelT()
    model.version = table.Version()
    model.description = b"kws"
    model.operatorCodes = [
        schema.OperatorCodeT.InitFromObj(table.OperatorCodes(number))
        for number in range(table.OperatorCodesLength())
    ]
    model.buffers = _buffers(schema, table, network)
    unpacked = schema.SubGraphT()
    unpacked.name = b""
    unpacked.inputs = subgraph.InputsAsNumpy()
    unpacked.outputs = subgraph.OutputsAsNumpy()
    unpacked.tensors = [
        schema.TensorT.InitFromObj(subgraph.Tensors(number)) for number in range(len(graph.tensors))
    ]
    unpacked.operators = [
        schema.OperatorT.InitFromObj(subgraph.Operators(number))
        for number in range(len(graph.operators))
    ]
    model.subgraphs = [unpacked]
    model.signatureDefs = []
    model.metadata = []
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
                raise TFLiteError("the network is cut off: its weights are not all there")
            buffer.data = np.frombuffer(network, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
        total += 0 if buffer.data is None else len(buffer.data)
        if total > MOST_CONSTANT_BYTES:
            raise TFLiteError(
                f"the network has more than {MOST_CONSTANT_BYTES // 2**20} MiB of constants"
            )
        buffers.append(buffer)
    return buffers


def _shared_quantization(schema: Any, old: Any, vector: Callable[[npt.ArrayLike], int]) -> Any:
    """Return quantization parameters that are written with a shared vector of zero points."""

    class Shared(schema.QuantizationParametersT):  # type: ignore[misc]  # the schema has no types
        def Pack(self, builder: Any) -> int:  # noqa: N802  (the generated code's name)
            zero_point = vector(self.zeroPoint)
            scale = builder.CreateNumpyVector(np.asarray(self.scale, np.float32))
            schema.QuantizationParametersStart(builder)
            schema.QuantizationParametersAddScale(builder, scale)
            schema.QuantizationParametersAddZeroPoint(builder, zero_point)
            schema.QuantizationParametersAddQuantizedDimension(builder, self.quantizedDimension)
            return int(schema.QuantizationParametersEnd(builder))

    new = Shared()
    new.scale, new.zeroPoint = old.scale, old.zeroPoint
    new.quantizedDimension = old.quantizedDimension
    return new
