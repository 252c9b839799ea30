"""Students: small streaming networks made for int8 on small cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws.frontend import LogMelConfig
from kws_training.networks.streaming import Time, last, over_time

Tensor = Any


@dataclass(frozen=True)
class StudentShape:
    """Size of a student.

    Attributes
    ----------
    width : int
        Channels of every layer.
    stem : int
        Front-end frames under one column of the first layer.
    fine, coarse : tuple of int
        Lengths of the depthwise kernels at two and at four frames per column.
    pool : int
        Columns of 80 ms that are joined in the end.
    """

    width: int = 96
    stem: int = 6
    fine: tuple[int, ...] = (5, 5)
    coarse: tuple[int, ...] = (5, 5, 5, 7)
    pool: int = 5


#: Front-end frames per result: the product of all strides.
STRIDE = 8


class TemporalStudent:
    """A stack of depthwise-separable convolutions along time; frequency is in the channels.

    The blocks are those of kws_streaming's ds_tc_resnet (MatchboxNet, arXiv 2004.08531):
    depthwise along time, pointwise, batch norm, a residual sum, ReLU. A strided block halves the
    number of columns, an average halves it again, and a depthwise convolution with a weight per
    column and channel joins what was heard over the last 0.4 s.

    Parameters
    ----------
    front_end : LogMelConfig
    labels : int
    shape : StudentShape
    dropout : float
        Share of features dropped before the logits, in training.
    """

    def __init__(
        self, front_end: LogMelConfig, labels: int, shape: StudentShape, dropout: float = 0.1
    ) -> None:
        from keras import layers

        def convolution(kernel: int, stride: int) -> tuple[Any, Any]:
            conv = layers.Conv2D(shape.width, (kernel, 1), strides=(stride, 1), use_bias=False)
            return conv, layers.BatchNormalization(momentum=0.97)

        def depthwise(kernel: int, stride: int) -> tuple[Any, Any]:
            # Keras wants equal strides; along frequency, of which there is one, it changes nothing
            conv = layers.DepthwiseConv2D((kernel, 1), strides=(stride, stride), use_bias=False)
            return conv, layers.BatchNormalization(momentum=0.97)

        def block(kernel: int, stride: int = 1) -> tuple[Any, ...]:
            return (*depthwise(kernel, stride), *convolution(1, 1))

        middle = (front_end.floor + front_end.ceiling) / 2
        self._scale = layers.Rescaling(0.25, offset=-0.25 * middle)
        self._stem, self._stem_norm = convolution(shape.stem, 2)
        self._fine = [block(kernel) for kernel in shape.fine]
        self._halve = block(5, stride=2)
        self._coarse = [block(kernel) for kernel in shape.coarse]
        self._mean = layers.AveragePooling2D((2, 1))
        self._pool, self._pool_norm = depthwise(shape.pool, 1)
        self._dropout = layers.Dropout(dropout)
        self._logits = layers.Conv2D(labels, 1)

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, columns, labels) of frames (batch, frames, 1, bands)."""
        import keras

        relu = keras.ops.relu
        x = relu(self._stem_norm(over_time(self._stem, self._scale(x), time)))
        for block in self._fine:
            x = self._residual(block, x, time)
        depthwise, first_norm, pointwise, second_norm = self._halve
        x = relu(second_norm(pointwise(first_norm(over_time(depthwise, x, time)))))
        for block in self._coarse:
            x = self._residual(block, x, time)
        x = over_time(self._mean, x, time)
        x = relu(self._pool_norm(over_time(self._pool, x, time)))
        return self._logits(self._dropout(x))[:, :, 0]

    @staticmethod
    def _residual(block: tuple[Any, ...], x: Tensor, time: Time) -> Tensor:
        import keras

        depthwise, first_norm, pointwise, second_norm = block
        y = second_norm(pointwise(first_norm(over_time(depthwise, x, time))))
        return keras.ops.relu(y + last(x, y))
