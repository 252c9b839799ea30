"""What each operator of a network becomes: calls of the kernels in ``sources/kws_kernels.c``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kws.errors import ModelError
from kws_training.networks.tflite import Graph, Operator, Tensor

from . import arithmetic
from .graph import MOST_DIMENSIONS, constant
from .literals import floating

#: Scales of input and output of an operator that only moves values may differ by this share.
_SAME = 1e-6


@dataclass(frozen=True)
class Call:
    """One call of a kernel.

    Attributes
    ----------
    kernel : str
        Function.
    type : str
        Of the constant that it takes.
    fields : dict of str to str
        Initializers of the constant's fields; a sequence is in braces.
    inputs : tuple of int
        Tensors whose addresses it takes; one below -1 is of ``constants``.
    output : int
        Tensor that it writes, or a part of.
    weights, bias : int8 and int32 array, or None
        What a convolution's constant points to.
    scales : tuple of str
        Initializers of its scales, one per channel.
    constants : dict of int to int8 array
        Inputs that the network does not have.
    """

    kernel: str
    type: str
    fields: dict[str, str]
    inputs: tuple[int, ...]
    output: int
    weights: npt.NDArray[np.int8] | None = None
    bias: npt.NDArray[np.int32] | None = None
    scales: tuple[str, ...] = ()
    constants: dict[int, npt.NDArray[np.int8]] = field(default_factory=dict)


def lower(graph: Graph, operator: Operator) -> list[Call]:
    """Return the calls that do what an operator does.

    Parameters
    ----------
    graph : Graph
        The network that the operator is of.
    operator : Operator
        The operator.

    Raises
    ------
    ModelError
        If the operator, or the way in which it is used, cannot be exported; says which.
    """
    if operator.kind not in _LOWERINGS:
        raise ModelError(
            f"operator {operator.kind} cannot be exported to C: build the student of "
            f"{', '.join(sorted(_LOWERINGS))}"
        )
    try:
        if not operator.inputs or not operator.outputs:
            raise ModelError("it has no input or no output: the file is damaged")
        return _LOWERINGS[operator.kind](graph, operator)
    except ModelError as error:
        name = graph.tensors[operator.outputs[0]].name if operator.outputs else "?"
        raise ModelError(f"operator {operator.kind} of {name!r:.100}: {error}") from None
    except (IndexError, TypeError, ValueError, ZeroDivisionError):
        raise ModelError(f"operator {operator.kind} does not hold together: damaged") from None


def _activation(graph: Graph, number: int) -> Tensor:
    """Return an int8 tensor with one scale, of at most four dimensions."""
    if number < 0:
        raise ModelError("an input is left out")
    tensor = graph.tensors[number]
    if tensor.type != "INT8" or len(tensor.scales) != 1:
        raise ModelError(
            f"{tensor.name!r:.100} is {tensor.type.lower()}, wanted int8: kws quantize --to int8"
        )
    if len(tensor.shape) > MOST_DIMENSIONS or tensor.size < 1:
        raise ModelError(f"{tensor.name!r:.100} has the shape {tensor.shape}")
    return tensor


def _pair(graph: Graph, operator: Operator, first: int = 0) -> tuple[Tensor, Tensor]:
    return _activation(graph, operator.inputs[first]), _activation(graph, operator.outputs[0])


def _unscaled(source: Tensor, out: Tensor) -> None:
    """Check that values can be moved as they are."""
    same = abs(float(source.scale) - float(out.scale)) <= _SAME * float(out.scale)
    if not same or source.zero_point != out.zero_point:
        raise ModelError(
            f"its input {source.name!r:.100} has another scale than its output: "
            "kws quantize gives both one"
        )


def _integers(graph: Graph, number: int) -> list[int]:
    """Return the values of a constant."""
    values = constant(graph.tensors[number]) if number >= 0 else None
    if values is None or values.dtype != np.int32:
        raise ModelError("its axes or bounds are no constants")
    return [int(value) for value in values.ravel()]


def _strides(shape: Sequence[int]) -> list[int]:
    """Return the steps between neighbours along each dimension, in elements."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _braces(values: Sequence[int]) -> str:
    return "{" + ", ".join(str(int(value)) for value in values) + "}"


def _four(values: Sequence[int], fill: int) -> list[int]:
    return [fill] * (MOST_DIMENSIONS - len(values)) + list(values)


def _scale(scale: np.float32, multiplier: int, shift: int) -> str:
    return f"KWS_SCALE({floating(scale)}, {multiplier}, {shift})"


def _span(total: int, kernel: int, stride: int, dilation: int, padding: int) -> tuple[int, int]:
    """Return how many outputs there are along a dimension, and the padding before it."""
    reach = (kernel - 1) * dilation + 1
    if min(total, kernel, stride, dilation) < 1:
        raise ModelError("a kernel, stride or dilation below 1")
    if padding == 1:  # VALID
        return (total - reach) // stride + 1, 0
    if padding != 0:
        raise ModelError(f"padding {padding} is not known")
    outputs = -(-total // stride)
    return outputs, max(0, (outputs - 1) * stride + reach - total) // 2


def _plane(tensor: Tensor) -> tuple[int, int, int]:
    """Return rows, columns and channels of an image; the batch must be one."""
    if len(tensor.shape) != 4 or tensor.shape[0] != 1:
        raise ModelError(f"{tensor.name!r:.100} is {tensor.shape}, wanted (1, rows, columns, …)")
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]


def _geometry(
    source: Tensor,
    out: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: int,
) -> dict[str, str]:
    """Return the fields that say which inputs an output sees."""
    (in_rows, in_columns, _), (out_rows, out_columns, _) = _plane(source), _plane(out)
    rows, above = _span(in_rows, kernel[0], stride[0], dilation[0], padding)
    columns, left = _span(in_columns, kernel[1], stride[1], dilation[1], padding)
    if (rows, columns) != (out_rows, out_columns):
        raise ModelError(f"gives {rows} x {columns}, but its output is {out.shape}")
    values = {
        "in_rows": in_rows,
        "in_columns": in_columns,
        "out_rows": rows,
        "out_columns": columns,
        "kernel_rows": kernel[0],
        "kernel_columns": kernel[1],
        "stride_rows": stride[0],
        "stride_columns": stride[1],
        "pad_rows": above,
        "pad_columns": left,
    }
    return {name: str(value) for name, value in values.items()}


def _range(out: Tensor, activation: int) -> dict[str, str]:
    low, high = arithmetic.activation_range(activation, out.scale, out.zero_point)
    return {"low": str(low), "high": str(high)}


@dataclass(frozen=True, eq=False)
class _Weighted:
    """What the call of a convolution has beside its geometry; the names are those of `Call`."""

    fields: dict[str, str]
    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    scales: tuple[str, ...]


def _weighted(
    graph: Graph, operator: Operator, channels: int, axis: int, activation: int
) -> _Weighted:
    """Return weights, biases, scales and zero points of a convolution's call."""
    source, out = _pair(graph, operator)
    weights = graph.tensors[operator.inputs[1]] if operator.inputs[1] >= 0 else None
    values = None if weights is None else constant(weights)
    if weights is None or values is None or values.dtype != np.int8:
        raise ModelError("its weights are no int8 constant: kws quantize --to int8")
    if (
        len(weights.scales) not in (1, channels)
        or (len(weights.scales) > 1 and weights.axis != axis)
        or weights.zero_points.any()
    ):
        raise ModelError("its weights are quantized in a way that no kernel takes")
    bias = np.zeros(channels, np.int32)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        tensor = graph.tensors[operator.inputs[2]]
        stored = constant(tensor)
        if stored is None or stored.dtype != np.int32 or tensor.size != channels:
            raise ModelError("its biases are no int32 constant")
        bias = np.asarray(stored.ravel(), np.int32)
    per_channel = np.broadcast_to(weights.scales, (channels,))
    scales = [arithmetic.product_scale(source.scale, one, out.scale) for one in per_channel]
    sums = np.abs(np.moveaxis(values, axis, 0).reshape(channels, -1).astype(np.int64))
    largest = 255 * sums.sum(axis=1) + np.abs(bias.astype(np.int64))
    for most, (_, _, shift) in zip(largest.tolist(), scales, strict=True):
        arithmetic.check_sum(most, shift)
    fields = {"in_zero": str(source.zero_point), "out_zero": str(out.zero_point)}
    return _Weighted(
        fields | _range(out, activation), values, bias, tuple(_scale(*one) for one in scales)
    )


def _conv_2d(graph: Graph, operator: Operator) -> list[Call]:
    source, out = _pair(graph, operator)
    options = operator.options
    weights = graph.tensors[operator.inputs[1]]
    outputs, rows, columns, inputs = weights.shape
    if inputs != _plane(source)[2] or outputs != _plane(out)[2]:
        raise ModelError("its weights do not fit its input and output (groups are not exported)")
    parts = _weighted(graph, operator, outputs, 0, options.FusedActivationFunction())
    return [_convolution("kws_conv_2d", operator, source, out, (rows, columns), parts)]


def _depthwise_conv_2d(graph: Graph, operator: Operator) -> list[Call]:
    source, out = _pair(graph, operator)
    weights = graph.tensors[operator.inputs[1]]
    one, rows, columns, outputs = weights.shape
    if one != 1 or outputs != _plane(out)[2] or outputs % _plane(source)[2]:
        raise ModelError("its weights do not fit its input and output")
    parts = _weighted(graph, operator, outputs, 3, operator.options.FusedActivationFunction())
    return [_convolution("kws_depthwise_conv_2d", operator, source, out, (rows, columns), parts)]


def _convolution(
    kernel: str,
    operator: Operator,
    source: Tensor,
    out: Tensor,
    size: tuple[int, int],
    parts: _Weighted,
) -> Call:
    options = operator.options
    dilation = options.DilationHFactor(), options.DilationWFactor()
    fields = _geometry(
        source, out, size, (options.StrideH(), options.StrideW()), dilation, options.Padding()
    )
    fields |= {
        "in_channels": str(_plane(source)[2]),
        "out_channels": str(_plane(out)[2]),
        "dilation_rows": str(dilation[0]),
        "dilation_columns": str(dilation[1]),
    }
    return _call(kernel, operator, fields, parts)


def _call(kernel: str, operator: Operator, fields: dict[str, str], parts: _Weighted) -> Call:
    """Return the call of a kernel for convolutions."""
    return Call(
        kernel,
        "kws_convolution",
        fields | parts.fields,
        operator.inputs[:1],
        operator.outputs[0],
        parts.weights,
        parts.bias,
        parts.scales,
    )


def _fully_connected(graph: Graph, operator: Operator) -> list[Call]:
    """Make it a convolution of one row and one column, over as many rows as vectors."""
    source, out = _pair(graph, operator)
    if operator.options.WeightsFormat() != 0:
        raise ModelError("its weights are shuffled: convert the network again")
    outputs, inputs = graph.tensors[operator.inputs[1]].shape
    rows = source.size // inputs
    if rows * inputs != source.size or rows * outputs != out.size:
        raise ModelError("its weights do not fit its input and output")
    parts = _weighted(graph, operator, outputs, 0, operator.options.FusedActivationFunction())
    sizes = dict.fromkeys(
        (
            "in_columns",
            "out_columns",
            "kernel_rows",
            "kernel_columns",
            "stride_rows",
            "stride_columns",
            "dilation_rows",
            "dilation_columns",
        ),
        "1",
    )
    fields = sizes | {
        "in_rows": str(rows),
        "out_rows": str(rows),
        "pad_rows": "0",
        "pad_columns": "0",
        "in_channels": str(inputs),
        "out_channels": str(outputs),
    }
    return [_call("kws_conv_2d", operator, fields, parts)]


def _pool(kernel: str) -> Callable[[Graph, Operator], list[Call]]:
    def lowering(graph: Graph, operator: Operator) -> list[Call]:
        source, out = _pair(graph, operator)
        _unscaled(source, out)
        options = operator.options
        if _plane(source)[2] != _plane(out)[2]:
            raise ModelError("its output has other channels than its input")
        size = options.FilterHeight(), options.FilterWidth()
        stride = options.StrideH(), options.StrideW()
        fields = _geometry(source, out, size, stride, (1, 1), options.Padding())
        fields |= {"channels": str(_plane(source)[2])}
        fields |= _range(out, options.FusedActivationFunction())
        return [Call(kernel, "kws_pool", fields, operator.inputs[:1], operator.outputs[0])]

    return lowering


def _elementwise(graph: Graph, operator: Operator) -> tuple[Tensor, Tensor, Tensor, dict[str, str]]:
    """Return both operands and the output of an operation with broadcasting, and its fields."""
    a, out = _pair(graph, operator)
    b = _activation(graph, operator.inputs[1])
    if math.prod(np.broadcast_shapes(a.shape, b.shape)) != out.size:
        raise ModelError(f"{a.shape} and {b.shape} do not give {out.shape}")
    shape = _four(np.broadcast_shapes(a.shape, b.shape), 1)

    def steps(tensor: Tensor) -> str:
        own = _four(tensor.shape, 1)
        pairs = zip(_strides(own), own, strict=True)
        return _braces([step if size > 1 else 0 for step, size in pairs])

    fields = {
        "shape": _braces(shape),
        "a_strides": steps(a),
        "b_strides": steps(b),
        "a_zero": str(a.zero_point),
        "b_zero": str(b.zero_point),
        "out_zero": str(out.zero_point),
    }
    return a, b, out, fields | _range(out, operator.options.FusedActivationFunction())


def _sum(sign: int) -> Callable[[Graph, Operator], list[Call]]:
    def lowering(graph: Graph, operator: Operator) -> list[Call]:
        a, b, out, fields = _elementwise(graph, operator)
        (one, other, shift), wide = arithmetic.sum_factors(a.scale, b.scale, out.scale)
        first, first_shift, second, *rest = wide
        numbers = one, sign * other, shift, first, first_shift, sign * second, *rest
        fields["a_multiplier"] = f"KWS_SUM({', '.join(map(str, numbers))})"
        return [Call("kws_add", "kws_sum", fields, operator.inputs[:2], operator.outputs[0])]

    return lowering


def _mul(graph: Graph, operator: Operator) -> list[Call]:
    a, b, out, fields = _elementwise(graph, operator)
    scale = arithmetic.product_scale(a.scale, b.scale, out.scale)
    arithmetic.check_sum(255 * 255, scale[2])
    fields["scale"] = _scale(*scale)
    return [Call("kws_mul", "kws_product", fields, operator.inputs[:2], operator.outputs[0])]


def _requantize(graph: Graph, operator: Operator) -> list[Call]:
    source, out = _pair(graph, operator)
    if source.size != out.size:
        raise ModelError(f"{source.shape} does not become {out.shape}")
    ratio = float(np.float32(source.scale / out.scale))
    arithmetic.check_ratio(ratio, arithmetic.COPY_RATIOS)
    multiplier, shift = arithmetic.fixed(float(source.scale) / float(out.scale))
    arithmetic.check_sum(255, shift)
    fields = {
        "size": str(source.size),
        "in_zero": str(source.zero_point),
        "out_zero": str(out.zero_point),
        **_range(out, 1 if operator.kind == "RELU" else 0),
        "rough": str(round(256 * ratio)),
        "multiplier": str(multiplier),
        "shift": str(shift),
    }
    kernel = "kws_relu" if operator.kind == "RELU" else "kws_requantize"
    inputs, output = operator.inputs[:1], operator.outputs[0]
    return [Call(kernel, "kws_requantization", fields, inputs, output)]


def _mean(graph: Graph, operator: Operator) -> list[Call]:
    source, out = _pair(graph, operator)
    rank = len(source.shape)
    axes = {axis % rank for axis in _integers(graph, operator.inputs[1]) if -rank <= axis < rank}
    kept = [n for n in range(rank) if n not in axes]
    strides = _strides(source.shape)
    count = math.prod(source.shape[n] for n in axes)
    if count * out.size != source.size:
        raise ModelError(f"{source.shape} does not become {out.shape}")
    ratio = np.float32(source.scale / out.scale)
    average = np.float32(ratio * np.float32(np.float32(1) / np.float32(count)))
    bias = np.float32(np.float32(out.zero_point) - np.float32(source.zero_point) * ratio)
    arithmetic.check_ratio(float(average), arithmetic.PRODUCT_RATIOS)
    exact = arithmetic.mean_factor(source.scale, out.scale, count)
    arithmetic.check_sum(255 * count, exact[1])
    fields = {
        "kept": _braces(_four([source.shape[n] for n in kept], 1)),
        "reduced": _braces(_four([source.shape[n] for n in sorted(axes)], 1)),
        "kept_strides": _braces(_four([strides[n] for n in kept], 0)),
        "reduced_strides": _braces(_four([strides[n] for n in sorted(axes)], 0)),
        "count": str(count),
        "in_zero": str(source.zero_point),
        "out_zero": str(out.zero_point),
        "scale": _scale(average, *exact),
        "bias": floating(bias),
    }
    return [Call("kws_mean_of", "kws_mean", fields, operator.inputs[:1], operator.outputs[0])]


def _move(
    source: int,
    output: int,
    shape: Sequence[int],
    steps: tuple[Sequence[int], Sequence[int]],
    starts: tuple[int, int],
    constants: dict[int, npt.NDArray[np.int8]] | None = None,
) -> Call:
    """Copy a block; dimensions that lie behind each other in both places become one."""
    blocks: list[tuple[int, int, int]] = []
    for size, here, there in zip(shape, *steps, strict=True):
        if size == 1:
            continue
        if blocks and blocks[-1][1:] == (size * here, size * there):
            blocks[-1] = blocks[-1][0] * size, here, there
        else:
            blocks.append((size, here, there))
    sizes, here_steps, there_steps = zip(*(blocks or [(1, 1, 1)]), strict=True)
    fields = {
        "shape": _braces(_four(sizes, 1)),
        "in_strides": _braces(_four(here_steps, 0)),
        "out_strides": _braces(_four(there_steps, 0)),
        "in_start": str(starts[0]),
        "out_start": str(starts[1]),
    }
    return Call("kws_copy", "kws_move", fields, (source,), output, constants=constants or {})


def _part(
    graph: Graph,
    source: int,
    output: int,
    begin: Sequence[int],
    step: Sequence[int],
    sizes: Sequence[int],
) -> Call:
    """Copy a part of a tensor into the whole of another."""
    tensor, out = _activation(graph, source), _activation(graph, output)
    _unscaled(tensor, out)
    for first, by, size, total in zip(begin, step, sizes, tensor.shape, strict=True):
        if size < 1 or by < 1 or first < 0 or first + (size - 1) * by >= total:
            raise ModelError(f"takes what {tensor.shape} does not have")
    if math.prod(sizes) != out.size:
        raise ModelError(f"takes {tuple(sizes)}, but its output is {out.shape}")
    strides = _strides(tensor.shape)
    start = sum(a * b for a, b in zip(begin, strides, strict=True))
    steps = [a * b for a, b in zip(step, strides, strict=True)], _strides(sizes)
    return _move(source, output, sizes, steps, (start, 0))


def _strided_slice(graph: Graph, operator: Operator) -> list[Call]:
    shape = _activation(graph, operator.inputs[0]).shape
    options = operator.options
    if options.EllipsisMask() or options.NewAxisMask() or options.Offset():
        raise ModelError("a slice with new axes, an ellipsis or offsets")
    begin, end, step = (_integers(graph, number) for number in operator.inputs[1:4])
    sizes = []
    for axis, total in enumerate(shape):
        if step[axis] < 1:
            raise ModelError("a slice that runs backwards")
        first, last = (n + total if n < 0 else n for n in (begin[axis], end[axis]))
        begin[axis] = 0 if options.BeginMask() >> axis & 1 else min(max(first, 0), total)
        if options.ShrinkAxisMask() >> axis & 1:
            last = begin[axis] + 1
        elif options.EndMask() >> axis & 1:
            last = total
        sizes.append(max(0, -(-(min(last, total) - begin[axis]) // step[axis])))
    return [_part(graph, operator.inputs[0], operator.outputs[0], begin, step, sizes)]


def _slice(graph: Graph, operator: Operator) -> list[Call]:
    shape = _activation(graph, operator.inputs[0]).shape
    begin, sizes = (_integers(graph, number) for number in operator.inputs[1:3])
    pairs = zip(sizes, begin, shape, strict=True)
    sizes = [total - first if size == -1 else size for size, first, total in pairs]
    steps = [1] * len(shape)
    return [_part(graph, operator.inputs[0], operator.outputs[0], begin, steps, sizes)]


def _split(graph: Graph, operator: Operator) -> list[Call]:
    if operator.kind == "SPLIT":
        place, source = operator.inputs[0], operator.inputs[1]
    else:
        source, place = operator.inputs[0], operator.inputs[2]
    shape = _activation(graph, source).shape
    axis = _axis(_integers(graph, place)[0], len(shape))
    calls, first = [], 0
    for output in operator.outputs:
        size = _activation(graph, output).shape[axis]
        begin, sizes = [0] * len(shape), list(shape)
        begin[axis], sizes[axis] = first, size
        calls.append(_part(graph, source, output, begin, [1] * len(shape), sizes))
        first += size
    if first != shape[axis]:
        raise ModelError("its parts are not the whole")
    return calls


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ModelError(f"axis {axis} of {rank}")
    return axis % rank


def _concatenation(graph: Graph, operator: Operator) -> list[Call]:
    out = _activation(graph, operator.outputs[0])
    if operator.options.FusedActivationFunction() != 0:
        raise ModelError("a fused activation")
    axis = _axis(operator.options.Axis(), len(out.shape))
    calls, first = [], 0
    for source in operator.inputs:
        tensor = _activation(graph, source)
        _unscaled(tensor, out)
        rest = out.shape[:axis] + out.shape[axis + 1 :]
        if tensor.shape[:axis] + tensor.shape[axis + 1 :] != rest:
            raise ModelError(f"{tensor.shape} does not fit into {out.shape}")
        strides = _strides(out.shape)
        steps = _strides(tensor.shape), strides
        start = first * strides[axis]
        calls.append(_move(source, operator.outputs[0], tensor.shape, steps, (0, start)))
        first += tensor.shape[axis]
    if first != out.shape[axis]:
        raise ModelError("its parts are not the whole")
    return calls


def _reshape(graph: Graph, operator: Operator) -> list[Call]:
    source, out = _pair(graph, operator)
    _unscaled(source, out)
    if source.size != out.size:
        raise ModelError(f"{source.shape} does not become {out.shape}")
    steps = [1], [1]
    return [_move(operator.inputs[0], operator.outputs[0], [source.size], steps, (0, 0))]


def _pad(graph: Graph, operator: Operator) -> list[Call]:
    """Fill the output with zeros, then copy the input into it."""
    source, out = _pair(graph, operator)
    _unscaled(source, out)
    margins = np.reshape(_integers(graph, operator.inputs[1]), (len(source.shape), 2))
    if (margins < 0).any() or tuple(margins.sum(axis=1) + source.shape) != out.shape:
        raise ModelError(f"{source.shape} with {margins.tolist()} is not {out.shape}")
    zero = np.array([out.zero_point], np.int8)
    strides = _strides(out.shape)
    start = int(margins[:, 0] @ strides)
    number = operator.outputs[0]
    filler = -2 - number  # an input of this operator alone
    fill = _move(filler, number, [out.size], ([0], [1]), (0, 0), {filler: zero})
    inside = _strides(source.shape), strides
    return [fill, _move(operator.inputs[0], number, source.shape, inside, (0, start))]


_LOWERINGS: dict[str, Callable[[Graph, Operator], list[Call]]] = {
    "ADD": _sum(1),
    "AVERAGE_POOL_2D": _pool("kws_average_pool_2d"),
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "EXPAND_DIMS": _reshape,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pool("kws_max_pool_2d"),
    "MEAN": _mean,
    "MUL": _mul,
    "PAD": _pad,
    "QUANTIZE": _requantize,
    "RELU": _requantize,
    "RESHAPE": _reshape,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _sum(-1),
}
