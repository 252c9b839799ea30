"""The phoneme network: a streaming stack of convolutions that writes down what it hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws.frontend import LogMelConfig
from kws.phonemes.symbols import OUTPUTS

from .streaming import Tensor, Time, last, over_time

#: Front-end frames per output frame: 20 ms.
OUTPUT_STRIDE = 2
#: Front-end frames per step on the device: two output frames.
STEP_FRAMES = 4


@dataclass(frozen=True)
class PhonemeShape:
    """Size of a phoneme network.

    Attributes
    ----------
    stem : int
        Front-end frames under one output frame of the first layer.
    width : int
        Channels of every layer.
    kernels : tuple of int
        Length of the depthwise kernel of each block, in output frames.
    """

    stem: int = 6
    width: int = 192
    kernels: tuple[int, ...] = (5, 5, 5, 5, 7, 7, 7, 9, 9, 9, 9)

    @property
    def receptive_field(self) -> int:
        """Front-end frames that an output frame depends on."""
        return self.stem + OUTPUT_STRIDE * sum(kernel - 1 for kernel in self.kernels)


class PhonemeNetwork:
    """The network, written once for windows and for streams.

    Blocks are depthwise along time, pointwise, batch norm, a residual sum, ReLU; frequency is in
    the channels, as in `word_base.WordBase` and QuartzNet (arXiv 1910.10261), whose loss this
    has too: connectionist temporal classification.

    Parameters
    ----------
    front_end : LogMelConfig
        What makes its frames.
    shape : PhonemeShape
        Its size.
    dropout : float
        Share of the channels that is dropped before the outputs, in training.
    """

    def __init__(
        self, front_end: LogMelConfig, shape: PhonemeShape, *, dropout: float = 0.1
    ) -> None:
        from keras import layers

        def norm() -> Any:
            return layers.BatchNormalization(momentum=0.97)

        def pointwise() -> Any:
            return layers.Conv2D(shape.width, 1, use_bias=False)

        self.shape = shape
        middle = (front_end.floor + front_end.ceiling) / 2
        self._scale = layers.Rescaling(0.25, offset=-0.25 * middle)
        stem = layers.Conv2D(
            shape.width, (shape.stem, 1), strides=(OUTPUT_STRIDE, 1), use_bias=False
        )
        self._stem = stem, norm()
        self._blocks = [
            (layers.DepthwiseConv2D((kernel, 1), use_bias=False), pointwise(), norm())
            for kernel in shape.kernels
        ]
        self._dropout = layers.SpatialDropout2D(dropout)
        self._outputs = layers.Conv2D(len(OUTPUTS), 1)

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Compute the outputs.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            The reading of time.

        Returns
        -------
        float32 (batch, output frames, outputs)
            Logits, in the order of `kws.phonemes.symbols.OUTPUTS`.
        """
        import keras

        relu = keras.ops.relu
        stem, norm = self._stem
        x = relu(norm(over_time(stem, self._scale(x), time)))
        for depthwise, pointwise, norm in self._blocks:
            y = norm(pointwise(over_time(depthwise, x, time)))
            x = relu(y + last(x, y))
        return self._outputs(self._dropout(x))[:, :, 0]
