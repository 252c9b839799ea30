"""What can be done where int8 loses, without training: equalised channels, and wider layers.

Training with quantization in the loop is not done: no network that was made here needed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.metadata import StreamingContract
from kws_training.networks.tflite import operator_names
from kws_training.networks.tflite_objects import constant, kind_of, unpack, write_flatbuffer

from .graph import name_of, named, operators_of
from .layers import logits_of, noise_of
from .ranges import Range, Recorder
from .variants import quantize

#: No channel is scaled by more: what is as good as zero stays so.
MOST_SCALE = 1000.0
#: Axis of the output and of the input channels in the weights of each kind.
_AXES = {"CONV_2D": (0, 3), "DEPTHWISE_CONV_2D": (3, 3), "FULLY_CONNECTED": (0, 1)}
#: Fused activations f with f(s x) = s f(x) for s > 0: none and ReLU, by the schema's numbers.
_HOMOGENEOUS = (0, 1)
#: Segments that are made wider, at most, and what each must gain, in decibels.
MOST_SEGMENTS = 3
LEAST_GAIN = 0.3


@dataclass(frozen=True)
class _Pair:
    """Two layers, one feeding the other alone."""

    first: Any
    second: Any
    between: int
    out_axis: int
    in_axis: int


def equalise(network: bytes, contract: StreamingContract, frames: Float32) -> tuple[bytes, int]:
    """Scale channels between pairs of layers so that none wastes the range of the others.

    Cross-layer equalisation (arXiv 1906.04721, section 4.1): the first layer's output channel is
    divided by s and the second layer's weights on it multiplied by s, with
    s = sqrt(r1 r2) / r2, r1 and r2 the channel's ranges in front and behind. In float the network
    stays the same function, through ReLU too, since s is positive. As weights have a scale per
    output channel here, r1 is the range of the channel's *activations* on the frames, which
    share one scale.

    Parameters
    ----------
    network : bytes
        Float32, with named tensors.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    frames : float32 (frames, bands)
        A representative stream.

    Returns
    -------
    network : bytes
        Float32, with the same names.
    pairs : int
        How many pairs of layers were equalised; 0 returns the network as it is.
    """
    model = unpack(network)
    pairs = _pairs(model)
    if not pairs:
        return network, 0
    peaks = _peaks(network, contract, frames, [name_of(model, pair.between) for pair in pairs])
    for pair in pairs:
        weights = int(pair.first.inputs[1]), int(pair.second.inputs[1])
        front = peaks[name_of(model, pair.between)]
        behind = _values(model, weights[1])
        others = tuple(axis for axis in range(behind.ndim) if axis != pair.in_axis)
        behind_range = np.abs(behind).max(axis=others)
        good = (front > 0) & (behind_range > 0)
        safe = np.where(good, behind_range, 1.0)
        scale = np.where(good, np.sqrt(np.where(good, front, 1.0) * safe) / safe, 1.0)
        scale = np.clip(scale, 1 / MOST_SCALE, MOST_SCALE).astype(np.float32)
        inverse = (1 / scale).astype(np.float32)
        _scale(model, weights[0], inverse, pair.out_axis)
        if len(pair.first.inputs) > 2 and pair.first.inputs[2] != -1:
            _scale(model, int(pair.first.inputs[2]), inverse, 0)
        _scale(model, weights[1], scale, pair.in_axis)
    return named(write_flatbuffer(model, len(network))), len(pairs)


def _pairs(model: Any) -> list[_Pair]:
    """Find layers that feed one other layer alone, channel by channel."""
    graph = model.subgraphs[0]
    names = operator_names()
    fixed = {int(index) for index in graph.outputs}
    users: dict[int, list[Any]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            users.setdefault(int(index), []).append(operator)
    found = []
    for first in graph.operators:
        kind = names.get(kind_of(model, first))
        between = int(first.outputs[0])
        takers = users.get(between, [])
        if kind not in _AXES or between in fixed or len(takers) != 1:
            continue
        second = takers[0]
        taker = names.get(kind_of(model, second))
        if taker not in _AXES or int(second.inputs[0]) != between:
            continue
        if first.builtinOptions.fusedActivationFunction not in _HOMOGENEOUS:
            continue
        if taker == "DEPTHWISE_CONV_2D" and second.builtinOptions.depthMultiplier != 1:
            continue
        tensors = [int(first.inputs[1]), int(second.inputs[1]), *map(int, first.inputs[2:])]
        if any(
            index == -1 or len(users[index]) > 1 or constant(model, graph.tensors[index]) is None
            for index in tensors
        ):
            continue
        out_axis, in_axis = _AXES[kind][0], _AXES[taker][1]
        channels = graph.tensors[between].shape[-1]
        shapes = graph.tensors[tensors[0]].shape, graph.tensors[tensors[1]].shape
        if shapes[0][out_axis] == channels == shapes[1][in_axis]:
            found.append(_Pair(first, second, between, out_axis, in_axis))
    return found


def _values(model: Any, index: int) -> npt.NDArray[Any]:
    values = constant(model, model.subgraphs[0].tensors[index])
    assert values is not None  # `_pairs` has looked
    return values


def _scale(model: Any, index: int, factors: Float32, axis: int) -> None:
    """Multiply a constant along an axis; what else shares its buffer keeps the old values."""
    tensor = model.subgraphs[0].tensors[index]
    values = _values(model, index)
    shape = [1] * values.ndim
    shape[axis] = -1
    buffer = type(model.buffers[0])()
    scaled = np.ascontiguousarray(values * factors.reshape(shape), np.float32)
    buffer.data = np.frombuffer(scaled.tobytes(), np.uint8)
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)


def _peaks(
    network: bytes, contract: StreamingContract, frames: Float32, names: Sequence[str]
) -> dict[str, Float32]:
    """Return the largest size of each channel of some tensors over a stream."""
    peaks: dict[str, Float32] = {}
    for value in Recorder(network, contract).run(frames):
        for name in names:
            now = np.abs(value(name))
            now = now.reshape(-1, now.shape[-1]).max(axis=0)
            peaks[name] = np.maximum(peaks[name], now) if name in peaks else now
    return peaks


@dataclass(frozen=True)
class Segment:
    """Operators that are made wider together: those between one state and the next.

    Attributes
    ----------
    results : tuple of str
        Names of the operators' results.
    kinds : tuple of str
        Of its operators, as TFLite names them.
    """

    results: tuple[str, ...]
    kinds: tuple[str, ...]


def segments_of(network: bytes, contract: StreamingContract) -> list[Segment]:
    """Cut a network where states come in.

    A single operator in 16 bits gains nothing, as its neighbours round its input and its result
    to 8 bits again. A state and its successor stay in one segment.

    Parameters
    ----------
    network : bytes
        Float32, with named tensors.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    """
    after = dict(contract.states)
    makers: dict[str, int] = {}
    numbers = []
    number = 0
    operators = operators_of(network)
    for place, operator in enumerate(operators):
        states = [name for name in operator.inputs if name in after]
        if states and place:
            number += 1
        numbers.append(number)
        makers.update({after[name]: number for name in states})
    numbers = [
        next((makers[name] for name in operator.outputs if name in makers), own)
        for own, operator in zip(numbers, operators, strict=True)
    ]
    segments = []
    for wanted in sorted(set(numbers)):
        those = [
            operator for own, operator in zip(numbers, operators, strict=True) if own == wanted
        ]
        segments.append(
            Segment(
                tuple(name for operator in those for name in operator.outputs),
                tuple(operator.kind for operator in those),
            )
        )
    return segments


@dataclass(frozen=True)
class Widened:
    """A segment that was chosen for 16 bits, and what the logits had with it and those before.

    Attributes
    ----------
    segment : Segment
        The operators that were widened last.
    snr : float
        Signal-to-noise ratio of the logits, in decibels.
    """

    segment: Segment
    snr: float


def widen(
    network: bytes,
    contract: StreamingContract,
    ranges: Mapping[str, Range],
    frames: Float32,
    most: int = MOST_SEGMENTS,
) -> list[Widened]:
    """Choose the segments whose activations should have 16 bits: one by one, by what each gains.

    Parameters
    ----------
    network, contract, ranges
        As for `variants.quantize`.
    frames : float32 (frames, bands)
        A representative stream.
    most : int
        Segments, at most; fewer if none gains `LEAST_GAIN` any more.

    Returns
    -------
    list of Widened
        In the order in which they were chosen; empty if nothing helps.
    """
    truth = logits_of(network, contract, frames)

    def noise_with(chosen: Sequence[Segment]) -> float:
        higher = [name for segment in chosen for name in segment.results]
        content = quantize(network, contract, "int8", ranges, higher)
        return noise_of(truth, logits_of(content, contract, frames))

    left = segments_of(network, contract)
    chosen: list[Widened] = []
    best = noise_with([])
    while left and len(chosen) < most:
        so_far = [one.segment for one in chosen]
        trials = [noise_with([*so_far, segment]) for segment in left]
        place = int(np.argmax(trials))
        if trials[place] < best + LEAST_GAIN:
            break
        best = trials[place]
        chosen.append(Widened(left.pop(place), best))
    return chosen
