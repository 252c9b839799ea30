"""The head: a small network on an extractor's columns that keeps the time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .extractors import Extractor, Path
from .streaming import Tensor, Time, newest, over_time, parallel


@dataclass(frozen=True)
class HeadShape:
    """Size of a head.

    Attributes
    ----------
    squeeze, width : int
        Channels after the first and after the other convolutions of a branch.
    pool, pool_words : int
        Front-end frames over which features are joined: of sounds, and of words.
    dropout : float
        Share of features dropped in training.
    branch_dropout : float
        Of several branches, how often each is silent in training: the head must not lean on the
        one that learns its few voices by heart.
    """

    squeeze: int = 64
    width: int = 128
    pool: int = 80
    pool_words: int = 24
    dropout: float = 0.3
    branch_dropout: float = 0.4


class ConvolutionalHead:
    """Classifies columns (batch, time, frequency, channels) into logits per result.

    Every kind of columns has a branch. In it a pointwise convolution reduces the channels, a
    convolution over all frequencies and three columns makes features of sounds, one over three
    columns features of their order; these are joined over the last columns by their mean and
    their maximum. Columns that have heard whole words need the first two only, and are joined
    over a shorter time. A branch whose columns come faster than the results takes the mean of as
    many as fit first. The branches' features side by side are classified.

    Parameters
    ----------
    labels : int
        Number of classes.
    extractor : Extractor
        Whose columns it takes.
    shape : HeadShape
    """

    def __init__(self, labels: int, extractor: Extractor, shape: HeadShape) -> None:
        from keras import layers

        self.stride = max(path.stride for path in extractor.paths)
        self._branches = [_Branch(path, self.stride, shape) for path in extractor.paths]
        rate = shape.branch_dropout if len(extractor.paths) > 1 else 0.0
        self._silence = [layers.Dropout(rate, noise_shape=(None, 1, 1, 1)) for _ in extractor.paths]
        self._dropout = layers.Dropout(shape.dropout)
        self._logits = layers.Conv2D(labels, 1)

    def __call__(self, columns: Sequence[Tensor], time: Time) -> Tensor:
        """Return logits (batch, results, labels) of the columns of all paths."""
        features = parallel(
            [
                lambda t, branch=branch, x=x: branch(x, t)
                for branch, x in zip(self._branches, columns, strict=True)
            ],
            time,
        )
        return self._classify(features)

    def on(self, extractor: Extractor, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, results, labels) of frames, through the extractor."""
        features = parallel(
            [
                lambda t, branch=branch, number=number: branch(extractor.columns(number, x, t), t)
                for number, branch in enumerate(self._branches)
            ],
            time,
        )
        return self._classify(features)

    def _classify(self, features: list[Tensor]) -> Tensor:
        import keras

        heard = [drop(one) for drop, one in zip(self._silence, newest(features), strict=True)]
        joined = keras.ops.concatenate(heard, axis=-1)
        return self._logits(self._dropout(joined))[:, :, 0]


class _Branch:
    """The head's part for one kind of columns: features (batch, results, 1, 2 · width)."""

    def __init__(self, path: Path, stride: int, shape: HeadShape) -> None:
        from keras import layers

        def normalized(layer: Any) -> tuple[Any, Any]:
            return layer, layers.BatchNormalization(momentum=0.95)

        fold = stride // path.stride
        pool = max(1, (shape.pool_words if path.hears_words else shape.pool) // stride)
        kernels = [(3, path.frequencies)] if path.hears_words else [(3, path.frequencies), (3, 1)]
        self._fold = layers.AveragePooling2D((fold, 1)) if fold > 1 else None
        self._convolutions = [
            normalized(layers.Conv2D(shape.squeeze, 1, use_bias=False)),
            *(normalized(layers.Conv2D(shape.width, size, use_bias=False)) for size in kernels),
        ]
        self._mean = layers.AveragePooling2D((pool, 1), strides=1)
        self._maximum = layers.MaxPooling2D((pool, 1), strides=1)
        self._drop_columns = layers.SpatialDropout2D(0.1)
        self._pool = pool

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        import keras

        x = self._drop_columns(x)
        if self._fold is not None:
            x = over_time(self._fold, x, time)
        for layer, norm in self._convolutions:
            x = keras.ops.relu(norm(over_time(layer, x, time)))
        x = time.join(x, self._pool - 1)
        return keras.ops.concatenate([self._mean(x), self._maximum(x)], axis=-1)
