"""The network of wake words: the word base and a temporal head on its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..networks.streaming import Tensor, Time, last, over_time
from ..networks.word_base import WordBase
from .recipe import WakeWordRecipe


@dataclass(frozen=True)
class WakeShape:
    """Size of the head.

    Attributes
    ----------
    width : int
        Number of channels.
    fine, coarse : tuple of int
        Lengths of the depthwise kernels of the blocks at 40 and at 80 ms, in output frames: with
        the base's own 1.2 s, results depend on the last two seconds.
    pool : int
        Output frames of 80 ms that a result joins, by their mean and their maximum.
    dropout : float
        Share of features that is dropped in training.
    """

    width: int = 96
    fine: tuple[int, ...] = (5,)
    coarse: tuple[int, ...] = (5, 3)
    pool: int = 4
    dropout: float = 0.2

    @classmethod
    def of(cls, recipe: WakeWordRecipe) -> WakeShape:
        """Return the size that a recipe asks for."""
        return cls(width=recipe.width, dropout=recipe.dropout)


class WakeNetwork:
    """Maps frames to logits of phrases, one output frame per 80 ms.

    Parameters
    ----------
    base : WordBase
        The word base, with its weights; it is shared, not copied.
    phrases : int
        Number of phrases.
    shape : WakeShape
        Size of the head.
    """

    def __init__(self, base: WordBase, phrases: int, shape: WakeShape) -> None:
        from keras import layers

        def norm() -> Any:
            return layers.BatchNormalization(momentum=0.97)

        def block(kernel: int) -> tuple[Any, Any, Any]:
            depthwise = layers.DepthwiseConv2D((kernel, 1), use_bias=False)
            return depthwise, layers.Conv2D(shape.width, 1, use_bias=False), norm()

        self.base = base
        self._squeeze = layers.Conv2D(shape.width, 1, use_bias=False), norm()
        self._drop = layers.SpatialDropout2D(0.1)
        self._fine = [block(kernel) for kernel in shape.fine]
        self._fold = layers.AveragePooling2D((2, 1))
        self._coarse = [block(kernel) for kernel in shape.coarse]
        self._mean = layers.AveragePooling2D((shape.pool, 1), strides=1)
        self._maximum = layers.MaxPooling2D((shape.pool, 1), strides=1)
        self._pool = shape.pool
        self._dropout = layers.Dropout(shape.dropout)
        # no phrase is said most of the time: the untrained network says so too
        self._logits = layers.Conv2D(phrases, 1, bias_initializer=_rare)

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, results, phrases) of frames.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            Whether ``x`` is a whole recording or a step of a stream.
        """
        return self.head(self.base.features(x, time), time)

    def head(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, results, phrases) of the base's features.

        Parameters
        ----------
        x : float32 (batch, frames, 1, channels)
            Features, one output frame per 40 ms.
        time : Time
            Whether ``x`` is a whole recording or a step of a stream.
        """
        import keras

        squeeze, norm = self._squeeze
        x = keras.ops.relu(norm(squeeze(self._drop(x))))
        for block in self._fine:
            x = _residual(block, x, time)
        x = over_time(self._fold, x, time)
        for block in self._coarse:
            x = _residual(block, x, time)
        x = time.join(x, self._pool - 1)
        x = keras.ops.concatenate([self._mean(x), self._maximum(x)], axis=-1)
        return self._logits(self._dropout(x))[:, :, 0]


def _rare(shape: Any, dtype: Any = None) -> Any:
    import keras

    return keras.ops.full(shape, -3.0, dtype=dtype)


def _residual(block: tuple[Any, Any, Any], x: Tensor, time: Time) -> Tensor:
    import keras

    depthwise, pointwise, norm = block
    y = norm(pointwise(over_time(depthwise, x, time)))
    return keras.ops.relu(y + last(x, y))
