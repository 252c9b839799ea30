"""Trains a student: labels where there are only log-mel images, labels and teacher elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.frontend import WORDS
from kws.modelfile import SILENCE, UNKNOWN
from kws_training.averaging import RunningAverage
from kws_training.spectra import SpectralAugmentation, WindowMaker
from kws_training.streaming import StepModel, step_model, whole_model
from kws_training.windows import NEITHER, WindowShape, window_targets

from .students import STRIDE, StudentShape, TemporalStudent

Float32 = npt.NDArray[np.float32]

#: Frames of one second in the front end of the students: the images have so many.
CLIP_FRAMES = 98
#: Results per training window.
RESULTS = 3
#: Steps in an epoch, at least.
LEAST_STEPS = 40


@dataclass(frozen=True)
class Material:
    """Clips of one second in the students' front end.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
        Log-mel frames; 0 is the front end's floor and 255 its ceiling.
    targets : float32 (n, labels)
        What each clip is: one label, or a share of the teacher's posteriors too.
    labels : int64 (n,)
        The label, for sampling.
    """

    images: npt.NDArray[np.uint8]
    targets: Float32
    labels: npt.NDArray[np.int64]

    def frames(self, rows: npt.NDArray[np.int64]) -> Float32:
        """Return log-mel frames in the front end's units."""
        return to_frames(self.images[rows])


def to_frames(images: npt.NDArray[np.uint8]) -> Float32:
    """Turn grey levels into ln(power)."""
    step = (WORDS.ceiling - WORDS.floor) / 255
    return (images.astype(np.float32) * step + WORDS.floor).astype(np.float32)


def to_images(frames: Float32) -> npt.NDArray[np.uint8]:
    """Turn ln(power) into grey levels."""
    step = (WORDS.ceiling - WORDS.floor) / 255
    return np.clip(np.rint((frames - WORDS.floor) / step), 0, 255).astype(np.uint8)


def join(parts: list[Material]) -> Material:
    """Return all the material as one."""
    return Material(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


@dataclass(frozen=True)
class Recipe:
    """How a student is trained.

    Attributes
    ----------
    epochs, batch : int
    learning_rate, weight_decay : float
        Of AdamW; the rate rises, then falls along a cosine.
    label_smoothing : float
    silence : float
        Share of each batch that is windows without any word.
    averaging : float
        Share of the old in the running average of the weights, per step.
    """

    epochs: int = 20
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    label_smoothing: float = 0.05
    silence: float = 1 / 12
    averaging: float = 0.998


@dataclass(frozen=True)
class Student:
    """A trained student.

    Attributes
    ----------
    step : StepModel
        Its streaming form, ready to convert.
    windows : WindowMaker
        Makes windows like those that it was trained on, for calibration.
    """

    step: StepModel
    windows: WindowMaker


def train_student(
    material: Material,
    noise: Float32,
    labels: tuple[str, ...],
    shape: StudentShape,
    recipe: Recipe,
    seed: int,
    validate: Callable[[int, float, Any], None],
) -> Student:
    """Train a student.

    Parameters
    ----------
    material : Material
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    labels : tuple of str
    shape : StudentShape
    recipe : Recipe
    seed : int
    validate : callable
        Called after each epoch with its number, the mean loss and ``predict``, which maps clips
        (n, 98, bands) to logits (n, labels).
    """
    import keras
    import tensorflow as tf

    front_end = WORDS
    rng = np.random.default_rng(seed)
    network = TemporalStudent(front_end, len(labels), shape)
    step = step_model(network, STRIDE, (1, front_end.bands))
    window = WindowShape(step.receptive_field, STRIDE, RESULTS)
    model = whole_model(network, window.frames, (1, front_end.bands))
    judge = whole_model(network, step.receptive_field + 4 * STRIDE, (1, front_end.bands))
    maker = WindowMaker(noise, front_end.floor, front_end.ceiling, SpectralAugmentation())

    silences = round(recipe.batch * recipe.silence)
    words = recipe.batch - silences
    # a few clips are gone through several times before the rate falls
    passes = math.ceil(LEAST_STEPS * words / len(material.images))
    per_epoch = passes * len(material.images) // words
    steps = per_epoch * recipe.epochs
    warm = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 20, steps - warm, alpha=1e-3,
        warmup_target=recipe.learning_rate, warmup_steps=warm,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=recipe.weight_decay, global_clipnorm=5.0
    )
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)  # no control flow to rewrite
    def learn(frames: Any, targets: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(frames, training=True)
            loss = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(loss * weight) / tf.reduce_sum(weight)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    def predict(clips: Float32) -> Float32:
        frames = np.full((len(clips), judge.input_shape[1], 1, front_end.bands), front_end.floor,
                         np.float32)  # fmt: skip
        start = (frames.shape[1] - clips.shape[1]) // 2
        frames[:, start : start + clips.shape[1], 0] = clips
        return np.asarray(judge.predict(frames, batch_size=256, verbose=0).mean(axis=1))

    average = RunningAverage(model, recipe.averaging)
    for epoch in range(recipe.epochs):
        order = np.concatenate([rng.permutation(len(material.images)) for _ in range(passes)])
        losses = []
        for batch in range(per_epoch):
            rows = order[batch * words : (batch + 1) * words]
            frames, targets, weight = _batch(
                rng, maker, material, rows, silences, window, labels, recipe.label_smoothing
            )
            losses.append(float(learn(frames[:, :, None], targets, weight)))
            average.update()
        with average.applied():
            validate(epoch + 1, float(np.mean(losses)), predict)
    model.set_weights(average.weights)
    return Student(step, maker)


def _batch(
    rng: np.random.Generator,
    maker: WindowMaker,
    material: Material,
    rows: npt.NDArray[np.int64],
    silences: int,
    window: WindowShape,
    labels: tuple[str, ...],
    smoothing: float,
) -> tuple[Float32, Float32, Float32]:
    """Make one batch: frames, targets (n, results, labels) and the weight of each result."""
    words = maker.words(
        rng, material.frames(rows), material.frames(rng.permutation(rows)), window.frames,
        window.receptive_field - 2,
    )  # fmt: skip
    silent = maker.silence(rng, silences, window.frames)
    wanted = window_targets(window, words.first, words.last + 1, material.labels[rows], labels)
    whole = wanted == material.labels[rows][:, None]
    targets = np.eye(len(labels), dtype=np.float32)[np.maximum(wanted, 0)]
    targets[whole] = np.broadcast_to(material.targets[rows][:, None], targets.shape)[whole]
    # a part of a word may well be silence to the network: it is only never a keyword
    parts = (wanted == labels.index(UNKNOWN)) & ~whole
    targets[parts] = 0.0
    targets[parts, labels.index(UNKNOWN)] = 0.7
    targets[parts, labels.index(SILENCE)] = 0.3
    quiet = np.zeros((silences, window.results, len(labels)), np.float32)
    quiet[..., labels.index(SILENCE)] = 1.0
    targets = np.concatenate([targets, quiet])
    targets = targets * (1 - smoothing) + smoothing / len(labels)
    weight = np.concatenate([wanted != NEITHER, np.ones((silences, window.results), np.bool_)])
    return np.concatenate([words.frames, silent]), targets, weight.astype(np.float32)
