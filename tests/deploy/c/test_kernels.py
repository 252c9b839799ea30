"""Each operator in C gives what the interpreter gives, bit for bit, in both roundings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from .running import network_of

Compare = Callable[..., None]
STEPS = 40


def options(kind: str, **values: Any) -> Any:
    """Return TFLite's options of that kind."""
    from ai_edge_litert import schema_py_generated as schema

    found = getattr(schema, kind + "T")()
    for name, value in values.items():
        setattr(found, name, value)
    return found


class Draw:
    """Random scales, zero points and inputs."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def scale(self, low: float = 0.005, high: float = 0.1) -> float:
        return float(np.float32(np.exp(self.random.uniform(math.log(low), math.log(high)))))

    def zero(self) -> int:
        return int(self.random.integers(-60, 60))

    def values(self, *shape: int) -> np.ndarray:
        return self.random.integers(-128, 128, shape).astype(np.int8)


def weighted(
    kind: str,
    draw: Draw,
    weights: tuple[int, ...],
    shape: tuple[int, ...],
    out: tuple[int, ...],
    how: Any,
    *,
    per_channel: bool = True,
    bias: bool = True,
) -> tuple[bytes, np.ndarray]:
    """Return a network of one convolution, and inputs."""
    axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0
    channels = weights[axis]
    count = channels if per_channel else 1
    scales = np.array([draw.scale(0.001, 0.01) for _ in range(count)], np.float32)
    source = draw.scale(0.02, 0.05)
    sums = math.sqrt(math.prod(weights) / channels) * 73 * 74  # a standard deviation
    tensors = [
        ("in", shape, "INT8", source, draw.zero(), None),
        ("w", weights, "INT8", scales, 0, draw.values(*weights), axis),
        (
            "b",
            (channels,),
            "INT32",
            scales * np.float32(source),
            0,
            draw.random.integers(-3000, 3000, channels).astype(np.int32),
            0,
        ),
        ("out", out, "INT8", source * scales.mean() * sums / 40, draw.zero(), None),
    ]
    inputs = (0, 1, 2) if bias else (0, 1, -1)
    return network_of(tensors, [(kind, inputs, (3,), how)], (0,), (3,)), draw.values(STEPS, *shape)


def convolution(kind: str, **values: Any) -> Any:
    """Return options of a convolution, with the usual ones where nothing is said."""
    usual = {
        "padding": 1,
        "strideH": 1,
        "strideW": 1,
        "dilationHFactor": 1,
        "dilationWFactor": 1,
        "fusedActivationFunction": 0,
    }
    return options(kind, **{**usual, **values})


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("activation", [0, 1, 3])
def test_conv_2d_along_time(compare: Compare, per_channel: bool, activation: int) -> None:
    how = convolution("Conv2DOptions", strideH=2, fusedActivationFunction=activation)
    compare(
        *weighted(
            "CONV_2D",
            Draw(activation),
            (16, 5, 1, 24),
            (1, 12, 1, 24),
            (1, 4, 1, 16),
            how,
            per_channel=per_channel,
        )
    )


def test_conv_2d_with_padding_and_dilation(compare: Compare) -> None:
    same = convolution("Conv2DOptions", padding=0, strideH=2, strideW=2)
    compare(*weighted("CONV_2D", Draw(5), (8, 3, 3, 3), (1, 7, 9, 3), (1, 4, 5, 8), same))
    apart = convolution("Conv2DOptions", dilationHFactor=2)
    compare(*weighted("CONV_2D", Draw(6), (8, 3, 1, 6), (1, 9, 2, 6), (1, 5, 2, 8), apart))


@pytest.mark.parametrize("activation", [0, 1, 3])
def test_depthwise_conv_2d(compare: Compare, activation: int) -> None:
    how = convolution(
        "DepthwiseConv2DOptions", depthMultiplier=1, fusedActivationFunction=activation
    )
    compare(
        *weighted(
            "DEPTHWISE_CONV_2D",
            Draw(7 + activation),
            (1, 5, 1, 24),
            (1, 9, 1, 24),
            (1, 5, 1, 24),
            how,
        )
    )


def test_depthwise_conv_2d_in_other_ways(compare: Compare) -> None:
    kind = "DEPTHWISE_CONV_2D"
    same = convolution("DepthwiseConv2DOptions", depthMultiplier=1, padding=0, strideH=2, strideW=2)
    compare(*weighted(kind, Draw(11), (1, 3, 3, 8), (1, 7, 6, 8), (1, 4, 3, 8), same))
    apart = convolution("DepthwiseConv2DOptions", depthMultiplier=1, dilationHFactor=2)
    compare(*weighted(kind, Draw(12), (1, 3, 1, 8), (1, 9, 1, 8), (1, 5, 1, 8), apart))
    double = convolution("DepthwiseConv2DOptions", depthMultiplier=2)
    compare(*weighted(kind, Draw(13), (1, 3, 1, 16), (1, 9, 1, 8), (1, 7, 1, 16), double))
    compare(
        *weighted(
            kind,
            Draw(14),
            (1, 3, 1, 8),
            (1, 9, 1, 8),
            (1, 7, 1, 8),
            convolution("DepthwiseConv2DOptions", depthMultiplier=1),
            per_channel=False,
        )
    )


@pytest.mark.parametrize("per_channel", [True, False])
def test_fully_connected(compare: Compare, per_channel: bool) -> None:
    # the reference kernels of the interpreter round once here, those of TFLM twice, and so do we
    how = options(
        "FullyConnectedOptions",
        fusedActivationFunction=0,
        weightsFormat=0,
        keepNumDims=False,
        asymmetricQuantizeInputs=False,
    )
    compare(
        *weighted(
            "FULLY_CONNECTED", Draw(15), (16, 96), (1, 96), (1, 16), how, per_channel=per_channel
        ),
        micro=True,
    )


def test_fully_connected_without_biases(compare: Compare) -> None:
    how = options(
        "FullyConnectedOptions",
        fusedActivationFunction=0,
        weightsFormat=0,
        keepNumDims=False,
        asymmetricQuantizeInputs=False,
    )
    compare(
        *weighted("FULLY_CONNECTED", Draw(4), (16, 96), (1, 96), (1, 16), how, bias=False),
        micro=True,
    )


def test_halves_are_rounded_alike(compare: Compare) -> None:
    """With scales that are powers of two, many results lie in the middle between two numbers."""
    draw, shape = Draw(3), (1, 6, 1, 8)
    tensors = [
        ("in", shape, "INT8", 0.25, 3, None),
        ("w", (8, 1, 1, 8), "INT8", 1 / 64, 0, draw.values(8, 1, 1, 8) // 4 * 4),
        ("b", (8,), "INT32", 1 / 256, 0, draw.values(8).astype(np.int32)),
        ("a", shape, "INT8", 2.0, -4, None),
        ("c", shape, "INT8", 0.5, 5, draw.values(*shape)),
        ("d", shape, "INT8", 4.0, 6, None),
        ("e", shape, "INT8", 8.0, -7, None),
        ("f", shape, "INT8", 16.0, 2, None),
        constant("axes", [1, 2]),
        ("out", (1, 1, 1, 8), "INT8", 8.0, 1, None),
    ]
    none = {"fusedActivationFunction": 0}
    operators = [
        ("CONV_2D", (0, 1, 2), (3,), convolution("Conv2DOptions")),
        ("MUL", (3, 4), (5,), options("MulOptions", **none)),
        ("ADD", (5, 4), (6,), options("AddOptions", **none)),
        ("QUANTIZE", (6,), (7,), None),
        ("MEAN", (7, 8), (9,), options("ReducerOptions", keepDims=True)),
    ]
    values = draw.values(STEPS, *shape)
    for last in range(1, len(operators) + 1):
        named = [
            (("out" if n == operators[last - 1][2][0] else t[0] + "_"), *t[1:])
            for n, t in enumerate(tensors)
        ]
        named[0] = ("in", *tensors[0][1:])
        compare(network_of(named, operators[:last], (0,), operators[last - 1][2]), values)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("other", [(1, 8, 1, 20), (1, 1, 1, 20), (1, 8, 1, 1), ()])
def test_elementwise(compare: Compare, kind: str, other: tuple[int, ...]) -> None:
    draw, shape = Draw(16 + len(other)), (1, 8, 1, 20)
    a, b = draw.scale(), draw.scale()
    out = a * b * 60 if kind == "MUL" else max(a, b) * 1.3
    tensors = [
        ("in", shape, "INT8", a, draw.zero(), None),
        ("b", other, "INT8", b, 4 if other == () else draw.zero(), draw.values(*other)),
        ("out", shape, "INT8", out, -20, None),
    ]
    how = options(f"{kind.title()}Options", fusedActivationFunction=len(other) % 2)
    network = network_of(tensors, [(kind, (0, 1), (2,), how)], (0,), (2,))
    compare(network, draw.values(STEPS, *shape))


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("padding", [0, 1])
def test_pools(compare: Compare, kind: str, padding: int) -> None:
    draw = Draw(21)
    scale, zero = draw.scale(), 10
    rows = 4 if padding == 0 else 3
    tensors = [
        ("in", (1, 7, 1, 20), "INT8", scale, zero, None),
        ("out", (1, rows, 1, 20), "INT8", scale, zero, None),
    ]
    how = options(
        "Pool2DOptions",
        padding=padding,
        strideH=2,
        strideW=1,
        filterHeight=3,
        filterWidth=1,
        fusedActivationFunction=padding,
    )
    network = network_of(tensors, [(kind, (0,), (1,), how)], (0,), (1,))
    compare(network, draw.values(STEPS, 1, 7, 1, 20))


@pytest.mark.parametrize("kind", ["QUANTIZE", "RELU"])
@pytest.mark.parametrize("seed", [22, 23, 24])
def test_requantization(compare: Compare, kind: str, seed: int) -> None:
    draw, shape = Draw(seed), (1, 6, 1, 20)
    tensors = [
        ("in", shape, "INT8", draw.scale(0.02, 0.05), 5, None),
        ("out", shape, "INT8", draw.scale(0.02, 0.05), -100, None),
    ]
    network = network_of(tensors, [(kind, (0,), (1,), None)], (0,), (1,))
    compare(network, draw.values(STEPS, *shape))


@pytest.mark.parametrize(
    ("axes", "keep", "out"),
    [
        ((1, 2), True, (1, 1, 1, 20)),
        ((1, 2), False, (1, 20)),
        ((1,), False, (1, 3, 20)),
        ((1,), True, (1, 1, 3, 20)),
        ((-1,), True, (1, 7, 3, 1)),
    ],
)
def test_mean(compare: Compare, axes: tuple[int, ...], keep: bool, out: tuple[int, ...]) -> None:
    for same in (True, False):
        draw = Draw(25)
        scale, zero = draw.scale(), draw.zero()
        tensors = [
            ("in", (1, 7, 3, 20), "INT8", scale, zero, None),
            ("axes", (len(axes),), "INT32", None, 0, np.array(axes, np.int32)),
            ("out", out, "INT8", scale if same else scale * 0.4, zero if same else 3, None),
        ]
        how = options("ReducerOptions", keepDims=keep)
        network = network_of(tensors, [("MEAN", (0, 1), (2,), how)], (0,), (2,))
        compare(network, draw.values(STEPS, 1, 7, 3, 20))


def constant(name: str, values: Any) -> tuple:
    """Return a tensor of whole numbers."""
    array = np.array(values, np.int32)
    return (name, array.shape, "INT32", None, 0, array)


def test_parts_are_moved(compare: Compare) -> None:
    """A chain of everything that moves values: slices, splits, joins, shapes, margins."""
    draw = Draw(26)
    scale, zero = draw.scale(), 7

    def values(name: str, *shape: int) -> tuple:
        return (name, shape, "INT8", scale, zero, None)

    tensors = [
        values("in", 1, 8, 2, 6),
        values("strided", 1, 3, 2, 6),
        values("left", 1, 3, 2, 2),
        values("right", 1, 3, 2, 4),
        values("back", 1, 3, 2, 6),
        values("part", 1, 2, 2, 5),
        values("margins", 1, 5, 3, 5),
        values("long", 1, 75),
        values("halves", 1, 25),
        values("rest", 1, 50),
        values("line", 1, 1, 6),
        values("out", 1, 125),
        constant("begin", [0, 1, 0, 0]),
        constant("end", [0, 7, 0, 0]),
        constant("step", [1, 2, 1, 1]),
        constant("sizes", [2, 4]),
        constant("axis", 3),
        constant("first", [0, 1, 0, 1]),
        constant("size", [1, -1, 2, -1]),
        constant("pads", [[0, 0], [2, 1], [0, 1], [0, 0]]),
        constant("shape", [1, 75]),
        constant("thirds", [25, 50]),
        constant("one", 1),
        values("row", 1, 2, 6),
        constant("b2", [0, -1, 0, 0]),
        constant("e2", [0, 0, 0, 0]),
        constant("s2", [1, 1, 1, 1]),
    ]
    at = {tensor[0]: number for number, tensor in enumerate(tensors)}

    def step(kind: str, inputs: str, outputs: str, how: Any = None) -> tuple:
        return kind, [at[n] for n in inputs.split()], [at[n] for n in outputs.split()], how

    masks = {"ellipsisMask": 0, "newAxisMask": 0, "offset": False}
    plain = options("StridedSliceOptions", beginMask=13, endMask=13, shrinkAxisMask=0, **masks)
    last = options("StridedSliceOptions", beginMask=13, endMask=13, shrinkAxisMask=2, **masks)
    operators = [
        step("STRIDED_SLICE", "in begin end step", "strided", plain),
        step("STRIDED_SLICE", "in b2 e2 s2", "row", last),
        step("SPLIT_V", "strided sizes axis", "left right", options("SplitVOptions", numSplits=2)),
        step(
            "CONCATENATION",
            "right left",
            "back",
            options("ConcatenationOptions", axis=-1, fusedActivationFunction=0),
        ),
        step("SLICE", "back first size", "part", options("SliceOptions")),
        step("PAD", "part pads", "margins", options("PadOptions")),
        step("RESHAPE", "margins shape", "long", options("ReshapeOptions", newShape=[1, 75])),
        step("SPLIT_V", "long thirds one", "halves rest", options("SplitVOptions", numSplits=2)),
        step(
            "CONCATENATION",
            "rest halves rest",
            "out",
            options("ConcatenationOptions", axis=1, fusedActivationFunction=0),
        ),
    ]
    network = network_of(tensors, operators, (0,), (at["out"], at["row"]))
    compare(network, draw.values(STEPS, 1, 8, 2, 6))


def test_split_in_equal_parts(compare: Compare) -> None:
    draw = Draw(27)
    scale, zero = draw.scale(), -7
    tensors = [
        constant("axis", 1),
        ("in", (1, 6, 1, 5), "INT8", scale, zero, None),
        ("a", (1, 3, 1, 5), "INT8", scale, zero, None),
        ("b", (1, 3, 1, 5), "INT8", scale, zero, None),
        ("out", (1, 3, 1, 5), "INT8", scale * 2, zero, None),
    ]
    operators = [
        ("SPLIT", (0, 1), (2, 3), options("SplitOptions", numSplits=2)),
        ("SUB", (2, 3), (4,), options("SubOptions", fusedActivationFunction=0)),
    ]
    compare(network_of(tensors, operators, (1,), (4,)), draw.values(STEPS, 1, 6, 1, 5))
