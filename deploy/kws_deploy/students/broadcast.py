"""BC-ResNet: two-dimensional blocks whose time is looked at once for all frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws.frontend import LogMelConfig
from kws_training.networks.streaming import Tensor, Time, last, over_time


@dataclass(frozen=True)
class BroadcastShape:
    """Size of a BC-ResNet.

    Attributes
    ----------
    width : int
        The paper's tau times 8: channels of the first stage.
    blocks : tuple of int
        Blocks of each stage.
    pool : int
        Output frames of 80 ms that a result joins.
    """

    width: int = 16
    blocks: tuple[int, ...] = (2, 2, 4, 4)
    pool: int = 6


class BroadcastNetwork:
    """Broadcasted residual network (Kim et al., arXiv 2106.04140), as a stream.

    A block convolves along frequency in two dimensions, averages frequency away, convolves along
    time once, and adds the result to every frequency. Changed for small int8 cores and streams:
    valid in time; output frames of 40 ms (the paper's 10 ms cost four times as much) and so no
    dilation; batch norm in place of sub-spectral norm, which cannot be folded; ReLU in place of
    swish.

    Parameters
    ----------
    front_end : LogMelConfig
        What makes its frames.
    labels : int
        Number of labels of the logits.
    shape : BroadcastShape
        Its size.
    dropout : float
        Share of channels dropped in each block, in training.

    Attributes
    ----------
    output : Keras layer
        The convolution that gives the logits.
    """

    def __init__(
        self, front_end: LogMelConfig, labels: int, shape: BroadcastShape, dropout: float = 0.1
    ) -> None:
        from keras import layers

        def norm() -> Any:
            return layers.BatchNormalization(momentum=0.97)

        middle = (front_end.floor + front_end.ceiling) / 2
        self._bands = front_end.bands
        self._scale = layers.Rescaling(0.25, offset=-0.25 * middle)
        self._edge = layers.ZeroPadding2D(((0, 0), (2, 2)))
        # all of the stride in time at once: later frames would be computed and thrown away
        self._stem = (
            layers.Conv2D(2 * shape.width, (6, 5), strides=(4, 2), use_bias=False),
            norm(),
        )
        self._blocks = []
        channels = 2 * shape.width
        widths = (8, 12, 16, 20)
        for stage, count in enumerate(shape.blocks):
            wanted = shape.width * widths[stage] // 8
            for number in range(count):
                stride = 2 if stage in (1, 2) and number == 0 else 1
                widen = None
                if wanted != channels:
                    widen = (layers.Conv2D(wanted, 1, use_bias=False), norm())
                self._blocks.append(
                    (
                        widen,
                        layers.ZeroPadding2D(((0, 0), (1, 1))),
                        layers.DepthwiseConv2D((1, 3), strides=(1, 1), use_bias=False),
                        layers.MaxPooling2D((1, 2)) if stride == 2 else None,
                        norm(),
                        layers.DepthwiseConv2D((3, 1), use_bias=False),
                        norm(),
                        layers.Conv2D(wanted, 1, use_bias=True),
                        layers.SpatialDropout2D(dropout),
                    )
                )
                channels = wanted
        self._mean = layers.AveragePooling2D((2, 1))
        self._pool = layers.DepthwiseConv2D((shape.pool, 1), use_bias=False), norm()
        self._last = layers.Conv2D(shape.width * 4, 1, use_bias=False), norm()
        self.output = layers.Conv2D(labels, 1)

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, output frames, labels) of frames (batch, frames, 1, bands)."""
        import keras

        ops = keras.ops
        x = ops.reshape(self._scale(x), (-1, x.shape[1], self._bands, 1))
        convolution, norm = self._stem
        x = ops.relu(norm(over_time(convolution, self._edge(x), time)))
        for block in self._blocks:
            x = _broadcast(block, x, time)
        x = ops.mean(x, axis=2, keepdims=True)
        convolution, norm = self._last
        x = ops.relu(norm(convolution(x)))
        x = over_time(self._mean, x, time)
        depthwise, norm = self._pool
        x = ops.relu(norm(over_time(depthwise, x, time)))
        return self.output(x)[:, :, 0]


def _broadcast(block: tuple[Any, ...], x: Tensor, time: Time) -> Tensor:
    """Return relu(x + f2(x) + broadcast(f1(mean of f2(x) over frequency))), equation 2."""
    import keras

    ops = keras.ops
    widen, edge, across, shrink, norm, along, second_norm, mix, dropout = block
    straight = widen is None and shrink is None
    if widen is not None:
        convolution, first_norm = widen
        x = ops.relu(first_norm(convolution(x)))
    y = across(edge(x))
    if shrink is not None:
        y = shrink(y)
    y = norm(y)
    mean = ops.mean(y, axis=2, keepdims=True)
    mean = dropout(mix(ops.relu(second_norm(over_time(along, mean, time)))))
    y = last(y, mean) + mean
    return ops.relu(last(x, y) + y if straight else y)
