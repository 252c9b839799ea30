"""The head for sounds: a linear classifier of single output frames, trained on their means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32, Int64

from .streaming import Tensor, Time

#: Inverse strength of the L2 penalty on the weights of standardized channels.
STRENGTH = 0.1
#: Most steps of the optimizer.
ITERATIONS = 200
#: Least spread that a channel is divided by, as a share of the mean spread: channels that hardly
#: change are not blown up.
LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class Linear:
    """Logits of an output frame: ``features @ kernel + bias``.

    Attributes
    ----------
    kernel : float32 (channels, labels)
        Weights of each channel for each label.
    bias : float32 (labels,)
        What is added to the logits of each label.
    """

    kernel: Float32
    bias: Float32

    def __call__(self, features: Float32) -> Float32:
        """Compute logits.

        Parameters
        ----------
        features : float32 (..., channels)
            Features as `fit_linear` takes them.

        Returns
        -------
        float32 (..., labels)
            Logits.
        """
        return np.asarray(features @ self.kernel + self.bias, np.float32)


def fit_linear(features: Float32, targets: Int64, weights: Float32, labels: int) -> Linear:
    """Train a linear classifier: multinomial logistic regression on standardized channels.

    Parameters
    ----------
    features : float32 (n, channels)
        Of each clip, the mean of its output frames.
    targets : int64 (n,)
        Each of the labels, 0 to ``labels - 1``, at least once.
    weights : float32 (n,)
        How much each counts.
    labels : int
        Number of labels.

    Returns
    -------
    Linear
        For features as they are: the standardization is in its weights.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    mean = features.mean(axis=0)
    spread = features.std(axis=0)
    spread = np.maximum(spread, LEAST_SPREAD * spread.mean() + 1e-9)
    model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, tol=1e-3)
    with threadpool_limits(1):  # the same sums in the same order, whatever the machine is doing
        model.fit((features - mean) / spread, targets, sample_weight=weights)
    kernel, bias = model.coef_.T, model.intercept_
    if labels == 2:  # one vector stands for the difference of the two
        kernel = np.concatenate([-kernel / 2, kernel / 2], axis=1)
        bias = np.concatenate([-bias / 2, bias / 2])
    kernel = kernel / spread[:, None]
    return Linear(kernel.astype(np.float32), (bias - mean @ kernel).astype(np.float32))


class SoundHead:
    """Classifies the tap's output frames (batch, time, frequency, channels), each for itself.

    An output frame of the last taps has seen one to three seconds. Its mean over frequency is
    classified. Output frames are joined elsewhere: by the runtime's segments, or by
    `kws.segmenter.join_columns`.

    Parameters
    ----------
    linear : Linear
        The trained classifier.
    """

    def __init__(self, linear: Linear) -> None:
        from keras import layers

        channels, labels = linear.kernel.shape
        self._logits = layers.Conv2D(labels, 1, trainable=False)
        self._logits.build((None, None, 1, channels))
        self._logits.set_weights([linear.kernel[None, None], linear.bias])

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Compute logits.

        Parameters
        ----------
        x : float32 (batch, time, frequency, channels)
            The tap's output frames.
        time : Time
            The reading of time, which does not matter here.

        Returns
        -------
        float32 (batch, time, labels)
            Logits of each output frame.
        """
        import keras

        return self._logits(keras.ops.mean(x, axis=2, keepdims=True))[:, :, 0]
