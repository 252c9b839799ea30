"""What the operators of a TFLite network take and give: their kinds, options and shapes.

The interpreter computes the shape of a result itself, whatever the file says, and divides by
strides and scales as it finds them. Here the shapes are computed too, and must be those in the
file, so that its sizes can be believed. The numbers of kinds and options are those of TensorFlow's
schema (tensorflow/compiler/mlir/lite/schema/schema.fbs), the rules of shapes those of its kernels
(tensorflow/lite/kernels).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Float32, Float64
from ..errors import ModelError
from .flatbuffer import Numbers, Scalar, Table

Shape = tuple[int, ...]

#: Stride, dilation, size of a pool and depth multiplier, at most.
MOST_STEPS = 10_000
#: What sums of quantized products are multiplied by is below this: XNNPACK takes no more
#: (google/XNNPACK, src/subgraph/convolution-2d.c), and one channel above it damages the heap.
MOST_FACTOR = 256.0
#: Nothing is divided by a scale below this, the smallest normal float32.
SMALLEST_SCALE = 2.0**-126
#: Bytes of a number of each type, by its number in the schema's TensorType.
TYPE_BYTES = {
    0: 4,  # FLOAT32
    1: 2,  # FLOAT16
    2: 4,  # INT32
    3: 1,  # UINT8
    4: 8,  # INT64
    6: 1,  # BOOL
    7: 2,  # INT16
    8: 8,  # COMPLEX64
    9: 1,  # INT8
}
INT32, UINT8, INT64, INT16, INT8 = 2, 3, 4, 7, 9
#: Types whose numbers stand for others, where there are scales.
QUANTIZED = (UINT8, INT16, INT8)


@dataclass(frozen=True, eq=False)
class CheckedTensor:
    """A tensor of a network whose sizes hold.

    Attributes
    ----------
    shape : tuple of int
        All of them positive.
    type : int
        As the schema's TensorType numbers it.
    values : memoryview or None
        Bytes of a constant; None of what is computed.
    scales : float32 (n,)
        One, or one per channel; none if it is not quantized.
    """

    shape: Shape
    type: int
    values: memoryview | None
    scales: Float32

    @property
    def bytes(self) -> int:
        """Bytes that it takes."""
        return math.prod(self.shape) * TYPE_BYTES[self.type]


@dataclass(frozen=True, eq=False)
class Call:
    """One operator of a network, with what it takes and gives.

    Attributes
    ----------
    what : str
        Its kind and place, for messages.
    options : dict
        By name, those that are not their default.
    inputs : sequence of CheckedTensor or None
        None for one that is left out.
    outputs : sequence of CheckedTensor
        One or more.
    """

    what: str
    options: dict[str, Any]
    inputs: Sequence[CheckedTensor | None]
    outputs: Sequence[CheckedTensor]

    def refused(self, why: str) -> ModelError:
        """Return the error that says what is wrong with it."""
        return ModelError(f"{self.what} {why}: the network is damaged")

    def input(self, number: int) -> CheckedTensor:
        """Return an input that must be there."""
        tensor = self.inputs[number] if number < len(self.inputs) else None
        if tensor is None:
            raise self.refused(f"lacks input {number}")
        return tensor

    def of_rank(self, number: int, rank: int) -> Shape:
        """Return the shape of an input, which must have so many dimensions."""
        shape = self.input(number).shape
        if len(shape) != rank:
            raise self.refused(f"takes {list(shape)} where {rank} dimensions are wanted")
        return shape

    def constants(self, number: int) -> list[int]:
        """Return the integers of a constant input."""
        tensor = self.input(number)
        if tensor.values is None or tensor.type not in (INT32, INT64):
            raise self.refused(f"computes its shape from input {number}, which is no constant")
        dtype = "<i4" if tensor.type == INT32 else "<i8"
        numbers: list[int] = np.frombuffer(tensor.values, dtype).tolist()
        if len(numbers) > 2 * 8:
            raise self.refused(f"has {len(numbers)} numbers in input {number}")
        return numbers

    def scale(self, tensor: CheckedTensor) -> float:
        """Return the scale of a tensor of integers; of several, the first."""
        if not len(tensor.scales):
            raise self.refused("has integers without a scale")
        return float(tensor.scales[0])

    def option(self, name: str, default: int = 0) -> int:
        """Return a number of its options."""
        return int(self.options.get(name, default))

    def steps(self, *names: str, default: int = 0) -> list[int]:
        """Return options that something is divided by, or that are a size."""
        numbers = [self.option(name, default) for name in names]
        if not all(1 <= number <= MOST_STEPS for number in numbers):
            raise self.refused(f"has {', '.join(names)} of {numbers}")
        return numbers

    def axis(self, number: int, rank: int) -> int:
        """Return a dimension that is there, counted from the front."""
        if not -rank <= number < rank:
            raise self.refused(f"names dimension {number} of {rank}")
        return number % rank


def _windows(call: Call, size: int, window: int, stride: int, dilation: int) -> int:
    """Return how many windows there are (padding SAME is 0, VALID 1)."""
    reach = (window - 1) * dilation + 1
    if call.option("padding") == 0:
        return -(-size // stride)
    if call.option("padding") != 1 or reach > size:
        raise call.refused("has a window that does not fit into what it takes")
    return (size - reach) // stride + 1


def _convolution(call: Call) -> list[Shape]:
    batch, height, width, channels = call.of_rank(0, 4)
    filters, rows, columns, depth = call.of_rank(1, 4)
    stride_h, stride_w = call.steps("stride h", "stride w")
    dilation_h, dilation_w = call.steps("dilation h", "dilation w", default=1)
    if channels % depth or filters % (channels // depth):
        raise call.refused(f"has filters of {depth} channels for {channels}")
    _check_weights(call, filters)
    out_h = _windows(call, height, rows, stride_h, dilation_h)
    return [(batch, out_h, _windows(call, width, columns, stride_w, dilation_w), filters)]


def _depthwise(call: Call) -> list[Shape]:
    batch, height, width, channels = call.of_rank(0, 4)
    one, rows, columns, filters = call.of_rank(1, 4)
    stride_h, stride_w, multiplier = call.steps("stride h", "stride w", "depth multiplier")
    dilation_h, dilation_w = call.steps("dilation h", "dilation w", default=1)
    if one != 1 or filters != channels * multiplier:
        raise call.refused(f"has {filters} filters for {channels} channels")
    if call.input(0).type in QUANTIZED:
        call.input(2)  # LiteRT 2.3.0 crashes without a bias
    _check_weights(call, filters)
    out_h = _windows(call, height, rows, stride_h, dilation_h)
    return [(batch, out_h, _windows(call, width, columns, stride_w, dilation_w), filters)]


def _check_weights(call: Call, filters: int) -> None:
    """Check a bias, and the types and scales of weights."""
    if len(call.inputs) > 2 and call.inputs[2] is not None and call.input(2).shape != (filters,):
        raise call.refused(f"has a bias of {list(call.input(2).shape)} for {filters} filters")
    sound, weights = call.input(0), call.input(1)
    if sound.type in QUANTIZED:
        if weights.type not in QUANTIZED:
            raise call.refused("multiplies integers by weights that are none")
        scale = call.scale(sound) / max(call.scale(call.outputs[0]), SMALLEST_SCALE)
        call.scale(weights)
        _check_factors(call, weights.scales.astype(np.float64) * scale)
    elif weights.type in QUANTIZED:
        call.scale(weights)


def _check_factors(call: Call, factors: Float64) -> None:
    """Check by what sums are multiplied: a kernel stops the process where that is no number."""
    if not (np.isfinite(factors).all() and (factors < MOST_FACTOR).all()):
        raise call.refused("has scales that do not fit each other")


def _fully_connected(call: Call) -> list[Shape]:
    shape = call.input(0).shape
    units, depth = call.of_rank(1, 2)
    if call.option("weights format"):
        raise call.refused("has weights in an order that is not known")
    if not shape or math.prod(shape) % depth or (call.option("keep") and shape[-1] != depth):
        raise call.refused(f"has weights of {depth} for {list(shape)}")
    _check_weights(call, units)
    if call.option("keep"):
        return [(*shape[:-1], units)]
    return [(math.prod(shape) // depth, units)]


def _pool(call: Call) -> list[Shape]:
    batch, height, width, channels = call.of_rank(0, 4)
    stride_h, stride_w, rows, columns = call.steps(
        "stride h", "stride w", "filter height", "filter width"
    )
    out_h = _windows(call, height, rows, stride_h, 1)
    return [(batch, out_h, _windows(call, width, columns, stride_w, 1), channels)]


def _same(call: Call) -> list[Shape]:
    return [call.input(0).shape]


def _broadcast(call: Call) -> list[Shape]:
    first, second = call.input(0), call.input(1)
    if first.type != second.type:
        raise call.refused("takes numbers of two types")
    if first.type in QUANTIZED and not min(call.scale(first), call.scale(second)) > 0:
        raise call.refused("takes a constant whose scale is 0")  # kernels stop the process
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise call.refused(
            f"takes {list(first.shape)} and {list(second.shape)}, which do not fit"
        ) from None
    return [shape]


def _sum(call: Call) -> list[Shape]:
    shapes = _broadcast(call)
    if call.input(0).type in QUANTIZED:
        # both are brought to twice the larger scale, and the sum to its own: a factor below 1, or
        # the kernel stops the process (tensorflow/lite/kernels/add.cc, 20 bits to the left)
        largest = max(call.scale(call.input(0)), call.scale(call.input(1)))
        bits = 15 if call.input(0).type == INT16 else 20
        if not 2.0 * largest < 2.0**bits * call.scale(call.outputs[0]):
            raise call.refused("has scales that do not fit each other")
    return shapes


def _product(call: Call) -> list[Shape]:
    shapes = _broadcast(call)
    if call.input(0).type in QUANTIZED:
        factor = call.scale(call.input(0)) * call.scale(call.input(1))
        factor /= max(call.scale(call.outputs[0]), SMALLEST_SCALE)
        _check_factors(call, np.array([factor]))
    return shapes


def _concatenation(call: Call) -> list[Shape]:
    shapes = [call.input(number).shape for number in range(len(call.inputs))]
    axis = call.axis(call.option("axis"), len(shapes[0]))
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise call.refused("joins shapes that do not fit")
    joined = list(shapes[0])
    joined[axis] = sum(shape[axis] for shape in shapes)
    return [tuple(joined)]


def _reshape(call: Call) -> list[Shape]:
    before = call.input(0)
    if len(call.inputs) > 1:
        wanted = call.constants(1)
    else:
        wanted = np.frombuffer(call.options.get("shape", b""), "<i4").tolist()
    return [_filled(call, math.prod(before.shape), wanted)]


def _filled(call: Call, size: int, wanted: list[int]) -> Shape:
    """Return a shape whose one -1 is what is left."""
    known = math.prod(one for one in wanted if one != -1)
    if wanted.count(-1) == 1 and known > 0 and size % known == 0:
        wanted = [size // known if one == -1 else one for one in wanted]
    if min(wanted, default=1) < 1 or math.prod(wanted) != size:
        raise call.refused(f"has {size} numbers for {wanted}")
    return tuple(wanted)


def _strided_slice(call: Call) -> list[Shape]:
    shape = call.input(0).shape
    begin, end, strides = (call.constants(number) for number in (1, 2, 3))
    if not len(begin) == len(end) == len(strides) <= len(shape) or 0 in strides:
        raise call.refused(f"cuts {begin}, {end}, {strides} out of {list(shape)}")
    if call.option("ellipsis mask") or call.option("new axis mask") or call.option("offset"):
        raise call.refused("cuts in a way that is not known")
    kept = []
    for axis, size in enumerate(shape):
        if axis >= len(begin):
            kept.append(size)
            continue
        bit, stride = 1 << axis, strides[axis]
        first = None if call.option("begin mask") & bit else begin[axis]
        last = None if call.option("end mask") & bit else end[axis]
        if call.option("shrink mask") & bit:
            if not -size <= begin[axis] < size:
                raise call.refused(f"takes {begin[axis]} of {size}")
            continue
        kept.append(len(range(size)[first:last:stride]))
    return [tuple(kept)]


def _slice(call: Call) -> list[Shape]:
    shape, begin, sizes = call.input(0).shape, call.constants(1), call.constants(2)
    if not len(begin) == len(sizes) == len(shape):
        raise call.refused(f"cuts {begin}, {sizes} out of {list(shape)}")
    kept = [
        size - first if count == -1 else count
        for size, first, count in zip(shape, begin, sizes, strict=True)
    ]
    if any(
        not 0 <= first <= first + count <= size
        for size, first, count in zip(shape, begin, kept, strict=True)
    ):
        raise call.refused(f"cuts {begin}, {sizes} out of {list(shape)}")
    return [tuple(kept)]


def _pad(call: Call) -> list[Shape]:
    shape, around = call.input(0).shape, call.constants(1)
    if len(around) != 2 * len(shape) or min(around, default=0) < 0:
        raise call.refused(f"puts {around} around {list(shape)}")
    pairs = zip(shape, around[::2], around[1::2], strict=True)
    return [tuple(before + size + after for size, before, after in pairs)]


def _reduce(call: Call) -> list[Shape]:
    shape = call.input(0).shape
    axes = {call.axis(axis, len(shape)) for axis in call.constants(1)}
    if call.option("keep"):
        return [tuple(1 if axis in axes else size for axis, size in enumerate(shape))]
    return [tuple(size for axis, size in enumerate(shape) if axis not in axes)]


def _squeeze(call: Call) -> list[Shape]:
    shape = call.input(0).shape
    named = np.frombuffer(call.options.get("axes", b""), "<i4").tolist()
    axes = {call.axis(axis, len(shape)) for axis in named}
    axes = axes or {axis for axis, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in axes):
        raise call.refused(f"leaves dimensions out of {list(shape)} that are not 1")
    return [tuple(size for axis, size in enumerate(shape) if axis not in axes)]


def _expand(call: Call) -> list[Shape]:
    shape, axes = list(call.input(0).shape), call.constants(1)
    if len(axes) != 1:
        raise call.refused(f"adds {len(axes)} dimensions")
    shape.insert(call.axis(axes[0], len(shape) + 1), 1)
    return [tuple(shape)]


def _transpose(call: Call) -> list[Shape]:
    shape, order = call.input(0).shape, call.constants(1)
    axes = [call.axis(axis, len(shape)) for axis in order]
    if sorted(axes) != list(range(len(shape))):
        raise call.refused(f"puts {list(shape)} into the order {order}")
    return [tuple(shape[axis] for axis in axes)]


def _split(call: Call) -> list[Shape]:
    shape = call.input(1).shape
    axes, count = call.constants(0), call.option("count")
    if len(axes) != 1 or count != len(call.outputs) or not shape:
        raise call.refused(f"splits {list(shape)} into {count}, and gives {len(call.outputs)}")
    axis = call.axis(axes[0], len(shape))
    if shape[axis] % count:
        raise call.refused(f"splits {shape[axis]} into {count}")
    return [(*shape[:axis], shape[axis] // count, *shape[axis + 1 :])] * count


def _split_v(call: Call) -> list[Shape]:
    shape, sizes, axes = call.input(0).shape, call.constants(1), call.constants(2)
    if len(axes) != 1 or not shape or not len(sizes) == len(call.outputs) == call.option("count"):
        raise call.refused(f"splits {list(shape)} into {sizes}, and gives {len(call.outputs)}")
    axis = call.axis(axes[0], len(shape))
    if min(sizes) < 1 or sum(sizes) != shape[axis]:
        raise call.refused(f"splits {shape[axis]} into {sizes}")
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


def _gather(call: Call) -> list[Shape]:
    shape, places = call.input(0).shape, call.input(1)
    axis = call.axis(call.option("axis"), len(shape))
    if places.values is None or call.option("batch dims"):
        raise call.refused("takes numbers from places that are only known as it runs")
    dtype = {INT32: "<i4", INT64: "<i8"}.get(places.type)
    if dtype is None:
        raise call.refused("takes numbers from places that are no integers")
    numbers = np.frombuffer(places.values, dtype)
    if not (0 <= numbers.min() <= numbers.max() < shape[axis]):
        raise call.refused(f"takes numbers from places that {list(shape)} does not have")
    return [(*shape[:axis], *places.shape, *shape[axis + 1 :])]


@dataclass(frozen=True)
class Kind:
    """A kind of operator.

    Attributes
    ----------
    name : str
        As TFLite names it.
    options : int
        Kind of its options, by the schema's BuiltinOptions; 0 for none.
    inputs : (int, int)
        How many it takes, at least and at most.
    shapes : callable
        Returns the shapes of what it gives, or raises.
    """

    name: str
    options: int
    inputs: tuple[int, int]
    shapes: Callable[[Call], list[Shape]]


#: Inputs of a concatenation, at most.
_MANY = 1000
#: Every kind of operator that is let through, by its number in the schema's BuiltinOperator.
KINDS = {
    0: Kind("ADD", 11, (2, 2), _sum),
    1: Kind("AVERAGE_POOL_2D", 5, (1, 1), _pool),
    2: Kind("CONCATENATION", 10, (1, _MANY), _concatenation),
    3: Kind("CONV_2D", 1, (2, 3), _convolution),
    4: Kind("DEPTHWISE_CONV_2D", 2, (2, 3), _depthwise),
    6: Kind("DEQUANTIZE", 38, (1, 1), _same),
    9: Kind("FULLY_CONNECTED", 8, (2, 3), _fully_connected),
    14: Kind("LOGISTIC", 0, (1, 1), _same),
    17: Kind("MAX_POOL_2D", 5, (1, 1), _pool),
    18: Kind("MUL", 21, (2, 2), _product),
    19: Kind("RELU", 0, (1, 1), _same),
    21: Kind("RELU6", 0, (1, 1), _same),
    22: Kind("RESHAPE", 17, (1, 2), _reshape),
    25: Kind("SOFTMAX", 9, (1, 1), _same),
    28: Kind("TANH", 0, (1, 1), _same),
    34: Kind("PAD", 22, (2, 2), _pad),
    36: Kind("GATHER", 23, (2, 2), _gather),
    39: Kind("TRANSPOSE", 26, (2, 2), _transpose),
    40: Kind("MEAN", 27, (2, 2), _reduce),
    41: Kind("SUB", 28, (2, 2), _sum),
    43: Kind("SQUEEZE", 30, (1, 1), _squeeze),
    45: Kind("STRIDED_SLICE", 32, (4, 4), _strided_slice),
    47: Kind("EXP", 33, (1, 1), _same),
    49: Kind("SPLIT", 35, (2, 2), _split),
    55: Kind("MAXIMUM", 39, (2, 2), _broadcast),
    57: Kind("MINIMUM", 39, (2, 2), _broadcast),
    65: Kind("SLICE", 48, (3, 3), _slice),
    70: Kind("EXPAND_DIMS", 52, (2, 2), _expand),
    73: Kind("LOG", 0, (1, 1), _same),
    74: Kind("SUM", 27, (2, 2), _reduce),
    75: Kind("SQRT", 0, (1, 1), _same),
    76: Kind("RSQRT", 0, (1, 1), _same),
    82: Kind("REDUCE_MAX", 27, (2, 2), _reduce),
    98: Kind("LEAKY_RELU", 75, (1, 1), _same),
    102: Kind("SPLIT_V", 79, (3, 3), _split_v),
    114: Kind("QUANTIZE", 89, (1, 1), _same),
    117: Kind("HARD_SWISH", 91, (1, 1), _same),
}
_ACTIVATION = ("activation", Scalar("b"))
#: Options by their number in the schema's BuiltinOptions.
OPTIONS = {
    1: Table(
        {
            0: ("padding", Scalar("b")),
            1: ("stride w", Scalar("i")),
            2: ("stride h", Scalar("i")),
            3: _ACTIVATION,
            4: ("dilation w", Scalar("i")),
            5: ("dilation h", Scalar("i")),
            6: ("bias type", Scalar("b")),
        }
    ),
    2: Table(
        {
            0: ("padding", Scalar("b")),
            1: ("stride w", Scalar("i")),
            2: ("stride h", Scalar("i")),
            3: ("depth multiplier", Scalar("i")),
            4: _ACTIVATION,
            5: ("dilation w", Scalar("i")),
            6: ("dilation h", Scalar("i")),
        }
    ),
    5: Table(
        {
            0: ("padding", Scalar("b")),
            1: ("stride w", Scalar("i")),
            2: ("stride h", Scalar("i")),
            3: ("filter width", Scalar("i")),
            4: ("filter height", Scalar("i")),
            5: _ACTIVATION,
        }
    ),
    8: Table(
        {
            0: _ACTIVATION,
            1: ("weights format", Scalar("b")),
            2: ("keep", Scalar("B")),
            3: ("asymmetric", Scalar("B")),
            4: ("bias type", Scalar("b")),
        }
    ),
    9: Table({0: ("beta", Scalar("f"))}),
    10: Table({0: ("axis", Scalar("i")), 1: _ACTIVATION}),
    11: Table({0: _ACTIVATION, 1: ("power of two", Scalar("B"))}),
    17: Table({0: ("shape", Numbers(4, 8))}),
    21: Table({0: _ACTIVATION}),
    22: Table({}),
    23: Table({0: ("axis", Scalar("i")), 1: ("batch dims", Scalar("i"))}),
    26: Table({}),
    27: Table({0: ("keep", Scalar("B"))}),
    28: Table({0: _ACTIVATION, 1: ("power of two", Scalar("B"))}),
    30: Table({0: ("axes", Numbers(4, 8))}),
    32: Table(
        {
            0: ("begin mask", Scalar("i")),
            1: ("end mask", Scalar("i")),
            2: ("ellipsis mask", Scalar("i")),
            3: ("new axis mask", Scalar("i")),
            4: ("shrink mask", Scalar("i")),
            5: ("offset", Scalar("B")),
        }
    ),
    33: Table({}),
    35: Table({0: ("count", Scalar("i"))}),
    38: Table({}),
    39: Table({}),
    48: Table({}),
    52: Table({}),
    75: Table({0: ("alpha", Scalar("f"))}),
    79: Table({0: ("count", Scalar("i"))}),
    89: Table({}),
    91: Table({}),
}


def check_operator(
    number: int,
    kind: int,
    options_kind: int,
    options: dict[str, Any],
    inputs: Sequence[CheckedTensor | None],
    outputs: Sequence[CheckedTensor],
) -> None:
    """Refuse an operator that does not give what the file says.

    Parameters
    ----------
    number : int
        Its place in the network, for messages.
    kind : int
        One of `KINDS`.
    options_kind : int
        Kind of its options, 0 for none.
    options : dict
        Its options by name.
    inputs : sequence of CheckedTensor or None
        What it takes; None for an input that is left out.
    outputs : sequence of CheckedTensor
        What it gives.

    Raises
    ------
    ModelError
        If it takes too little or too much, divides by zero, has scales that its kernel stops the
        process at, or gives other shapes.
    """
    known = KINDS[kind]
    call = Call(f"operator {number} ({known.name})", options, inputs, outputs)
    least, most = known.inputs
    if not least <= len(inputs) <= most:
        raise call.refused(f"takes {len(inputs)} tensors")
    if options_kind not in (0, known.options):
        raise call.refused(f"has options of kind {options_kind}")
    if call.option("activation") not in (0, 1, 2, 3):  # none, or bounds from the kernel's table
        raise call.refused(f"has an activation {call.option('activation')}")
    for tensor in (*inputs, *outputs):
        if tensor is None or tensor.values is not None or tensor.type not in QUANTIZED:
            continue
        if len(tensor.scales) != 1 or not tensor.scales[0] > 0:
            raise call.refused("has integers without a scale")
    shapes = known.shapes(call)
    if [tensor.shape for tensor in outputs] != shapes:
        given = [list(tensor.shape) for tensor in outputs]
        raise call.refused(f"gives {[list(s) for s in shapes]} and not {given}")
