"""Convolutions whose batch norm is folded into them: read from a model file, and unfolded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kws.arrays import Float32

from .streaming import Network, whole_model
from .tflite import Graph, Tensor

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


def read_convolutions(graph: Graph, sizes: Sequence[Size]) -> list[tuple[Float32, Float32]]:
    """Read kernels and biases of all convolutions in a TFLite network, dequantized, in order.

    Nothing is read that is not of the wanted size, so that a damaged file cannot take memory.

    Parameters
    ----------
    graph : Graph
        The network.
    sizes : sequence of Size
        What its convolutions must be.

    Returns
    -------
    list of (float32 kernel, float32 bias)
        Kernels as Keras has them: (height, width, in, out), depthwise (height, width, channels, 1).

    Raises
    ------
    ValueError
        If its convolutions are not of these sizes.
    """
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


class Convolutions:
    """The convolutions of a network in their order, each with the batch norm behind it.

    Parameters
    ----------
    folded : bool
        True builds convolutions with biases in place of batch norm: for weights read from a file.

    Attributes
    ----------
    layers : list of Keras layers
        The convolutions that were built.
    """

    def __init__(self, *, folded: bool = False) -> None:
        self.layers: list[Any] = []
        self._folded = folded
        self._norms: dict[int, Any] = {}  # by the number of the convolution before it

    def depthwise(self, kernel: int, stride: int = 1) -> Any:
        """Build a depthwise convolution along time, without batch norm.

        Parameters
        ----------
        kernel : int
            Its length.
        stride : int
            Its step along time.

        Returns
        -------
        Keras layer
        """
        from keras import layers

        # Keras wants equal strides; along frequency, of which there is one, it changes nothing
        strides = (stride, stride)
        return self._added(
            layers.DepthwiseConv2D((kernel, 1), strides=strides, use_bias=self._folded)
        )

    def mixing(self, channels: int, kernel: int = 1, stride: int = 1) -> tuple[Any, Any]:
        """Build a convolution that mixes channels, and the batch norm behind it.

        Parameters
        ----------
        channels : int
            Those that it gives.
        kernel, stride : int
            Its length and its step along time.

        Returns
        -------
        (Keras layer, Keras layer)
        """
        from keras import layers

        layer = layers.Conv2D(channels, (kernel, 1), strides=(stride, 1), use_bias=self._folded)
        return self._added(layer), self.norm()

    def norm(self) -> Any:
        """Build the batch norm behind the latest convolution: nothing at all if it is folded.

        Returns
        -------
        Keras layer
        """
        from keras import layers

        if self._folded:
            return layers.Identity()
        layer = layers.BatchNormalization(momentum=0.97)
        self._norms[len(self.layers) - 1] = layer
        return layer

    def outputs(self, channels: int) -> Any:
        """Build the convolution that gives the outputs, with a bias.

        Parameters
        ----------
        channels : int
            Number of outputs.

        Returns
        -------
        Keras layer
        """
        from keras import layers

        return self._added(layers.Conv2D(channels, 1))

    def _added(self, layer: Any) -> Any:
        self.layers.append(layer)
        return layer

    def unfold(
        self,
        network: Network,
        weights: Sequence[tuple[Float32, Float32]],
        frames: Float32,
    ) -> None:
        """Give a network weights with batch norm folded into them, and put it beside them again.

        The network has not been called before. Every batch norm gets the mean and variance that it
        sees on the frames, and the scale and offset with which it changes nothing: the network
        gives what the folded one gives, and goes on learning as one that was never folded.

        Parameters
        ----------
        network : Network
            The network of these convolutions.
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
        for number, (layer, (kernel, bias)) in enumerate(zip(self.layers, weights, strict=True)):
            layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
            norm = self._norms.get(number)
            if norm is None:
                if not layer.use_bias and np.abs(bias).max() > 0:
                    raise ValueError(f"convolution {number}: a bias, and nothing that takes it")
                continue
            ones = np.ones_like(bias)
            norm.set_weights([ones, bias, 0 * ones, ones - norm.epsilon])
            biases[number] = bias
        seen = [self._norms[number].input for number in biases]
        for (number, bias), values in zip(
            biases.items(), keras.Model(model.input, seen)(frames, training=False), strict=True
        ):
            mean, variance = np.mean(values, (0, 1, 2)), np.var(values, (0, 1, 2))
            norm = self._norms[number]
            scale = np.sqrt(variance + norm.epsilon)
            norm.set_weights([scale, bias + mean, mean, variance])
