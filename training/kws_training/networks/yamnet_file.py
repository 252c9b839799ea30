"""Read YAMNet's weights from a file into plain numpy arrays, batch norm folded.

Three files are known: the official ``.tflite`` (int8), a dynamic-range conversion of the Keras
weights (int8 and float32) and the official Keras ``.h5`` (float32). The first and the other two
are different trainings of one architecture: their activations and embeddings differ, so a head
fits only the file that it was trained on, and the digest goes wherever the weights go.

A file is untrusted: its size is bounded, every shape, type and option is checked against the
architecture, and whatever is wrong in it comes out as one line.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.errors import ModelError

from .tflite import Graph, Operator, TFLiteError, load_schema, read_graph

#: The architecture (tensorflow/models, research/audioset/yamnet: yamnet.py, _YAMNET_LAYER_DEFS):
#: layer 1 is a convolution, layers 2 to 14 a depthwise and a pointwise convolution each.
STEM_CHANNELS = 32
STEM_STRIDE = 2
#: Output channels of layers 2 to 14.
CHANNELS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
#: Strides of the depthwise convolutions of layers 2 to 14.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
#: Classes of AudioSet that it tells apart (params.py).
CLASSES = 521

#: Of the Keras model's batch norm, which has no gamma (params.py: batchnorm_epsilon,
#: batchnorm_scale).
EPSILON = 1e-4

#: A file may have so many bytes; the largest known one has 15.3 million.
LIMIT = 64_000_000

#: What the parsers of a damaged file raise: offsets and counts can have any value.
_DAMAGE = (
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)

_EXPECTED = "give yamnet.tflite, or leave --yamnet out to have it downloaded"


@dataclass(frozen=True, eq=False)
class ConvWeights:
    """A convolution with "same" padding; batch norm is folded in, the activation follows.

    Attributes
    ----------
    kernel : float32 (height, width, channels in, channels out)
        Of a depthwise convolution: (3, 3, channels, 1). Read-only, as all arrays here.
    bias : float32 (channels out,)
        Of a depthwise convolution: (channels,).
    stride : int
        In time and in frequency.
    """

    kernel: Float32
    bias: Float32
    stride: int


@dataclass(frozen=True, eq=False)
class Block:
    """One of the layers 2 to 14: a depthwise (3 x 3) and a pointwise (1 x 1) convolution."""

    depthwise: ConvWeights
    pointwise: ConvWeights


@dataclass(frozen=True, eq=False)
class YamnetWeights:
    """All weights of YAMNet.

    Attributes
    ----------
    stem : ConvWeights
        Layer 1, kernel (3, 3, 1, 32).
    blocks : tuple of Block
        Layers 2 to 14; ``blocks[n - 2]`` is layer n.
    dense_kernel : float32 (1024, 521)
        From the embedding, the mean of layer 14 over time and frequency, to the classes' logits.
    dense_bias : float32 (521,)
        Added to the classes' logits.
    activation : {"relu", "relu6"}
        After each of the 27 convolutions.
    digest : str
        SHA-256 of the file, in hexadecimal.
    """

    stem: ConvWeights
    blocks: tuple[Block, ...]
    dense_kernel: Float32
    dense_bias: Float32
    activation: Literal["relu", "relu6"]
    digest: str

    @property
    def convolutions(self) -> tuple[ConvWeights, ...]:
        """The 27 convolutions, in the order in which they run."""
        pairs = ((block.depthwise, block.pointwise) for block in self.blocks)
        return (self.stem, *(convolution for pair in pairs for convolution in pair))


@dataclass(frozen=True)
class Spec:
    """A convolution of the architecture; ``shape`` as in `ConvWeights`."""

    name: str
    shape: tuple[int, int, int, int]
    stride: int

    @property
    def depthwise(self) -> bool:
        """Whether it convolves each channel by itself."""
        return self.name.endswith("depthwise_conv")

    @property
    def outputs(self) -> int:
        """Number of channels that it gives."""
        return self.shape[2] if self.depthwise else self.shape[3]


def architecture() -> Iterator[Spec]:
    """Yield the 27 convolutions with their names in the Keras model."""
    yield Spec("layer1/conv", (3, 3, 1, STEM_CHANNELS), STEM_STRIDE)
    inputs = STEM_CHANNELS
    for layer, (outputs, stride) in enumerate(zip(CHANNELS, STRIDES, strict=True), 2):
        yield Spec(f"layer{layer}/depthwise_conv", (3, 3, inputs, 1), stride)
        yield Spec(f"layer{layer}/pointwise_conv", (1, 1, inputs, outputs), 1)
        inputs = outputs


class _MisfitError(Exception):
    """What is wrong in the file, without the file's name."""


def read_yamnet(path: Path) -> YamnetWeights:
    """Read a weights file; which kind it is, its first bytes tell.

    Parameters
    ----------
    path : Path
        The official ``.tflite``, its dynamic-range sibling or the official Keras ``.h5``.

    Returns
    -------
    YamnetWeights
        Float32, finite, of the shapes of the architecture.

    Raises
    ------
    ModelError
        If the file cannot be read, is too large, damaged or not YAMNet.
    """
    data = _read(path)
    try:
        with np.errstate(all="ignore"):  # what overflows is found below
            if data[4:8] == b"TFL3":
                parts = _read_tflite(data)
            elif data[:8] == b"\x89HDF\r\n\x1a\n":
                parts = _read_h5(data)
            else:
                raise _MisfitError("neither a .tflite nor an .h5 file")
        convolutions, dense_kernel, dense_bias, activation = parts
        arrays = [array for each in convolutions for array in (each.kernel, each.bias)]
        for array in (*arrays, dense_kernel, dense_bias):
            if not np.isfinite(array).all():
                raise _MisfitError("weights that are not finite")
            array.setflags(write=False)
    except (_MisfitError, TFLiteError) as error:
        raise ModelError(f"{path}: not YAMNet's weights: {error}; {_EXPECTED}") from error
    except _DAMAGE as error:
        raise ModelError(f"{path}: damaged or truncated weights file; {_EXPECTED}") from error
    stem, *rest = convolutions
    return YamnetWeights(
        stem=stem,
        blocks=tuple(Block(*pair) for pair in zip(rest[::2], rest[1::2], strict=True)),
        dense_kernel=dense_kernel,
        dense_bias=dense_bias,
        activation=activation,
        digest=hashlib.sha256(data).hexdigest(),
    )


_Parts = tuple[list[ConvWeights], Float32, Float32, Literal["relu", "relu6"]]


def _read(path: Path) -> bytes:
    """Return the bytes of a file that is not too large."""
    try:
        if not path.is_file():  # a pipe would block, a folder has no bytes
            raise ModelError(f"{path}: not a file; {_EXPECTED}")
        size = path.stat().st_size
        if size > LIMIT:
            raise ModelError(
                f"{path}: {size} bytes are too many for YAMNet's weights (limit {LIMIT}); "
                f"{_EXPECTED}"
            )
        with path.open("rb") as file:
            return file.read(LIMIT)
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror or error}); {_EXPECTED}"
        ) from error


# --- TFLite ---------------------------------------------------------------------------------------


def _read_tflite(data: bytes) -> _Parts:
    """Read the part of the graph from the first convolution to the scores."""
    graph = read_graph(data)
    specs = list(architecture())
    wanted = [
        *("DEPTHWISE_CONV_2D" if spec.depthwise else "CONV_2D" for spec in specs),
        "MEAN",
        "FULLY_CONNECTED",
        "LOGISTIC",
    ]
    names = [operator.kind for operator in graph.operators]
    # Before the first convolution is the front end, which `kws.frontend` replaces.
    first = names.index("CONV_2D") if "CONV_2D" in names else len(names)
    found = graph.operators[first : first + len(wanted)]
    for want, have in zip(wanted, found, strict=False):
        if want != have.kind:
            raise _MisfitError(f"operator {have.number} is {have.kind} instead of {want}")
    if len(found) < len(wanted):
        raise _MisfitError(
            f"{len(found)} operators from the first convolution on, not {len(wanted)}"
        )
    for before, after in pairwise(found):
        if _only_output(before) != after.inputs[0]:
            raise _MisfitError(f"operator {after.number} does not follow operator {before.number}")
    convolutions = []
    activations = set()
    for operator, spec in zip(found, specs, strict=False):
        convolution, activation = _tflite_convolution(graph, operator, spec)
        convolutions.append(convolution)
        activations.add(activation)
    if activations == {"relu"}:
        shared: Literal["relu", "relu6"] = "relu"
    elif activations == {"relu6"}:
        shared = "relu6"
    else:
        raise _MisfitError(f"activations {', '.join(sorted(activations))} instead of relu or relu6")
    dense = found[-2]
    activation = _activation(dense.options_as("FullyConnectedOptions"))
    _check(activation, "none", f"activation of operator {dense.number}")
    _, kernel, bias = dense.inputs
    return (
        convolutions,
        np.ascontiguousarray(_weights(graph, kernel, (CLASSES, CHANNELS[-1])).T),
        _weights(graph, bias, (CLASSES,)),
        shared,
    )


def _tflite_convolution(graph: Graph, operator: Operator, spec: Spec) -> tuple[ConvWeights, str]:
    """Read one convolution and the name of its fused activation."""
    kind = "DepthwiseConv2DOptions" if spec.depthwise else "Conv2DOptions"
    options = operator.options_as(kind)
    where = f"of operator {operator.number}"
    _check((options.StrideH(), options.StrideW()), (spec.stride, spec.stride), f"strides {where}")
    _check(options.Padding(), 0, f"padding {where}")  # Padding.SAME
    dilation = options.DilationHFactor(), options.DilationWFactor()
    _check(dilation, (1, 1), f"dilations {where}")
    _, kernel, bias = operator.inputs
    height, width, inputs, outputs = spec.shape
    if spec.depthwise:
        _check(options.DepthMultiplier(), 1, f"depth multiplier {where}")
        stored = _weights(graph, kernel, (1, height, width, inputs))  # 1HWC
        array = stored.reshape(spec.shape)
    else:
        stored = _weights(graph, kernel, (outputs, height, width, inputs))  # OHWI
        array = np.ascontiguousarray(stored.transpose(1, 2, 3, 0))
    weights = ConvWeights(array, _weights(graph, bias, (spec.outputs,)), spec.stride)
    return weights, _activation(options)


def _check(have: object, want: object, what: str) -> None:
    """Refuse a value that the architecture does not have."""
    if have != want:
        raise _MisfitError(f"{what}: {have} instead of {want}")


def _activation(options: Any) -> str:
    """Return the name of the activation fused into an operator with these options."""
    number = options.FusedActivationFunction()
    kinds = vars(load_schema().ActivationFunctionType).items()
    return next((name.lower() for name, kind in kinds if kind == number), f"code {number}")


def _only_output(operator: Operator) -> int:
    """Return the number of an operator's only output tensor."""
    _check(len(operator.outputs), 1, f"outputs of operator {operator.number}")
    return operator.outputs[0]


def _weights(graph: Graph, number: int, shape: tuple[int, ...]) -> Float32:
    """Return a constant tensor as float32; integers are taken times their scales."""
    _check(number >= 0, True, f"tensor {number} is there")
    tensor = graph.tensors[number]
    _check(tensor.shape, shape, f"shape of tensor {number}")
    if tensor.type not in ("FLOAT32", "INT8", "INT32"):
        raise _MisfitError(f"tensor {number} is neither float32 nor int8 nor int32")
    # the zero points of weights are 0 (TFLite's 8-bit quantization specification)
    _check(set(tensor.zero_points.tolist()) <= {0}, True, f"zero points of tensor {number} are 0")
    return tensor.real_values()


# --- Keras ----------------------------------------------------------------------------------------


#: The head of a heap of names, its size, where its free room begins, and where it lies ("HDF5 File
#: Format Specification 3.0", III.D). HDF5 takes as much memory as it says, and follows the list of
#: its free room without an end.
_HEAP = re.compile(rb"HEAP\x00{4}(.{8})(.{8})(.{8})", re.DOTALL)
#: What ends the list of free room (hdf5, src/H5HLprivate.h, H5HL_FREE_NULL).
_NO_ROOM = 1


def _check_heaps(data: bytes) -> None:
    """Refuse a file with a heap that is larger than it, or whose free room never ends."""
    left = len(data) // 16  # pieces of free room in all heaps: each has 16 bytes at least
    for heap in _HEAP.finditer(data):
        size, room, begin = (int.from_bytes(heap[n], "little") for n in (1, 2, 3))
        if size > len(data):
            raise _MisfitError("it has a heap that is larger than the file")
        while room != _NO_ROOM and room + 16 <= size:  # HDF5 refuses what lies outside
            left -= 1
            if left < 0:
                raise _MisfitError("it has a heap whose free room has no end")
            room = int.from_bytes(data[begin + room : begin + room + 8], "little")


def _read_h5(data: bytes) -> _Parts:
    """Read the Keras model's weights; its activation is ReLU (yamnet.py, layers.ReLU)."""
    import h5py

    _check_heaps(data)
    with h5py.File(io.BytesIO(data), "r") as file:
        datasets: dict[str, Any] = {}

        def collect(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                datasets[name] = item

        # Goes into groups only: links to other files are not followed.
        file.visititems(collect)
        convolutions = [_h5_convolution(datasets, spec) for spec in architecture()]
        kernel = _h5_array(datasets, "dense/", "kernel", (CHANNELS[-1], CLASSES))
        bias = _h5_array(datasets, "dense/", "bias", (CLASSES,))
    return convolutions, kernel.astype(np.float32), bias.astype(np.float32), "relu"


def _h5_convolution(datasets: dict[str, Any], spec: Spec) -> ConvWeights:
    """Read one convolution and fold the batch norm after it."""
    prefix = f"{spec.name}/"
    norm = f"{spec.name}/bn/"
    kind = "depthwise_kernel" if spec.depthwise else "kernel"
    kernel = _h5_array(datasets, prefix, kind, spec.shape)
    if _h5_names(datasets, norm, "gamma"):
        raise _MisfitError(f"{norm} has a gamma, which YAMNet's batch norm has not")
    beta = _h5_array(datasets, norm, "beta", (spec.outputs,))
    mean = _h5_array(datasets, norm, "moving_mean", (spec.outputs,))
    variance = _h5_array(datasets, norm, "moving_variance", (spec.outputs,))
    if not (variance >= 0).all():
        raise _MisfitError(f"{norm} has a variance below 0")
    scale = 1 / np.sqrt(variance + EPSILON)
    # Channels out are the last axis, but the third of a depthwise kernel.
    folded = kernel * (scale[:, None] if spec.depthwise else scale)
    bias = beta - mean * scale
    return ConvWeights(folded.astype(np.float32), bias.astype(np.float32), spec.stride)


def _h5_names(datasets: dict[str, Any], prefix: str, kind: str) -> list[str]:
    """Return the names of the datasets of a layer and kind.

    Keras repeats the layer's name: ``layer1/conv/layer1/conv/kernel:0``; how often is its affair.
    """
    pattern = re.compile(rf"{re.escape(prefix)}(.*/)?{kind}(:0)?")
    return [name for name in datasets if pattern.fullmatch(name)]


def _h5_array(
    datasets: dict[str, Any], prefix: str, kind: str, shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Return the only dataset of a layer and kind, as float64."""
    names = _h5_names(datasets, prefix, kind)
    if len(names) != 1:
        raise _MisfitError(f"{len(names) or 'no'} datasets {prefix}…/{kind}:0")
    dataset = datasets[names[0]]
    # Its bytes must be in this very file.
    if dataset.is_virtual or dataset.external:
        raise _MisfitError(f"{names[0]} is kept in another file")
    # Keras keeps weights in one piece. HDF5 makes room for a piece as large as the file says, and
    # for what comes out of a filter without an end.
    if dataset.chunks is not None:
        raise _MisfitError(f"{names[0]} is kept in pieces or compressed")
    _check(dataset.shape, shape, f"shape of {names[0]}")
    _check(dataset.dtype.kind, "f", f"kind of numbers of {names[0]}")
    return np.asarray(dataset[()], np.float64)
