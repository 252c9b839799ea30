"""Trains a student: labels where there are only log-mel images, labels and teacher elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.frontend import WORDS
from kws.modelfile import SILENCE, UNKNOWN
from kws_training.augmentation.spectra import SpectralAugmentation, WindowMaker
from kws_training.augmentation.windows import NEITHER, WindowShape, window_targets
from kws_training.fitting.loop import Batch, Descent, TrainingLoop, ahead
from kws_training.networks.streaming import StepModel, step_model, whole_model

from .material import Material
from .students import STRIDE, StudentShape, TemporalStudent

Float32 = npt.NDArray[np.float32]

#: Results per training window.
RESULTS = 3
#: Steps in an epoch, at least.
LEAST_STEPS = 40


@dataclass(frozen=True)
class Recipe:
    """How a student is trained.

    Attributes
    ----------
    epochs, batch : int
    label_smoothing : float
    silence : float
        Share of each batch that is windows without any word.
    descent : Descent
    """

    epochs: int = 20
    batch: int = 128
    label_smoothing: float = 0.05
    silence: float = 1 / 12
    descent: Descent = field(default_factory=lambda: Descent(warm=0.1))


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
    loop = TrainingLoop(model, per_epoch * recipe.epochs, recipe.descent)

    def predict(clips: Float32) -> Float32:
        frames = np.full((len(clips), judge.input_shape[1], 1, front_end.bands), front_end.floor,
                         np.float32)  # fmt: skip
        start = (frames.shape[1] - clips.shape[1]) // 2
        frames[:, start : start + clips.shape[1], 0] = clips
        return np.asarray(judge.predict(frames, batch_size=256, verbose=0).mean(axis=1))

    for epoch in range(recipe.epochs):
        order = np.concatenate([rng.permutation(len(material.images)) for _ in range(passes)])
        starts = iter(range(0, per_epoch * words, words))

        def batch(order: Any = order, starts: Any = starts) -> Batch:
            start = next(starts)
            return _batch(
                rng, maker, material, order[start : start + words], silences, window, labels,
                recipe.label_smoothing,
            )  # fmt: skip

        losses = [loop.step(one) for one in ahead(batch, per_epoch)]
        with loop.average.applied():
            validate(epoch + 1, float(np.mean(losses)), predict)
    model.set_weights(loop.average.weights)
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
) -> Batch:
    """Make one batch of words and silence."""
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
    frames = np.concatenate([words.frames, silent])[:, :, None]
    return Batch(frames, [targets], [weight.astype(np.float32)])
