"""From the network's logits to posteriors: labels that compete share 1, others stand alone."""

from __future__ import annotations

import math

import numpy as np

from .arrays import Float32

#: Logits above this count as this, so that a posterior stays below 1 in float32.
HIGHEST_LOGIT = 15.0


def softmax(logits: Float32) -> Float32:
    """Return the posteriors of labels that compete.

    Parameters
    ----------
    logits : float32 (..., labels)
        The network's output.

    Returns
    -------
    float32 (..., labels)
        Posteriors, 0 .. 1; they add up to 1 along the last axis.
    """
    # reduce: the methods max() and sum() cost a step twice as much
    powers = np.subtract(logits, np.maximum.reduce(logits, axis=-1, keepdims=True))
    np.exp(powers, out=powers)
    powers /= np.add.reduce(powers, axis=-1, keepdims=True)
    return np.asarray(powers, np.float32)


def sigmoid(logits: Float32) -> Float32:
    """Return the posteriors of labels that do not compete.

    Parameters
    ----------
    logits : float32 (..., labels)
        The network's output.

    Returns
    -------
    float32 (..., labels)
        A posterior for each logit on its own, from 0 to just below 1.
    """
    # by tanh, which no logit overflows
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * np.minimum(logits, HIGHEST_LOGIT)), np.float32)


def logistic(power: float) -> float:
    """Return the posterior of one logit in double precision.

    Parameters
    ----------
    power : float
        The logit; beyond 30 either way it counts as that, so that nothing overflows.

    Returns
    -------
    float
        Above 0 and below 1.
    """
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, power))))
