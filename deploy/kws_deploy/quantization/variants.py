"""A float32 network in other number formats: int8, int16x8, float16, dynamic range.

The work on the graph is done by ai-edge-quantizer; the ranges are ours, because the runtime copies
states from step to step as they are, so that each must have the quantization of its successor.
Weights are quantized per channel, symmetrically; activations per tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from kws.console import quiet
from kws.metadata import StreamingContract
from kws.network import interpreter_class
from kws_training.networks.tflite import operator_names
from kws_training.networks.tflite_objects import kind_of, unpack, write_flatbuffer

from .dequantize import QuantizationError
from .graph import name_of, shared_scales, tidy
from .ranges import Range

#: By how much ranges are widened where there are 16 bits: one of them buys room for what was not
#: heard in calibration. Measured on the model in the package: 36.7 dB at the logits without, 75 dB
#: with 1.5, 71 dB with 2.
HEADROOM = 2.0
Precision = Literal["float32", "float16", "dynamic", "int16x8", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
#: Types of the input and the output that each can have; the states have their own.
TYPES = {
    "float32": ("float32",),
    "float16": ("float32",),
    "dynamic": ("float32",),
    "int16x8": ("int16", "int8", "float32"),
    "int8": ("int8", "int16", "float32"),
}


def check_types(precision: str, input_type: str | None, output_type: str | None) -> None:
    """Refuse types of input and output that a precision cannot have.

    Parameters
    ----------
    precision : str
        One of `PRECISIONS`.
    input_type, output_type : str or None
        Types of the input and of the output; None takes the usual ones.

    Raises
    ------
    QuantizationError
        If the precision cannot have one of them.
    """
    for side, wanted in (("input", input_type), ("output", output_type)):
        if wanted is not None and wanted not in TYPES[precision]:
            raise QuantizationError(
                f"--{side}-type {wanted}: a {precision} network can have "
                f"{', '.join(TYPES[precision])}"
            )


def quantize(
    network: bytes,
    contract: StreamingContract,
    precision: Precision,
    ranges: Mapping[str, Range],
    higher: Sequence[str] = (),
    input_type: str | None = None,
    output_type: str | None = None,
) -> bytes:
    """Return a float32 network in another precision.

    Parameters
    ----------
    network : bytes
        Float32, with names as `graph.named` gives them.
    contract : StreamingContract
        Names of inputs and outputs, which stay.
    precision : {"float32", "float16", "dynamic", "int16x8", "int8"}
        dynamic: int8 weights, float32 activations that the kernels quantize as they run.
    ranges : mapping of str to (float, float)
        The least and the largest value of each activation; see `ranges.measure_ranges`.
    higher : sequence of str
        For int8: names of results of operators whose activations have 16 bits instead.
    input_type, output_type : str, optional
        One of `TYPES`; the first of them unless said.

    Raises
    ------
    QuantizationError
        If the precision cannot have the type, or the states come out unequal.
    """
    check_types(precision, input_type, output_type)
    if precision == "float32":
        return tidy(network, contract)
    content = quantize_graph(network, contract, precision, ranges, higher)
    model = unpack(content)
    for index_of, name, wanted in (
        ("inputs", contract.input, input_type or TYPES[precision][0]),
        ("outputs", contract.output, output_type or TYPES[precision][0]),
    ):
        _retype(model, index_of, name, wanted)
    made = tidy(write_flatbuffer(model, len(content)), contract)
    check_states(made, contract)
    return made


def quantize_graph(
    network: bytes,
    contract: StreamingContract,
    precision: Precision,
    ranges: Mapping[str, Range],
    higher: Sequence[str] = (),
) -> bytes:
    """Return a float32 network in another precision, its tensors still named; see `quantize`.

    Parameters
    ----------
    network : bytes
        A TFLite network whose every tensor has a name: see `named`.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    precision : str
        One of `PRECISIONS`.
    ranges : mapping of str to Range
        The smallest and largest value of each activation.
    higher : sequence of str
        Names of the results that get 16 bits in an int8 network.

    Raises
    ------
    QuantizationError
        If the precision does not fit the network.
    """
    with quiet():
        from ai_edge_quantizer import quantizer

        model = unpack(network)
        worker = quantizer.Quantizer(bytearray(network), _recipe(precision, higher))
        statistics = None
        if worker.need_calibration:
            room = HEADROOM if precision == "int16x8" else 1.0
            statistics = _statistics(model, shared_scales(model, contract), ranges, room)
        try:
            made = worker.quantize(statistics, enable_progress_report=False)
        except (ValueError, RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise QuantizationError(f"{precision}: the network cannot have it ({reason})") from None
    quantized = unpack(bytes(made.quantized_model))
    _general_scales(quantized)
    _peel_states(quantized, contract)
    return write_flatbuffer(quantized, len(network))


def _recipe(precision: str, higher: Sequence[str]) -> list[dict[str, Any]]:
    from ai_edge_quantizer import recipe

    if precision == "dynamic":
        return list(recipe.dynamic_wi8_afp32())
    if precision == "float16":
        # no recipe of the package has it; its test of float casting does
        weights = {"num_bits": 16, "dtype": "FLOAT", "symmetric": True, "granularity": "TENSORWISE"}
        return [
            {
                "regex": ".*",
                "operation": kind,
                "algorithm_key": "float_casting",
                "op_config": {
                    "weight_tensor_config": weights,
                    "compute_precision": "FLOAT",
                    "explicit_dequantize": True,
                },
            }
            for kind in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
        ]
    if precision == "int16x8":
        return list(recipe.static_wi8_ai16())
    # the names of an operator's results; those of all inputs and outputs together fit none
    wider = recipe.static_wi8_ai16()
    exceptions = [{**entry, "regex": f"^{name};?$"} for name in higher for entry in wider]
    return [*recipe.static_wi8_ai8(), *exceptions]


def _statistics(
    model: Any, groups: Sequence[frozenset[str]], ranges: Mapping[str, Range], room: float
) -> dict[str, Any]:
    """Return the ranges as ai-edge-quantizer takes them: one for all that share a scale."""
    graph = model.subgraphs[0]
    rank = {
        name_of(model, number): 0 if tensor.shape is None else len(tensor.shape)
        for number, tensor in enumerate(graph.tensors)
    }
    made = {}
    for group in groups:
        low = room * min(ranges[name][0] for name in group)
        high = room * max(ranges[name][1] for name in group)
        for name in group:
            shape = (1,) * rank[name]
            made[name] = {
                "min": np.full(shape, low, np.float32),
                "max": np.full(shape, high, np.float32),
            }
    return made


def _general_scales(model: Any) -> None:
    """Say that int16 sums have any scale; by default they were made for powers of two."""
    for operator in model.subgraphs[0].operators:
        if hasattr(operator.builtinOptions, "potScaleInt16"):
            operator.builtinOptions.potScaleInt16 = False


def _peel_states(model: Any, contract: StreamingContract) -> None:
    """Let states have the type in which the network uses them.

    Where some operators are wider than others, every input and output is given as int8, and
    converted inside: a state would be rounded twice in each step.
    """
    graph, names = model.subgraphs[0], operator_names()
    conversions = [
        operator
        for operator in graph.operators
        if names.get(kind_of(model, operator)) in ("QUANTIZE", "DEQUANTIZE")
    ]
    inputs = [int(index) for index in graph.inputs]
    outputs = [int(index) for index in graph.outputs]
    for before, after in contract.states:
        for operator in conversions:
            source, result = int(operator.inputs[0]), int(operator.outputs[0])
            users = sum(source in one.inputs for one in graph.operators)
            if source in inputs and name_of(model, source) == before and users == 1:
                inputs[inputs.index(source)] = result
                graph.tensors[result].name = before.encode()
                graph.tensors[source].name = b""
                graph.operators.remove(operator)
            elif result in outputs and name_of(model, source) == after:
                outputs[outputs.index(result)] = source
                graph.operators.remove(operator)
    for operator in conversions:  # the other outputs keep their conversion, and their name
        source, result = int(operator.inputs[0]), int(operator.outputs[0])
        if result in outputs and operator in graph.operators:
            graph.tensors[result].name = graph.tensors[source].name
            graph.tensors[source].name += b"_wide"
    graph.inputs, graph.outputs = inputs, outputs


def _retype(model: Any, side: str, name: str, wanted: str) -> None:
    """Give an input or output another type, by a QUANTIZE or DEQUANTIZE after or before it.

    Between int8 and int16 the range stays: an int16 step is 1/256 of an int8 step.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    types = {
        "float32": schema.TensorType.FLOAT32,
        "int8": schema.TensorType.INT8,
        "int16": schema.TensorType.INT16,
    }
    indices = [int(index) for index in getattr(graph, side)]
    index = next(i for i in indices if graph.tensors[i].name == name.encode())
    inner = graph.tensors[index]
    if inner.type == types[wanted]:
        return
    if inner.type == types["float32"]:
        raise QuantizationError(
            f"{name} stays float32: the quantizer does not know the operator beside it"
        )
    outer = schema.TensorT()
    outer.name, outer.shape, outer.type, outer.buffer = inner.name, inner.shape, types[wanted], 0
    outer.shapeSignature, outer.hasRank = inner.shapeSignature, inner.hasRank
    outer.quantization = _requantized(schema, inner, wanted)
    inner.name = b""
    graph.tensors.append(outer)
    new = len(graph.tensors) - 1
    setattr(graph, side, [new if i == index else i for i in indices])
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = ([new], [index]) if side == "inputs" else ([index], [new])
    to_real = wanted == "float32" and side == "outputs"
    kind = schema.BuiltinOperator.DEQUANTIZE if to_real else schema.BuiltinOperator.QUANTIZE
    operator.opcodeIndex = _code(model, schema, kind)
    if side == "inputs":
        graph.operators.insert(0, operator)
    else:
        graph.operators.append(operator)


def _requantized(schema: Any, inner: Any, wanted: str) -> Any:
    if wanted == "float32":
        return None
    made = schema.QuantizationParametersT()
    scale, zero = float(inner.quantization.scale[0]), int(inner.quantization.zeroPoint[0])
    if wanted == "int16":  # symmetric, as the kernels want it, and all of the range of int8
        most = max(127 - zero, 128 + zero)
        made.scale, made.zeroPoint = [scale * most / 32767], [0]
    else:  # from int16, which is symmetric
        made.scale, made.zeroPoint = [scale * 32767 / 127], [0]
    return made


def _code(model: Any, schema: Any, kind: int) -> int:
    """Return the index of a kind of operator, which is added where it is missing."""
    for number, code in enumerate(model.operatorCodes):
        if max(int(code.builtinCode), int(code.deprecatedBuiltinCode)) == kind:
            return number
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 2  # QUANTIZE of int16
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def check_states(network: bytes, contract: StreamingContract) -> None:
    """Refuse a network whose states differ from their successors.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.

    Raises
    ------
    QuantizationError
        Such a state would mean something else in the next step.
    """
    with quiet():
        interpreter = interpreter_class()(model_content=network)
    inputs = {tensor["name"]: tensor for tensor in interpreter.get_input_details()}
    outputs = {tensor["name"]: tensor for tensor in interpreter.get_output_details()}
    for before, after in contract.states:
        old, new = inputs[before], outputs[after]
        if old["quantization"] != new["quantization"] or old["dtype"] != new["dtype"]:
            raise QuantizationError(
                f"state {before!r} and its successor {after!r} come out in different "
                "quantizations: keep them in one precision"
            )
