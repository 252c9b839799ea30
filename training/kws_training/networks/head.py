"""The head for commands: a small network on an extractor's output frames that keeps time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .extractors import Branch, Extractor
from .streaming import Tensor, Time, newest, over_time, parallel

#: Share of the channels of a branch's input that training drops, whole channels at a time.
CHANNEL_DROPOUT = 0.1
#: Momentum of the running mean and variance of batch normalization. Less than the usual 0.99: a
#: head is trained for a few hundred steps only.
NORMALIZATION_MOMENTUM = 0.95


@dataclass(frozen=True)
class HeadShape:
    """Size of a head.

    Attributes
    ----------
    squeeze : int
        Channels after the first convolution of a branch.
    width : int
        Channels after its other convolutions.
    pool : int
        Front-end frames over which a branch of sounds takes mean and maximum.
    pool_words : int
        The same of a branch of words, whose output frames have each seen a whole short word.
    dropout : float
        Share of the features that training drops before the classifier, 0 .. 1.
    branch_dropout : float
        Of several branches, how often training drops each, 0 .. 1. The head must not lean on the
        branch that learns its few voices by heart.
    """

    squeeze: int = 64
    width: int = 128
    pool: int = 80
    pool_words: int = 24
    dropout: float = 0.3
    branch_dropout: float = 0.4


class ConvolutionalHead:
    """Classifies output frames (batch, time, frequency, channels) into logits per result.

    Each branch of the extractor has a branch of the head. In it a pointwise convolution reduces
    the channels, a convolution over all frequencies and three output frames makes features of
    sounds, and one over three output frames makes features of their order. The mean and the
    maximum of the newest features are joined. A branch whose output frames have seen whole words
    needs the first two convolutions only, and is joined over a shorter time. A branch that is
    faster than the results first takes the mean of as many output frames as fit into one result.
    The features of all branches side by side are classified.

    Parameters
    ----------
    labels : int
        Number of classes.
    extractor : Extractor
        Whose output frames the head takes.
    shape : HeadShape
        Size of the head.
    """

    def __init__(self, labels: int, extractor: Extractor, shape: HeadShape) -> None:
        from keras import layers

        branches = extractor.branches
        self.stride = max(branch.stride for branch in branches)
        self._branches = [_HeadBranch(branch, self.stride, shape) for branch in branches]
        rate = shape.branch_dropout if len(branches) > 1 else 0.0
        self._drop_branch = [layers.Dropout(rate, noise_shape=(None, 1, 1, 1)) for _ in branches]
        self._dropout = layers.Dropout(shape.dropout)
        self._logits = layers.Conv2D(labels, 1)

    def __call__(self, inputs: Sequence[Tensor], time: Time) -> Tensor:
        """Compute logits from the extractor's output frames.

        Parameters
        ----------
        inputs : sequence of float32 (batch, time, frequency, channels)
            Of each branch its output frames.
        time : Time
            The reading of time.

        Returns
        -------
        float32 (batch, results, labels)
            Logits.
        """
        features = parallel(
            [partial(branch, x) for branch, x in zip(self._branches, inputs, strict=True)], time
        )
        return self._classify(features)

    def on(self, extractor: Extractor, x: Tensor, time: Time) -> Tensor:
        """Compute logits from front-end frames, through the extractor.

        Parameters
        ----------
        extractor : Extractor
            The one that the head was made for.
        x : float32 (batch, time, frequency, channels)
            Frames of the extractor's front end.
        time : Time
            The reading of time.

        Returns
        -------
        float32 (batch, results, labels)
            Logits.
        """

        def follow(number: int, branch: _HeadBranch, time: Time) -> Tensor:
            return branch(extractor.output_frames(number, x, time), time)

        features = parallel(
            [partial(follow, number, branch) for number, branch in enumerate(self._branches)], time
        )
        return self._classify(features)

    def _classify(self, features: list[Tensor]) -> Tensor:
        import keras

        kept = [drop(one) for drop, one in zip(self._drop_branch, newest(features), strict=True)]
        joined = keras.ops.concatenate(kept, axis=-1)
        return self._logits(self._dropout(joined))[:, :, 0]


class _HeadBranch:
    """The head's part for one branch: features (batch, results, 1, 2 · width)."""

    def __init__(self, branch: Branch, stride: int, shape: HeadShape) -> None:
        from keras import layers

        def normalized(layer: Any) -> tuple[Any, Any]:
            return layer, layers.BatchNormalization(momentum=NORMALIZATION_MOMENTUM)

        fold = stride // branch.stride
        pool = max(1, (shape.pool_words if branch.hears_words else shape.pool) // stride)
        kernels = [(3, branch.frequencies)]
        if not branch.hears_words:
            kernels.append((3, 1))
        self._fold = layers.AveragePooling2D((fold, 1)) if fold > 1 else None
        self._convolutions = [
            normalized(layers.Conv2D(shape.squeeze, 1, use_bias=False)),
            *(normalized(layers.Conv2D(shape.width, size, use_bias=False)) for size in kernels),
        ]
        self._mean = layers.AveragePooling2D((pool, 1), strides=1)
        self._maximum = layers.MaxPooling2D((pool, 1), strides=1)
        self._drop_channels = layers.SpatialDropout2D(CHANNEL_DROPOUT)
        self._pool = pool

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        import keras

        x = self._drop_channels(x)
        if self._fold is not None:
            x = over_time(self._fold, x, time)
        for layer, norm in self._convolutions:
            x = keras.ops.relu(norm(over_time(layer, x, time)))
        x = time.join(x, self._pool - 1)
        return keras.ops.concatenate([self._mean(x), self._maximum(x)], axis=-1)
