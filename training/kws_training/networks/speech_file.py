"""Read the weights of Google's speech embedding into plain numpy arrays.

The network (J. Lin et al., "Training keyword spotters with limited and synthesized speech data",
arXiv 2002.01322; Apache-2.0) is published on TensorFlow Hub, and as TFLite inside the wheel of
openWakeWord. Both the wheel and the ``.tflite`` file alone can be read here: the wheel is a ZIP
archive, of which one member is taken by its name.

A file is untrusted: its size is bounded, every shape and option is checked against the
architecture, and whatever is wrong in it comes out as one line.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.errors import ModelError
from kws.zips import is_bounded

from ..data.checkpoint import DAMAGED_ARCHIVE
from .tflite import Graph, Operator, TFLiteError, read_graph

#: The network's place in openWakeWord's wheel.
MEMBER = "openwakeword/resources/models/embedding_model.tflite"
#: SHA-256 of the network in the pinned wheel.
NETWORK_SHA256 = "c0aea21eb84a4ce90a08c870da41b7a7173b45269e6a3207c71d67c40f3a59d8"
#: A wheel may have so many bytes; the pinned one has 16.7 million.
WHEEL_LIMIT = 64_000_000
#: A network may have so many bytes; the pinned one has 1.3 million.
NETWORK_LIMIT = 8_000_000

#: Channels of the blocks. A block is pairs of convolutions, over three bands and over three
#: frames, and a maximum; the first block begins with a convolution over 3 x 3.
CHANNELS = (24, 48, 72, 96, 96)
#: Pairs of convolutions in each block.
PAIRS = (1, 2, 2, 2, 2)
#: Frames over which the maximum at the end of each block is taken; it is over two bands.
POOLS = (2, 1, 2, 1, 2)
#: Slope of the activation below 0, and its smallest value.
SLOPE, LEAST = 0.2, -0.4

#: What the parsers of a damaged file raise: offsets and counts can have any value.
_DAMAGE = (*DAMAGED_ARCHIVE, AttributeError, IndexError, OverflowError)

_EXPECTED = (
    "give the wheel of openWakeWord 0.5.1 or its embedding_model.tflite, or leave "
    "--speech-embedding out to have it downloaded"
)


@dataclass(frozen=True, eq=False)
class SpeechWeights:
    """All weights of the speech embedding, batch norm folded.

    Attributes
    ----------
    convolutions : tuple of (float32 (frames, bands, in, out), float32 (out,))
        Kernel and bias of the 20 convolutions, in the order in which they run.
    network : bytes
        The TFLite file that they were read from.
    digest : str
        Its SHA-256, in hexadecimal.
    """

    convolutions: tuple[tuple[Float32, Float32], ...]
    network: bytes
    digest: str


class _MisfitError(Exception):
    """A file that holds something else."""


def read_speech_embedding(path: Path) -> SpeechWeights:
    """Read the weights of the speech embedding.

    Parameters
    ----------
    path : Path
        The wheel of openWakeWord, or the TFLite file in it.

    Returns
    -------
    SpeechWeights

    Raises
    ------
    ModelError
        If it is something else, or damaged.
    """
    try:
        network = _network_of(path)
        graph = read_graph(network)
        convolutions = tuple(_convolutions(graph))
    except (_MisfitError, TFLiteError) as error:
        raise ModelError(
            f"{path}: is not Google's speech embedding ({error}): {_EXPECTED}"
        ) from None
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{path}: cannot be read ({reason}): {_EXPECTED}") from None
    return SpeechWeights(convolutions, network, hashlib.sha256(network).hexdigest())


def _network_of(path: Path) -> bytes:
    """Return the TFLite file that a path holds, itself or as the wheel's member."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return _bounded(file.read(NETWORK_LIMIT + 1))
    if path.stat().st_size > WHEEL_LIMIT:
        raise _MisfitError(f"more than {WHEEL_LIMIT} bytes")
    with zipfile.ZipFile(path) as wheel:
        if MEMBER not in wheel.namelist():
            raise _MisfitError(f"an archive without {MEMBER}")
        if not is_bounded(wheel.getinfo(MEMBER)):
            raise _MisfitError(f"{MEMBER} is not compressed by Deflate")
        with wheel.open(MEMBER) as member:
            return _bounded(member.read(NETWORK_LIMIT + 1))


def _bounded(network: bytes) -> bytes:
    if len(network) > NETWORK_LIMIT:
        raise _MisfitError(f"a network of more than {NETWORK_LIMIT} bytes")
    return network


def kernel_shapes() -> list[tuple[int, int, int, int]]:
    """Return the shapes of the kernels, (frames, bands, in, out), in the order of the network."""
    shapes = [(3, 3, 1, CHANNELS[0])]
    inputs = CHANNELS[0]
    for channels, pairs in zip(CHANNELS, PAIRS, strict=True):
        for _ in range(pairs):
            shapes += [(1, 3, inputs, channels), (3, 1, channels, channels)]
            inputs = channels
    return [*shapes, (3, 1, inputs, inputs)]


def _kinds() -> list[str]:
    """Return the kinds of the operators in the order of the network."""
    activated = ["CONV_2D", "LEAKY_RELU", "MAXIMUM"]
    kinds = ["PAD", *activated]
    for pairs in PAIRS:
        kinds += [*activated * (2 * pairs), "MAX_POOL_2D"]
    return [*kinds, "CONV_2D"]


def _convolutions(graph: Graph) -> list[tuple[Float32, Float32]]:
    """Check all operators, and return kernel and bias of each convolution."""
    kinds = _kinds()
    if [operator.kind for operator in graph.operators] != kinds:
        raise _MisfitError(f"its operators are not the {len(kinds)} of it")
    for before, after in pairwise(graph.operators):
        if before.outputs[0] != after.inputs[0]:
            raise _MisfitError(f"operator {after.number} does not follow operator {before.number}")
    shapes, pools = iter(kernel_shapes()), iter(POOLS)
    found = []
    for operator in graph.operators:
        if operator.kind == "CONV_2D":
            found.append(_convolution(graph, operator, next(shapes)))
        elif operator.kind == "LEAKY_RELU":
            slope = operator.options_as("LeakyReluOptions").Alpha()
            _check(round(slope, 6), SLOPE, f"slope of operator {operator.number}")
        elif operator.kind == "MAXIMUM":
            least = _constant(graph, operator.inputs[1], ())
            _check(round(float(least), 6), LEAST, f"least value of operator {operator.number}")
        elif operator.kind == "MAX_POOL_2D":
            options, frames = operator.options_as("Pool2DOptions"), next(pools)
            size = options.FilterHeight(), options.FilterWidth()
            _check(size, (frames, 2), f"window of operator {operator.number}")
            strides = options.StrideH(), options.StrideW()
            _check(strides, (frames, 2), f"strides of operator {operator.number}")
    return found


def _convolution(
    graph: Graph, operator: Operator, shape: tuple[int, int, int, int]
) -> tuple[Float32, Float32]:
    """Read one convolution as Keras has it."""
    options = operator.options_as("Conv2DOptions")
    where = f"of operator {operator.number}"
    _check((options.StrideH(), options.StrideW()), (1, 1), f"strides {where}")
    _check((options.DilationHFactor(), options.DilationWFactor()), (1, 1), f"dilations {where}")
    _check(options.FusedActivationFunction(), 0, f"activation {where}")
    if shape[:2] == (1, 3):
        _check(options.Padding(), 0, f"padding {where}")  # SAME, of bands alone
    else:
        _check(options.Padding(), 1, f"padding {where}")  # VALID
    frames, bands, inputs, outputs = shape
    kernel = _constant(graph, operator.inputs[1], (outputs, frames, bands, inputs))
    bias = _constant(graph, operator.inputs[2], (outputs,))
    return np.ascontiguousarray(kernel.transpose(1, 2, 3, 0)), bias


def _constant(graph: Graph, number: int, shape: Sequence[int]) -> Float32:
    """Return a constant tensor of float32, whose shape is checked before it is read."""
    tensor = graph.tensors[number]
    _check(tensor.type, "FLOAT32", f"type of tensor {number}")
    _check(tensor.shape, tuple(shape), f"shape of tensor {number}")
    values = tensor.real_values()
    _check(bool(np.isfinite(values).all()), True, f"values of tensor {number} are finite")
    return values


def _check(have: object, want: object, what: str) -> None:
    """Refuse a value that the architecture does not have."""
    if have != want:
        raise _MisfitError(f"{what}: {have} instead of {want}")
