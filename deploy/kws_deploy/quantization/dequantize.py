"""A quantized TFLite network as the float32 network that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.errors import KwsError
from kws_training.networks.tflite import TFLiteError, dequantized, load_schema, operator_names
from kws_training.networks.tflite_objects import (
    MOST_CONSTANT_BYTES,
    constant,
    is_quantized,
    kind_of,
    unpack,
    write_flatbuffer,
)


class QuantizationError(KwsError):
    """A network that cannot be quantized, or taken apart."""


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
    except QuantizationError:
        raise
    except TFLiteError as error:
        raise QuantizationError(str(error)) from None
    except Exception:  # what is well-formed may still be of no network
        raise QuantizationError(
            "the network is damaged: give a .tflite file that kws wrote"
        ) from None


def _to_float(network: bytes) -> bytes:
    types = load_schema().TensorType
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
        meant = _as_float(tensor, stored, types)
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
            if total > MOST_CONSTANT_BYTES:
                raise QuantizationError(
                    f"the network has more than {MOST_CONSTANT_BYTES // 2**20} MiB of weights"
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
            options.quantizedBiasType = types.FLOAT32
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
    quantization = tensor.quantization  # which the tensor itself is about to lose
    return lambda: _real_values(quantization, stored)


def _real_values(quantization: Any, stored: npt.NDArray[Any]) -> Float32:
    """Return what the stored values of a constant stand for; refuse what is not finite."""
    points = quantization.zeroPoint
    if points is None or not len(points):
        points = np.zeros(len(quantization.scale))
    values = dequantized(stored, quantization.scale, points, quantization.quantizedDimension)
    if not np.isfinite(values).all():
        raise QuantizationError("the network has weights that are not finite: it is damaged")
    return values


def _drop_conversions(model: Any) -> None:
    """Take out QUANTIZE and DEQUANTIZE: between float32 and float32 they do nothing."""
    graph, names = model.subgraphs[0], operator_names()
    fixed = {int(index) for index in (*graph.inputs, *graph.outputs)}
    replaced: dict[int, int] = {}

    def now(index: int) -> int:
        while index in replaced:
            index = replaced[index]
        return index

    kept = []
    for operator in graph.operators:
        if names.get(kind_of(model, operator)) not in ("QUANTIZE", "DEQUANTIZE"):
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
