"""Trains a head on columns of features."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32

from ..fitting.loop import Batch, Descent, TrainingLoop, ahead
from ..networks.head import ConvolutionalHead
from ..networks.streaming import Whole
from .features import Examples

Report = Callable[["Epoch"], None]


@dataclass(frozen=True)
class Recipe:
    """How a head is trained.

    Attributes
    ----------
    epochs : int
        At most.
    batch : int
    label_smoothing : float
    mixup : float
        Parameter of the Beta distribution (arXiv 1710.09412); 0 for none.
    least_steps : int
        Steps in an epoch, at least.
    patience : int
        Epochs without a better validation loss before training stops.
    descent : Descent
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
    """What one epoch gave."""

    number: int
    of: int
    loss: float
    validation_loss: float
    validation_accuracy: float


def class_weights(targets: npt.NDArray[np.int64], labels: int) -> Float32:
    """Return a weight per label: the inverse square root of its frequency, 1 on average.

    The full inverse would count each of ten recordings as much as a hundred others.
    """
    counts = np.bincount(targets[targets >= 0], minlength=labels).astype(np.float64)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1.0))
    weights[counts == 0] = 0.0
    scale = (weights * counts).sum() / max(1.0, counts.sum())
    return (weights / scale).astype(np.float32)


def clip_logits(model: Any, examples: Examples, batch: int = 256) -> Float32:
    """Return the mean logits of each window over its results that are trained on.

    In windows that are not cut, these are the results that saw all of the word.
    """
    out = []
    for start in range(0, len(examples), batch):
        rows = slice(start, start + batch)
        logits = np.asarray(model(examples.rows(rows), training=False))
        seen = examples.targets[rows] >= 0
        out.append((logits * seen[..., None]).sum(1) / np.maximum(seen.sum(1), 1)[:, None])
    return np.concatenate(out)


def head_model(head: ConvolutionalHead, examples: Examples) -> Any:
    """Build a head's model for windows: columns of each path in, logits out."""
    import keras

    inputs = [keras.Input(columns.shape[1:]) for columns in examples.columns]
    return keras.Model(inputs, head(inputs, Whole()))


def fit(
    head: ConvolutionalHead,
    train: Examples,
    validation: Examples,
    labels: int,
    recipe: Recipe,
    seed: int,
    report: Report,
) -> Any:
    """Train a head; returns its model for windows, with the best weights.

    Parameters
    ----------
    head : ConvolutionalHead
    train, validation : Examples
    labels : int
        Number of labels.
    recipe : Recipe
    seed : int
    report : callable
        Told of every epoch.
    """
    rng = np.random.default_rng(seed)
    model = head_model(head, train)
    # a few recordings are gone through several times before anything is decided
    passes = math.ceil(recipe.least_steps * recipe.batch / len(train))
    per_epoch = math.ceil(passes * len(train) / recipe.batch)
    loop = TrainingLoop(model, per_epoch * recipe.epochs, recipe.descent)
    weights = class_weights(train.targets, labels)
    best, best_loss, since = loop.average.weights, np.inf, 0
    for number in range(recipe.epochs):
        order = np.concatenate([rng.permutation(len(train)) for _ in range(passes)])
        batches = _batches(rng, train, order, weights, recipe)
        losses = [loop.step(b) for b in ahead(lambda source=batches: next(source), per_epoch)]
        with loop.average.applied():
            loss, accuracy = _validate(model, validation)
        report(Epoch(number + 1, recipe.epochs, float(np.mean(losses)), loss, accuracy))
        if loss < best_loss:
            best, best_loss, since = [array.copy() for array in loop.average.weights], loss, 0
        else:
            since += 1
            if since >= recipe.patience:
                break
    model.set_weights(best)
    return model


def _batches(
    rng: np.random.Generator,
    train: Examples,
    order: npt.NDArray[np.int64],
    weights: Float32,
    recipe: Recipe,
) -> Iterator[Batch]:
    """Make the batches of an epoch, pairs of windows mixed (arXiv 1710.09412)."""
    labels = len(weights)
    for start in range(0, len(order), recipe.batch):
        rows = np.sort(order[start : start + recipe.batch])
        columns = train.rows(rows)
        known = train.targets[rows]
        targets = np.eye(labels, dtype=np.float32)[np.maximum(known, 0)]
        weight = weights[np.maximum(known, 0)] * (known >= 0)
        if recipe.mixup > 0:
            share = rng.beta(recipe.mixup, recipe.mixup, (len(rows), 1, 1, 1))
            share = np.maximum(share, 1 - share).astype(np.float32)
            partner = rng.permutation(len(rows))
            columns = [one * share + one[partner] * (1 - share) for one in columns]
            share = share[:, :, 0]
            targets = targets * share + targets[partner] * (1 - share)
            weight = weight * (weight[partner] > 0)
        smooth = recipe.label_smoothing
        yield Batch(columns, [targets * (1 - smooth) + smooth / labels], [weight])


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
