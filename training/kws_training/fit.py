"""Trains a head on tap columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .averaging import RunningAverage
from .features import Examples
from .streaming import Network, whole_model

Float32 = npt.NDArray[np.float32]
Report = Callable[["Epoch"], None]


@dataclass(frozen=True)
class Recipe:
    """How a head is trained.

    Attributes
    ----------
    epochs : int
        At most; the learning rate falls to 0 along a cosine.
    batch : int
    learning_rate, weight_decay : float
        Of AdamW.
    label_smoothing : float
    mixup : float
        Parameter of the Beta distribution (arXiv 1710.09412); 0 for none.
    least_steps : int
        Steps in an epoch, at least.
    patience : int
        Epochs without a better validation loss before training stops.
    averaging : float
        Share of the old in the running average of the weights, per step.
    """

    epochs: int = 9
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    mixup: float = 0.2
    least_steps: int = 40
    patience: int = 4
    averaging: float = 0.998


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


def set_seed(seed: int) -> None:
    """Make everything that follows repeatable on this machine."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def clip_logits(model: Any, examples: Examples, batch: int = 256) -> Float32:
    """Return the mean logits of each window over its results that are trained on.

    In windows that are not cut, these are the results that saw all of the word.
    """
    out = []
    for start in range(0, len(examples.columns), batch):
        columns = examples.columns[start : start + batch]
        logits = np.asarray(model(columns.astype(np.float32) * examples.scale, training=False))
        seen = examples.targets[start : start + batch] >= 0
        out.append((logits * seen[..., None]).sum(1) / np.maximum(seen.sum(1), 1)[:, None])
    return np.concatenate(out)


def fit(
    head: Network,
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
    head : callable
        ``head(columns, time)``.
    train, validation : Examples
    labels : int
        Number of labels.
    recipe : Recipe
    seed : int
    report : callable
        Told of every epoch.
    """
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    model = whole_model(head, train.columns.shape[1], train.columns.shape[2:])
    # a few recordings are gone through several times before anything is decided
    passes = math.ceil(recipe.least_steps * recipe.batch / len(train.columns))
    per_epoch = math.ceil(passes * len(train.columns) / recipe.batch)
    steps = per_epoch * recipe.epochs
    warm = max(1, steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 20, steps - warm, warmup_target=recipe.learning_rate,
        warmup_steps=warm,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay, clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    weights = class_weights(train.targets, labels)
    smooth = recipe.label_smoothing

    @tf.function(autograph=False)  # no control flow to rewrite
    def step(columns: Any, targets: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(columns, training=True)
            loss = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(loss * weight) / tf.maximum(tf.reduce_sum(weight), 1e-6)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    average = RunningAverage(model, recipe.averaging)
    best, best_loss, since = average.weights, np.inf, 0
    for number in range(recipe.epochs):
        order = np.concatenate([rng.permutation(len(train.columns)) for _ in range(passes)])
        losses = []
        for start in range(0, len(order), recipe.batch):
            rows = np.sort(order[start : start + recipe.batch])
            columns = train.columns[rows].astype(np.float32) * train.scale
            known = train.targets[rows]
            targets = np.eye(labels, dtype=np.float32)[np.maximum(known, 0)]
            weight = weights[np.maximum(known, 0)] * (known >= 0)
            if recipe.mixup > 0:
                share = rng.beta(recipe.mixup, recipe.mixup, (len(rows), 1, 1, 1))
                share = np.maximum(share, 1 - share).astype(np.float32)
                partner = rng.permutation(len(rows))
                columns = columns * share + columns[partner] * (1 - share)
                share = share[:, :, 0]
                targets = targets * share + targets[partner] * (1 - share)
                weight = weight * (weight[partner] > 0)
            targets = targets * (1 - smooth) + smooth / labels
            losses.append(float(step(columns, targets, weight)))
            average.update()
        with average.applied():
            loss, accuracy = _validate(model, validation)
        report(Epoch(number + 1, recipe.epochs, float(np.mean(losses)), loss, accuracy))
        if loss < best_loss:
            best, best_loss, since = [array.copy() for array in average.weights], loss, 0
        else:
            since += 1
            if since >= recipe.patience:
                break
    model.set_weights(best)
    return model


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
