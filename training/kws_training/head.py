"""The head: a small network on the tap's columns that keeps the time axis."""

from __future__ import annotations

from typing import Any

from .streaming import Time, over_time

Tensor = Any


class ConvolutionalHead:
    """Classifies the tap's columns (batch, time, frequency, channels) into logits per column.

    A pointwise convolution reduces the channels, a convolution over all frequencies and three
    columns makes features of sounds, one over three columns features of their order; these are
    joined over the last ``pool`` columns by their mean and their maximum.

    Parameters
    ----------
    labels : int
        Number of classes.
    frequencies : int
        Of a column of the tap.
    squeeze, width : int
        Channels after the first and after the other convolutions.
    pool : int
        Columns over which the features are joined.
    dropout : float
        Share of features dropped in training.
    """

    def __init__(
        self,
        labels: int,
        frequencies: int,
        squeeze: int = 64,
        width: int = 128,
        pool: int = 10,
        dropout: float = 0.3,
    ) -> None:
        from keras import layers

        def normalized(layer: Any) -> tuple[Any, Any]:
            return layer, layers.BatchNormalization(momentum=0.95)

        self._squeeze = normalized(layers.Conv2D(squeeze, 1, use_bias=False))
        self._sounds = normalized(layers.Conv2D(width, (3, frequencies), use_bias=False))
        self._order = normalized(layers.Conv2D(width, (3, 1), use_bias=False))
        self._mean = layers.AveragePooling2D((pool, 1), strides=1)
        self._maximum = layers.MaxPooling2D((pool, 1), strides=1)
        self._drop_columns = layers.SpatialDropout2D(0.1)
        self._dropout = layers.Dropout(dropout)
        self._logits = layers.Conv2D(labels, 1)
        self._pool = pool

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, columns, labels)."""
        import keras

        x = self._drop_columns(x)
        for layer, norm in (self._squeeze, self._sounds, self._order):
            x = keras.ops.relu(norm(over_time(layer, x, time)))
        x = time.join(x, self._pool - 1)
        x = keras.ops.concatenate([self._mean(x), self._maximum(x)], axis=-1)
        return self._logits(self._dropout(x))[:, :, 0]
