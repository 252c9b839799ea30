"""Convolutions whose batch norm is folded into them: read from a model file, and unfolded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kws.arrays import Float32

from .streaming import Network, whole_model
from .tflite import Tensor, read_graph

#: Shape of a kernel as TFLite has it, and the number of its biases.
Size = tuple[tuple[int, ...], int]
#: No weight of a network that works is nearly as large (of the word base in the package, 4.3).
LARGEST_WEIGHT = 1e6


def depthwise(kernel: int, channels: int) -> Size:
    """Return the size of a depthwise convolution along time.

    Parameters
    ----------
    kernel : int
        Its length.
    channels : int
        Its channels.
    """
    return (1, kernel, 1, channels), channels


def mixing(inputs: int, outputs: int, kernel: int = 1) -> Size:
    """Return the size of a convolution that mixes channels.

    Parameters
    ----------
    inputs, outputs : int
        Its channels.
    kernel : int
        Its length along time.
    """
    return (outputs, kernel, 1, inputs), outputs


def read_convolutions(network: bytes, sizes: Sequence[Size]) -> list[tuple[Float32, Float32]]:
    """Read kernels and biases of all convolutions in a TFLite network, dequantized, in order.

    Nothing is read that is not of the wanted size, so that a damaged file cannot take memory.

    Parameters
    ----------
    network : bytes
        The network.
    sizes : sequence of Size
        What its convolutions must be.

    Returns
    -------
    list of (float32 kernel, float32 bias)
        Kernels as Keras has them: (height, width, in, out), depthwise (height, width, channels, 1).

    Raises
    ------
    TFLiteError
        If it is no network.
    ValueError
        If its convolutions are not of these sizes.
    """
    graph = read_graph(network)
    found: list[tuple[Float32, Float32]] = []
    for operator in graph.operators:
        if operator.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        if len(found) == len(sizes):
            raise ValueError(f"more than {len(sizes)} convolutions")
        shape, biases = sizes[len(found)]
        kernel = _values(graph.tensors[operator.inputs[1]], shape)
        bias = _values(graph.tensors[operator.inputs[2]], (biases,))
        found.append((np.ascontiguousarray(kernel.transpose(1, 2, 3, 0)), bias))
    if len(found) != len(sizes):
        raise ValueError(f"{len(found)} convolutions, wanted {len(sizes)}")
    return found


def _values(tensor: Tensor, wanted: tuple[int, ...]) -> Float32:
    """Return a constant tensor of the wanted shape as float32."""
    if tensor.shape != wanted:
        raise ValueError(f"a tensor of {tensor.shape}, wanted {wanted}")
    values = tensor.real_values()
    if not np.abs(values).max() <= LARGEST_WEIGHT:  # NaN is not
        raise ValueError("a weight that is no number, or far too large")
    return values


def unfold(
    network: Network,
    convolutions: Sequence[Any],
    norms: Mapping[int, Any],
    weights: Sequence[tuple[Float32, Float32]],
    frames: Float32,
) -> None:
    """Give a network weights with batch norm folded into them, and put it beside them again.

    The network has not been called before. Every batch norm gets the mean and variance that it
    sees on the frames, and the scale and offset with which it changes nothing: the network gives
    what the folded one gives, and goes on learning as one that was never folded.

    Parameters
    ----------
    network : Network
        The network.
    convolutions : sequence of Keras layers
        Its convolutions, in order.
    norms : mapping of int to Keras layer
        The batch norm behind a convolution, by the convolution's number.
    weights : sequence of (float32 kernel, float32 bias)
        One pair for each convolution.
    frames : float32 (n, frames, frequency, channels)
        Such as are trained on.

    Raises
    ------
    ValueError
        If a convolution without batch norm or bias has a bias in the weights.
    """
    import keras

    model = whole_model(network, frames.shape[1], (frames.shape[2], frames.shape[3]))
    biases = {}
    for number, (layer, (kernel, bias)) in enumerate(zip(convolutions, weights, strict=True)):
        layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
        norm = norms.get(number)
        if norm is None:
            if not layer.use_bias and np.abs(bias).max() > 0:
                raise ValueError(f"convolution {number}: a bias, and nothing that takes it")
            continue
        ones = np.ones_like(bias)
        norm.set_weights([ones, bias, 0 * ones, ones - norm.epsilon])
        biases[number] = bias
    seen = [norms[number].input for number in biases]
    for (number, bias), values in zip(
        biases.items(), keras.Model(model.input, seen)(frames, training=False), strict=True
    ):
        mean, variance = np.mean(values, (0, 1, 2)), np.var(values, (0, 1, 2))
        norm = norms[number]
        scale = np.sqrt(variance + norm.epsilon)
        norm.set_weights([scale, bias + mean, mean, variance])
