"""Trains a head on the features of training windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from kws.arrays import Float32, Int64

from ..fitting.loop import Batch, Descent, TrainingLoop, ahead
from ..networks.head import ConvolutionalHead
from ..networks.streaming import Whole
from .features import Examples

Report = Callable[["Epoch"], None]


@dataclass(frozen=True)
class FitConfig:
    """How a head is trained.

    Attributes
    ----------
    epochs : int
        Passes over the training windows, at most.
    batch : int
        Windows in a batch.
    label_smoothing : float
        Share of the probability that is spread over all labels.
    mixup : float
        Parameter of the Beta distribution by which windows are mixed (arXiv 1710.09412); 0 for
        none.
    least_steps : int
        Steps in an epoch, at least.
    patience : int
        Epochs without a better validation loss before training stops.
    descent : Descent
        How weights are changed.
    """

    epochs: int = 5
    batch: int = 128
    label_smoothing: float = 0.1
    mixup: float = 0.2
    least_steps: int = 40
    patience: int = 4
    descent: Descent = field(default_factory=lambda: Descent(learning_rate=2e-3, weight_decay=1e-2))


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes
    ----------
    number : int
        Number of the epoch, from 1.
    of : int
        Number of epochs, at most.
    loss : float
        Mean loss of its steps.
    validation_loss : float
        Cross-entropy of the validation clips.
    validation_accuracy : float
        Share of the validation clips that are named rightly.
    """

    number: int
    of: int
    loss: float
    validation_loss: float
    validation_accuracy: float


def class_weights(targets: Int64, labels: int) -> Float32:
    """Return a weight per label: the inverse square root of its frequency, 1 on average.

    The full inverse would count each of ten recordings as much as a hundred others.

    Parameters
    ----------
    targets : int64 (n, results)
        Index of the label of each result; those below 0 do not count.
    labels : int
        Number of labels.

    Returns
    -------
    float32 (labels,)
    """
    counts = np.bincount(targets[targets >= 0], minlength=labels).astype(np.float64)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1.0))
    weights[counts == 0] = 0.0
    scale = (weights * counts).sum() / max(1.0, counts.sum())
    return np.asarray(weights / scale, np.float32)


def clip_logits(model: Any, examples: Examples, batch: int = 256) -> Float32:
    """Return the mean logits of each window over its results that are trained on.

    In windows that are not cut, these are the results that saw all of the word.

    Parameters
    ----------
    model : keras.Model
        The model of `head_model`.
    examples : Examples
        Windows.
    batch : int
        Windows that go through the model together.

    Returns
    -------
    float32 (n, labels)
    """
    out = []
    for start in range(0, len(examples), batch):
        rows = slice(start, start + batch)
        logits = np.asarray(model(examples.rows(rows), training=False))
        seen = examples.targets[rows] >= 0
        out.append((logits * seen[..., None]).sum(1) / np.maximum(seen.sum(1), 1)[:, None])
    return np.concatenate(out)


def head_model(head: ConvolutionalHead, examples: Examples) -> Any:
    """Build a head's model for windows: features of each branch in, logits out.

    Parameters
    ----------
    head : ConvolutionalHead
        The head, whose weights are shared.
    examples : Examples
        Windows, for their shape.
    """
    import keras

    inputs = [keras.Input(features.shape[1:]) for features in examples.features]
    return keras.Model(inputs, head(inputs, Whole()))


def fit(
    head: ConvolutionalHead,
    train: Examples,
    validation: Examples,
    labels: int,
    config: FitConfig,
    seed: int,
    report: Report,
) -> Any:
    """Train a head; returns its model for windows, with the best weights.

    Parameters
    ----------
    head : ConvolutionalHead
        The head to train.
    train, validation : Examples
        Windows to train and to validate with.
    labels : int
        Number of labels.
    config : FitConfig
        How it is trained.
    seed : int
        Seed of the order of the windows.
    report : callable
        Called after every epoch.
    """
    rng = np.random.default_rng(seed)
    model = head_model(head, train)
    # an epoch goes through few recordings several times, so that it has enough steps
    passes = math.ceil(config.least_steps * config.batch / len(train))
    per_epoch = math.ceil(passes * len(train) / config.batch)
    loop = TrainingLoop(model, per_epoch * config.epochs, config.descent)
    weights = class_weights(train.targets, labels)
    best, best_loss, since = loop.average.weights, np.inf, 0
    for number in range(config.epochs):
        order = np.concatenate([rng.permutation(len(train)) for _ in range(passes)])
        batches = _batches(rng, train, order, weights, config)
        losses = [loop.step(b) for b in ahead(partial(next, batches), per_epoch)]
        with loop.average.applied():
            loss, accuracy = _validate(model, validation)
        report(Epoch(number + 1, config.epochs, float(np.mean(losses)), loss, accuracy))
        if loss < best_loss:
            best, best_loss, since = [array.copy() for array in loop.average.weights], loss, 0
        else:
            since += 1
            if since >= config.patience:
                break
    model.set_weights(best)
    return model


def _batches(
    rng: np.random.Generator,
    train: Examples,
    order: Int64,
    weights: Float32,
    config: FitConfig,
) -> Iterator[Batch]:
    """Make the batches of an epoch, pairs of windows mixed (arXiv 1710.09412)."""
    labels = len(weights)
    for start in range(0, len(order), config.batch):
        rows = np.sort(order[start : start + config.batch])
        features = train.rows(rows)
        known = train.targets[rows]
        targets = np.eye(labels, dtype=np.float32)[np.maximum(known, 0)]
        weight = weights[np.maximum(known, 0)] * (known >= 0)
        if config.mixup > 0:
            drawn = rng.beta(config.mixup, config.mixup, (len(rows), 1, 1, 1))
            share = np.asarray(np.maximum(drawn, 1 - drawn), np.float32)
            partner = rng.permutation(len(rows))
            features = [_mixed(one, partner, share) for one in features]
            targets = _mixed(targets, partner, share[:, :, 0])
            weight = weight * (weight[partner] > 0)
        smooth = config.label_smoothing
        yield Batch(features, [targets * (1 - smooth) + smooth / labels], [weight])


def _mixed(array: Float32, partner: Int64, share: Float32) -> Float32:
    """Mix each window with its partner."""
    return np.asarray(array * share + array[partner] * (1 - share))


def _validate(model: Any, validation: Examples) -> tuple[float, float]:
    """Return cross-entropy and accuracy over clips."""
    logits = clip_logits(model, validation)
    targets = validation.targets.max(axis=1)
    seen = targets >= 0
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(logits))
    loss = -logs[rows, np.maximum(targets, 0)][seen].mean()
    return float(loss), float((logits.argmax(axis=1) == targets)[seen].mean())
