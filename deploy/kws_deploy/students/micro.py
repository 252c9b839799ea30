"""The student for microWakeWord's runtimes: one result every 30 ms, few operators, many frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws_training.networks.streaming import Tensor, Time, last, over_time

#: Front-end frames per step and result: what microWakeWord's own models take.
STRIDE = 3


@dataclass(frozen=True)
class MicroShape:
    """Size of the student.

    Attributes
    ----------
    stem : int
        Front-end frames under one output frame of the first layer.
    width : int
        Channels.
    kernels : tuple of int
        Lengths of the blocks' depthwise kernels, in output frames of 30 ms.
    pool : int
        Output frames that a result joins.
    """

    stem: int = 5
    width: int = 64
    kernels: tuple[int, ...] = (5, 9, 13, 17, 21)
    pool: int = 5


class MicroNetwork:
    """Blocks of depthwise convolutions along time, then pointwise, with residuals.

    All of the stride is in the first layer, so that each step computes every layer once. Nothing is
    done to the frames before it: they are its state as they are. The operators are those that
    ESPHome registers: convolutions, concatenations, slices and sums.

    Parameters
    ----------
    labels : int
        Number of wake words.
    shape : MicroShape
        Its size.
    dropout : float
        Share of channels dropped before the logits, in training.
    """

    def __init__(self, labels: int, shape: MicroShape, dropout: float = 0.1) -> None:
        from keras import layers

        def norm() -> Any:
            return layers.BatchNormalization(momentum=0.97)

        def mixing(kernel: int = 1, stride: int = 1) -> tuple[Any, Any]:
            convolution = layers.Conv2D(
                shape.width, (kernel, 1), strides=(stride, 1), use_bias=False
            )
            return convolution, norm()

        self._stem = mixing(shape.stem, STRIDE)
        self._blocks = [
            (layers.DepthwiseConv2D((kernel, 1), use_bias=False), *mixing())
            for kernel in shape.kernels
        ]
        self._pool = layers.DepthwiseConv2D((shape.pool, 1), use_bias=False), norm()
        self._dropout = layers.Dropout(dropout)
        # no phrase is said most of the time: the untrained network says so too
        self._logits = layers.Conv2D(labels, 1, bias_initializer=_rare)

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, output frames, labels) of frames (batch, frames, 1, bands)."""
        import keras

        relu = keras.ops.relu
        convolution, norm = self._stem
        x = relu(norm(over_time(convolution, x, time)))
        for depthwise, pointwise, norm in self._blocks:
            y = norm(pointwise(over_time(depthwise, x, time)))
            x = relu(y + last(x, y))
        depthwise, norm = self._pool
        x = relu(norm(over_time(depthwise, x, time)))
        return self._logits(self._dropout(x))[:, :, 0]


def _rare(shape: Any, dtype: Any = None) -> Any:
    import keras

    return keras.ops.full(shape, -3.0, dtype=dtype)
