"""A stack of mixed depthwise convolutions along time, as microWakeWord uses for wake words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws.frontend import LogMelConfig
from kws_training.networks.streaming import Tensor, Time, last, newest, over_time, parallel


@dataclass(frozen=True)
class MixedShape:
    """Size of a mixed network.

    Attributes
    ----------
    stem : int
        Front-end frames under one output frame of the first layer.
    width, features : int
        Channels of the layers with an output frame per 20 ms, and per 40 ms.
    kernels : tuple of tuple of int
        Of each block at 40 ms: the lengths of the depthwise kernels that share its channels.
    pool : int
        Output frames of 80 ms that a result joins.
    """

    stem: int = 6
    width: int = 64
    features: int = 116
    kernels: tuple[tuple[int, ...], ...] = ((5,), (3, 7), (3, 7), (3, 7), (5,))
    pool: int = 4


class MixedNetwork:
    """Blocks of depthwise convolutions of several lengths at once, then pointwise, with residuals.

    MixConv (arXiv 1907.09595) splits the channels and gives each part a kernel of its own length,
    so that short and long sounds are seen by the same layer at the cost of one; MixedNet is its use
    in microWakeWord (kahrendt/microWakeWord, mixednet.py).

    Parameters
    ----------
    front_end : LogMelConfig
        What makes its frames.
    labels : int
        Number of labels of the logits.
    shape : MixedShape
        Its size.
    dropout : float
        Share of features dropped before the logits, in training.

    Attributes
    ----------
    output : Keras layer
        The convolution that gives the logits.
    """

    def __init__(
        self, front_end: LogMelConfig, labels: int, shape: MixedShape, dropout: float = 0.1
    ) -> None:
        from keras import layers

        def pointwise(channels: int, kernel: int = 1, stride: int = 1) -> tuple[Any, Any]:
            convolution = layers.Conv2D(channels, (kernel, 1), strides=(stride, 1), use_bias=False)
            return convolution, layers.BatchNormalization(momentum=0.97)

        def depthwise(kernel: int, stride: int = 1) -> Any:
            # Keras wants equal strides; along frequency, of which there is one, it changes nothing
            return layers.DepthwiseConv2D((kernel, 1), strides=(stride, stride), use_bias=False)

        middle = (front_end.floor + front_end.ceiling) / 2
        self._scale = layers.Rescaling(0.25, offset=-0.25 * middle)
        self._stem = pointwise(shape.width, shape.stem, 2)
        self._halve = depthwise(5, 2), *pointwise(shape.features)
        self._blocks = [
            ([depthwise(kernel) for kernel in kernels], *pointwise(shape.features))
            for kernels in shape.kernels
        ]
        self._mean = layers.AveragePooling2D((2, 1))
        self._pool = depthwise(shape.pool), layers.BatchNormalization(momentum=0.97)
        self._dropout = layers.Dropout(dropout)
        self.output = layers.Conv2D(labels, 1)

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, output frames, labels) of frames (batch, frames, 1, bands)."""
        import keras

        relu = keras.ops.relu
        convolution, norm = self._stem
        x = relu(norm(over_time(convolution, self._scale(x), time)))
        depthwise, pointwise, norm = self._halve
        x = relu(norm(pointwise(over_time(depthwise, x, time))))
        for mixed, pointwise, norm in self._blocks:
            y = norm(pointwise(_mix(mixed, x, time)))
            x = relu(y + last(x, y))
        x = over_time(self._mean, x, time)
        depthwise, norm = self._pool
        x = relu(norm(over_time(depthwise, x, time)))
        return self.output(self._dropout(x))[:, :, 0]


def _mix(layers: list[Any], x: Tensor, time: Time) -> Tensor:
    """Give each part of the channels its own depthwise convolution; all end at the same frame."""
    import keras

    if len(layers) == 1:
        return over_time(layers[0], x, time)
    size = x.shape[-1] // len(layers)
    cuts = [size * number for number in range(len(layers))] + [x.shape[-1]]
    paths = [
        lambda branch, layer=layer, part=x[..., low:high]: over_time(layer, part, branch)
        for layer, low, high in zip(layers, cuts, cuts[1:], strict=False)
    ]
    return keras.ops.concatenate(newest(parallel(paths, time)), axis=-1)
