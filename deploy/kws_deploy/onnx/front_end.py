"""The front end in ONNX operators: the samples of one step in, its log-mel frames out.

The arithmetic is that of `kws.frontend`, in float32: a window, a Fourier transform, mel filters, a
logarithm, without the DC offset.
"""

from __future__ import annotations

import numpy as np

from kws.frontend import JoinedConfig, LogMelConfig, LogMelFrontEnd, hann, mel_filters

from .nodes import Nodes, StateVector

#: Numbers of types in ONNX (onnx.TensorProto).
FLOAT, DOUBLE = 1, 11
#: Full scale of 16-bit samples.
FULL_SCALE = 32768
#: Stands for infinity where the means of a stream have not begun; ONNX files with infinities are
#: refused by some readers.
FAR = 1e30


def add_front_end(
    nodes: Nodes, state: StateVector, config: LogMelFrontEnd, samples: str, frames: int
) -> str:
    """Add the nodes of a front end and return the name of its frames, float32 (frames, bands).

    Before the first step the stream was digital silence. The last sample of a step is the last one
    under the window of the last frame.

    Parameters
    ----------
    nodes : Nodes
        Where the nodes go.
    state : StateVector
        Carries the samples and means that later steps need.
    config : LogMelConfig or JoinedConfig
        The front end.
    samples : str
        Name of the samples of a step: int16 (frames * hop,).
    frames : int
        Frames of a step.
    """
    parts = config.parts if isinstance(config, JoinedConfig) else (config,)
    heard = nodes.add("Cast", samples, to=FLOAT)
    heard = nodes.add("Mul", heard, nodes.constant(1 / FULL_SCALE))
    held = config.window - config.hop
    if held:
        before = state.take(np.zeros(held, np.float32))
        heard = nodes.add("Concat", before, heard, axis=0)
        state.put(before, _last(nodes, heard, held))
    bands = [_add_part(nodes, state, part, heard, frames) for part in parts]
    return bands[0] if len(bands) == 1 else nodes.add("Concat", *bands, axis=1)


def _add_part(
    nodes: Nodes, state: StateVector, config: LogMelConfig, heard: str, frames: int
) -> str:
    """Add one front end; returns the name of its frames, float32 (frames, bands)."""
    window = hann(config.window)
    places = np.arange(frames)[:, None] * config.hop + np.arange(config.window)
    values = nodes.add("Gather", heard, nodes.constant(places, np.int32), axis=0)
    values = nodes.add("Mul", values, nodes.constant(window))
    if config.dc_frames:
        offsets = _add_shared_mean(nodes, state, values, frames, config.dc_frames)
        # the part of a constant that is left under the window: what `constant_spectrum` has of it
        constant = window / (float(window.sum()) or 1.0)
        values = nodes.add("Sub", values, nodes.add("Mul", offsets, nodes.constant(constant)))
    if config.fft > config.window:
        zeros = nodes.constant(np.zeros((frames, config.fft - config.window)))
        values = nodes.add("Concat", values, zeros, axis=1)
    values = nodes.reshape(values, (frames, config.fft, 1))
    values = nodes.add("DFT", values, axis=1, onesided=1)
    filters = mel_filters(config)
    used = np.flatnonzero(filters.any(axis=1))  # bins outside all filters count for nothing
    first, end = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)
    places = np.arange(first, end)
    values = nodes.add("Gather", values, nodes.constant(places, np.int32), axis=1)
    values = nodes.add("Mul", values, values)
    values = nodes.add("ReduceSum", values, nodes.constant([2], np.int64), keepdims=0)
    if config.spectrum == "magnitude":
        values = nodes.add("Sqrt", values)
    values = nodes.add("MatMul", values, nodes.constant(filters[first:end]))
    values = nodes.add("Add", values, nodes.constant(config.offset))
    values = nodes.add("Max", values, nodes.constant(max(np.exp(config.floor), 1e-30)))
    values = nodes.add("Log", values)
    low, high = nodes.constant(config.floor), nodes.constant(config.ceiling)
    return nodes.add("Clip", values, low, high)


def _add_shared_mean(
    nodes: Nodes, state: StateVector, windowed: str, frames: int, count: int
) -> str:
    """Add `kws.frontend.SharedMean`; returns the name of the offsets, float32 (frames, 1).

    What the latest means have in common is the least of them if all are above zero, the greatest
    if all are below, and else zero: the positive part of the least and the negative part of the
    greatest are never both there.
    """
    # summed in double: what a rounded mean leaves of a large offset is heard in quiet bands
    means = nodes.add("Cast", windowed, to=DOUBLE)
    means = nodes.add("ReduceSum", means, nodes.constant([1], np.int64), keepdims=0)
    means = nodes.add("Cast", means, to=FLOAT)
    there = nodes.constant(np.ones(frames))
    if count > 1:
        before, began = (state.take(np.zeros(count - 1, np.float32)) for _ in "ab")
        means = nodes.add("Concat", before, means, axis=0)
        there = nodes.add("Concat", began, there, axis=0)
        for old, new in ((before, means), (began, there)):
            state.put(old, _last(nodes, new, count - 1))
    missing = nodes.add("Mul", nodes.add("Sub", nodes.constant(1), there), nodes.constant(FAR))
    places = nodes.constant(np.arange(frames)[:, None] + np.arange(count), np.int32)
    above = nodes.add("Gather", nodes.add("Add", means, missing), places, axis=0)
    below = nodes.add("Gather", nodes.add("Sub", means, missing), places, axis=0)
    least = nodes.add("ReduceMin", above, axes=[1], keepdims=1)
    greatest = nodes.add("ReduceMax", below, axes=[1], keepdims=1)
    negative = nodes.add("Relu", nodes.add("Neg", greatest))
    return nodes.add("Sub", nodes.add("Relu", least), negative)


def _last(nodes: Nodes, values: str, count: int) -> str:
    """Add a node that takes the last numbers of a vector; returns its name."""
    start, end = nodes.constant([-count], np.int64), nodes.constant([2**31 - 1], np.int64)
    return nodes.add("Slice", values, start, end)
