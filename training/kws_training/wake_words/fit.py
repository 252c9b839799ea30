"""Trains the network of wake words: hard frames count, and what it fires on comes back.

Several networks differ in what they fire on by mistake, so that their mean is better than each
(EXPERIMENTS.md, "Wake words"); a last one, which ships, learns from the mean of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kws.arrays import Float32, UInt8

from ..data.images import to_frames
from ..fitting.averaging import RunningAverage
from ..fitting.loop import ahead
from ..networks.streaming import look_back, whole_model
from ..progress import bar
from .mining import peaks
from .negatives import Tape
from .network import WakeNetwork
from .windows import WakeBatch, WakeWindow, WakeWindowMaker

#: Results in a window.
RESULTS = 8
#: Front-end frames per result.
STRIDE = 8
#: Of the results of a negative so many highest count in full, all by this share
#: (hard examples: A. Shrivastava et al., CVPR 2016, arXiv 1604.03540).
HIGHEST, ALL = 4, 0.3
#: Of the results in which a phrase is due, so many highest count: as many as are smoothed.
TOLD = 2
#: How much the labels count for a student, beside its teachers.
LABELS = 0.4
#: Frames that a network hears at once when it listens to a tape.
STRETCH = 6000
#: Windows that a mining pass takes at most, and columns from one of them to the next at least.
MOST_MINED, APART = 400, 12


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    steps : int
        In all; the base is frozen for the first ``frozen`` of them.
    frozen : float
        Share of the steps.
    rounds : int
        Mining passes, after equal parts of the steps.
    rate, base_rate : float
        Highest learning rates (AdamW) of the head and of the base.
    averaging : float
        Share of the old in the running average of the weights, per step.
    """

    steps: int = 1000
    frozen: float = 0.35
    rounds: int = 4
    rate: float = 2e-3
    base_rate: float = 5e-4
    averaging: float = 0.998


def student_of(recipe: Recipe) -> Recipe:
    """Return how a student is trained, who begins with the weights of the first teacher."""
    return replace(recipe, steps=recipe.steps // 2, frozen=0.0, rounds=2, rate=recipe.rate / 2)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network.

    Attributes
    ----------
    model : keras.Model
        For windows of the examples' length.
    mined : uint8 (n, frames, bands)
        What it fired on while it was trained.
    """

    model: Any
    mined: UInt8


def longer(window: WakeWindow) -> int:
    """Return the frames of a window that was mined: it can be shifted by 0.3 s."""
    return window.frames + 4 * window.stride


def wake_window(network: WakeNetwork, bands: int) -> WakeWindow:
    """Return the shape of an example's window."""
    field = STRIDE + look_back(network, STRIDE, (1, bands))
    return WakeWindow(field, STRIDE, RESULTS)


class WakeTrainer:
    """Takes steps: head and base each at a rate of its own.

    Parameters
    ----------
    network : WakeNetwork
    window : WakeWindow
    bands : int
    recipe : Recipe
    teachers : sequence of keras.Model
        Whose mean it learns from too, if there are any.
    """

    def __init__(
        self,
        network: WakeNetwork,
        window: WakeWindow,
        bands: int,
        recipe: Recipe,
        teachers: Sequence[Any],
    ) -> None:
        import keras
        import tensorflow as tf

        self.model = whole_model(network, window.frames, (1, bands))
        inside = {id(v) for layer in network.base.layers() for v in layer.trainable_variables}
        own = [v for v in self.model.trainable_variables if id(v) not in inside]
        base = [v for v in self.model.trainable_variables if id(v) in inside]
        frozen = round(recipe.steps * recipe.frozen)

        def schedule(rate: float, steps: int) -> Any:
            warm = max(1, steps // 10)
            return keras.optimizers.schedules.CosineDecay(
                rate / 20, max(1, steps - warm), alpha=1e-2, warmup_target=rate, warmup_steps=warm
            )

        self._optimizers = [
            keras.optimizers.AdamW(schedule(rate, steps), weight_decay=1e-2, global_clipnorm=1.0)
            for rate, steps in (
                (recipe.rate, recipe.steps),
                (recipe.base_rate, max(1, recipe.steps - frozen)),
            )
        ]
        for optimizer, variables in zip(self._optimizers, (own, base), strict=True):
            optimizer.build(variables)
        self.average = RunningAverage(self.model, recipe.averaging)
        self._frozen = frozen
        self._steps = 0

        def learner(variables: list[list[Any]]) -> Any:
            @tf.function(autograph=False)
            def learn(frames: Any, said: Any, due: Any) -> Any:
                with tf.GradientTape() as tape:
                    logits = self.model(frames, training=True)
                    loss = wake_loss(logits, said, due)
                    if teachers:
                        told = sum(teacher(frames, training=False) for teacher in teachers)
                        loss = LABELS * loss + taught_loss(logits, told / len(teachers))
                flat = tape.gradient(loss, variables)
                for optimizer, group, gradients in zip(
                    self._optimizers, variables, flat, strict=False
                ):
                    optimizer.apply(gradients, group)
                return loss

            return learn

        self._head_only, self._both = learner([own]), learner([own, base])

    def step(self, batch: WakeBatch) -> float:
        """Learn from a batch; returns its loss."""
        phrases = self.model.output_shape[-1]
        said = (batch.phrase[:, None] == np.arange(phrases)).astype(np.float32)
        learn = self._head_only if self._steps < self._frozen else self._both
        self._steps += 1
        loss = learn(batch.frames, said, batch.due)
        self.average.update()
        return float(loss)


def wake_loss(logits: Any, said: Any, due: Any) -> Any:
    """Return the loss of a batch.

    Parameters
    ----------
    logits : float32 (n, results, phrases)
    said : float32 (n, phrases)
        1 for the phrase that is said in a window.
    due : float32 (n, results)
        1 for the results that may tell it.
    """
    import tensorflow as tf

    told = tf.where(due[..., None] > 0, logits, -30.0)
    highest = tf.math.top_k(tf.transpose(told, [0, 2, 1]), TOLD).values
    # a phrase with one result due has one that counts
    counted = tf.cast(highest > -29.0, tf.float32)
    missed = tf.reduce_sum(tf.nn.softplus(-highest) * counted, -1)
    missed = missed / tf.maximum(tf.reduce_sum(counted, -1), 1.0)
    fired = tf.nn.softplus(tf.transpose(logits, [0, 2, 1]))
    hard = tf.reduce_mean(tf.math.top_k(fired, HIGHEST).values, -1)
    false = hard + ALL * tf.reduce_mean(fired, -1)
    positives = tf.reduce_sum(missed * said) / tf.maximum(tf.reduce_sum(said), 1.0)
    negatives = tf.reduce_sum(false * (1 - said)) / tf.maximum(tf.reduce_sum(1 - said), 1.0)
    return positives + negatives


def taught_loss(logits: Any, told: Any) -> Any:
    """Return the loss of a student: cross-entropy with what its teachers tell.

    Parameters
    ----------
    logits, told : float32 (n, results, phrases)
        The mean over all results, and over the `HIGHEST` of each window that differ most.
    """
    import tensorflow as tf

    each = tf.nn.sigmoid_cross_entropy_with_logits(tf.sigmoid(told), logits)
    # what remains of it where student and teachers agree is no mistake
    each -= tf.nn.sigmoid_cross_entropy_with_logits(tf.sigmoid(told), told)
    hard = tf.math.top_k(tf.transpose(each, [0, 2, 1]), HIGHEST).values
    return tf.reduce_mean(each) + tf.reduce_mean(hard)


class Listener:
    """Hears frames with a network, as a stream would.

    Parameters
    ----------
    network : WakeNetwork
        Its weights are shared: what it learns later is heard too.
    bands : int
    stretch : int
        Frames that are heard at once: fewer for short recordings.
    """

    def __init__(self, network: WakeNetwork, bands: int, stretch: int = STRETCH) -> None:
        self._before = look_back(network, STRIDE, (1, bands))
        self._size = stretch // STRIDE * STRIDE
        self._model = whole_model(network, self._size + self._before, (1, bands))

    def listen(self, images: UInt8) -> Float32:
        """Return logits (columns, phrases) of frames (frames, bands)."""
        size = self._size
        count = -(-len(images) // size)
        padded = np.pad(images, ((self._before, count * size - len(images)), (0, 0)))
        logits = []
        for first in range(0, count, 4):
            starts = np.arange(first, min(first + 4, count)) * size
            rows = starts[:, None] + np.arange(size + self._before)
            found = self._model(to_frames(padded[rows])[:, :, None], training=False)
            logits.append(np.concatenate(list(np.asarray(found))))
        return np.concatenate(logits)[: len(images) // STRIDE]


def mine(logits: Float32, tape: Tape, window: WakeWindow) -> tuple[UInt8, Float32]:
    """Return the windows on which the network fires most, and their scores.

    Parameters
    ----------
    logits : float32 (columns, phrases)
        Of the tape.
    tape : Tape
    window : WakeWindow

    Returns
    -------
    uint8 (n, frames, bands)
        Longer than a window by a third of a second, so that they can be shifted.
    float32 (n,)
        Highest first.
    """
    highest = logits.max(axis=1)
    columns = peaks(highest, APART, MOST_MINED)
    starts = (columns + 1) * window.stride - window.frames - window.stride
    return tape.windows(starts, longer(window)), highest[columns].astype(np.float32)


def fit(
    network: WakeNetwork,
    makers: Sequence[WakeWindowMaker],
    window: WakeWindow,
    recordings: Sequence[UInt8],
    recipe: Recipe,
    seed: int,
    say: Callable[[str], None],
    teachers: Sequence[Any] = (),
    mined: UInt8 | None = None,
) -> Fitted:
    """Train a network; it has the averaged weights in the end.

    Parameters
    ----------
    network : WakeNetwork
    makers : sequence of WakeWindowMaker
        Of the windows of equal parts of the rounds, one after another.
    window : WakeWindow
    recordings : sequence of uint8 (frames, bands)
        The negatives.
    recipe : Recipe
    seed : int
    say : callable
        Told how it goes.
    teachers : sequence of keras.Model
        Networks whose mean is learned from too.
    mined : uint8 (n, frames, bands), optional
        What others fired on.
    """
    bands = recordings[0].shape[1]
    trainer = WakeTrainer(network, window, bands, recipe, teachers)
    listener = Listener(network, bands)
    pool = [np.empty((0, longer(window), bands), np.uint8) if mined is None else mined]
    for number in range(recipe.rounds):
        tape = Tape.record(recordings, seed * 100 + number)
        rng = np.random.default_rng((seed, number))
        hard = np.concatenate(pool)
        maker = makers[number * len(makers) // recipe.rounds]
        steps = recipe.steps * (number + 1) // recipe.rounds
        steps -= recipe.steps * number // recipe.rounds
        source = ahead(lambda: maker.batch(rng, tape, hard), steps)  # noqa: B023
        what = f"round {number + 1}/{recipe.rounds}"
        losses = [
            trainer.step(batch)
            for _, batch in zip(bar(iter(range(steps)), steps, what), source, strict=True)
        ]
        message = f"{what}: loss {np.mean(losses[-50:]):.3f}"
        if number + 1 < recipe.rounds:
            with trainer.average.applied():
                windows, scores = mine(listener.listen(tape.images), tape, window)
            pool.append(windows)
            message += f", highest of the negatives {scores[0]:.1f}"
        say(message)
    trainer.model.set_weights(trainer.average.weights)
    return Fitted(trainer.model, np.concatenate(pool))
