"""Trains one network of wake words: the hardest results count, and its false accepts come back.

A network fires by mistake on few of the negatives. After each round of steps those windows are
looked for (`mining`), and later rounds learn from them too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kws.arrays import UInt8

from ..data.checkpoint import Checkpoint
from ..fitting.loop import Batch, Descent, Objective, ParameterGroup, TrainingLoop, ahead
from ..networks.streaming import look_back, whole_model
from ..progress import bar
from ..tracking import Track, untracked
from .defaults import RESULTS, STRIDE
from .listening import Listen, listen_alone
from .mining import mine, mined_frames
from .negatives import NegativeStream
from .network import WakeNetwork
from .shard_pool import ShardPool
from .windows import WakeBatch, WakeWindow, WakeWindowMaker

#: Results of a negative whose mean counts in full: the highest ones
#: (hard examples: A. Shrivastava et al., CVPR 2016, arXiv 1604.03540).
NEGATIVE_TOP_K = 4
#: How much the mean of all results of a negative counts, beside that of the highest.
MEAN_WEIGHT = 0.3
#: Results with a phrase whose mean counts: as many as the detector averages.
POSITIVE_TOP_K = 2
#: How much the labels count for a student, beside its teachers.
LABEL_WEIGHT = 0.4
#: Steps whose mean loss is printed.
LOSS_STEPS = 50


@dataclass(frozen=True)
class FitConfig:
    """How a network is trained.

    Attributes
    ----------
    steps : int
        Number of training steps in all.
    frozen : float
        Share of the steps, the first ones, in which the base does not change; 1 for a base that
        stays as it is.
    rounds : int
        Equal parts of the steps; after each but the last, negatives are mined.
    rate, base_rate : float
        Highest learning rates of the head and of the base.
    averaging : float
        Share of the old average that the running average of the weights keeps per step.
    """

    steps: int = 1000
    frozen: float = 0.35
    rounds: int = 4
    rate: float = 2e-3
    base_rate: float = 5e-4
    averaging: float = 0.998

    def student(self) -> FitConfig:
        """Return how a student is trained, who begins with the weights of the first teacher."""
        frozen = 1.0 if self.frozen == 1 else 0.0
        return replace(self, steps=self.steps // 2, frozen=frozen, rounds=2, rate=self.rate / 2)

    @property
    def frozen_steps(self) -> int:
        """Number of steps in which the base does not change."""
        return round(self.steps * self.frozen)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network.

    Attributes
    ----------
    network : WakeNetwork
        The network, with its averaged weights.
    model : keras.Model
        The same for training windows.
    mined : uint8 (n, frames, bands)
        Windows of negatives on which it fired while it was trained.
    """

    network: WakeNetwork
    model: Any
    mined: UInt8


def wake_window(network: WakeNetwork, bands: int) -> WakeWindow:
    """Return the shape of the training windows of a network.

    Parameters
    ----------
    network : WakeNetwork
        The network, trained or not.
    bands : int
        Number of bands of the front end.
    """
    field = STRIDE + look_back(network, STRIDE, (1, bands))
    return WakeWindow(field, STRIDE, RESULTS)


def wake_loss(
    logits: Any,
    phrases: Any,
    due: Any,
    positive_top_k: int = POSITIVE_TOP_K,
    negative_top_k: int = NEGATIVE_TOP_K,
) -> Any:
    """Return the loss of a batch: of missed phrases, plus that of false accepts.

    Loss of a phrase: the mean of its two highest outputs among those in which it may be detected.
    Loss of a negative: the mean of its four highest outputs, plus 0.3 times the mean of all.

    Parameters
    ----------
    logits : float32 (n, results, phrases)
        What the network gives.
    phrases : float32 (n, phrases)
        1 for the phrase that is said in a window, 0 for the others.
    due : float32 (n, results)
        1 for the results in which it may be detected, 0 for the others.
    positive_top_k, negative_top_k : int
        How many outputs count as highest, where results come at another rate.
    """
    import tensorflow as tf

    detectable = tf.where(due[..., None] > 0, logits, -30.0)
    highest = tf.math.top_k(tf.transpose(detectable, [0, 2, 1]), positive_top_k).values
    # of a phrase with one result that is due, one counts
    counted = tf.cast(highest > -29.0, tf.float32)
    missed = tf.reduce_sum(tf.nn.softplus(-highest) * counted, -1)
    missed = missed / tf.maximum(tf.reduce_sum(counted, -1), 1.0)
    fired = tf.nn.softplus(tf.transpose(logits, [0, 2, 1]))
    hard = tf.reduce_mean(tf.math.top_k(fired, negative_top_k).values, -1)
    false = hard + MEAN_WEIGHT * tf.reduce_mean(fired, -1)
    positives = tf.reduce_sum(missed * phrases) / tf.maximum(tf.reduce_sum(phrases), 1.0)
    negatives = tf.reduce_sum(false * (1 - phrases)) / tf.maximum(tf.reduce_sum(1 - phrases), 1.0)
    return positives + negatives


def distillation_loss(logits: Any, teacher_logits: Any, top_k: int = NEGATIVE_TOP_K) -> Any:
    """Return the loss of a student: its cross-entropy with the teachers' scores.

    It is the mean over all results, plus the mean over the ``top_k`` results of each window and
    phrase in which student and teachers differ most.

    Parameters
    ----------
    logits : float32 (n, results, phrases)
        What the student gives.
    teacher_logits : float32 (n, results, phrases)
        The mean of what the teachers give.
    top_k : int
        How many results these are.
    """
    import tensorflow as tf

    wanted = tf.sigmoid(teacher_logits)
    each = tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits)
    # less the entropy of the teachers' scores: where both agree, the loss is 0
    each -= tf.nn.sigmoid_cross_entropy_with_logits(wanted, teacher_logits)
    hard = tf.math.top_k(tf.transpose(each, [0, 2, 1]), top_k).values
    return tf.reduce_mean(each) + tf.reduce_mean(hard)


def wake_objective(teachers: Sequence[Any]) -> Objective:
    """Return the objective of a network: from labels alone, or from labels and teachers.

    Parameters
    ----------
    teachers : sequence of keras.Model
        Models for training windows whose mean logits are learned from; none for labels alone.
    """

    def objective(inputs: Any, outputs: list[Any], targets: list[Any], weights: list[Any]) -> Any:
        (logits,), (phrases,), (due,) = outputs, targets, weights
        loss = wake_loss(logits, phrases, due)
        if teachers:
            summed = sum(teacher(inputs, training=False) for teacher in teachers)
            loss = LABEL_WEIGHT * loss + distillation_loss(logits, summed / len(teachers))
        return loss

    return objective


def fit(
    network: WakeNetwork,
    makers: Sequence[WakeWindowMaker],
    window: WakeWindow,
    negatives: Sequence[UInt8],
    config: FitConfig,
    seed: int,
    report: Callable[[str], None],
    teachers: Sequence[Fitted] = (),
    pool: ShardPool | None = None,
    track: Track = untracked,
    checkpoint: Checkpoint | None = None,
    listen: Listen = listen_alone,
) -> Fitted:
    """Train a network, which has the averaged weights in the end.

    Each round has a seed of its own, so that a training that goes on from a checkpoint gives what
    one gives that was never interrupted.

    Parameters
    ----------
    network : WakeNetwork
        The network to train.
    makers : sequence of WakeWindowMaker
        What makes the windows of equal parts of the rounds, one after another.
    window : WakeWindow
        Shape of the training windows.
    negatives : sequence of uint8 (frames, bands)
        Grey levels of each recording without the phrases.
    config : FitConfig
        How it is trained.
    seed : int
        Seed of the windows.
    report : callable
        Called with a message after each round.
    teachers : sequence of Fitted
        Networks from whose mean it learns too, and from the windows on which they fired.
    pool : ShardPool, optional
        Further negatives, others in each round.
    track : callable
        Told the loss of each step.
    checkpoint : Checkpoint, optional
        Written after each round; a training that finds one of its own goes on behind it.
    listen : callable
        Hears the negatives with the network when they are mined.

    Returns
    -------
    Fitted
        The trained network.
    """
    bands = negatives[0].shape[1]
    model = whole_model(network, window.frames, (1, bands))
    loop = _training_loop(network, model, config, [one.model for one in teachers])
    nothing = np.empty((0, mined_frames(window), bands), np.uint8)
    mined = np.concatenate([nothing, *(one.mined for one in teachers)])
    saved = None if checkpoint is None else checkpoint.read()
    begun = 0
    if saved is not None:
        begun, (found, *state) = saved
        mined = found.astype(np.uint8)
        loop.restore(state)
        report(f"goes on behind round {begun}/{config.rounds}")
    for number in range(begun, config.rounds):
        drawn = [] if pool is None else pool.images(seed * 100 + number)
        stream = NegativeStream.join([*negatives, *drawn], seed * 100 + number)
        maker = makers[number * len(makers) // config.rounds]
        steps = config.steps * (number + 1) // config.rounds
        steps -= config.steps * number // config.rounds
        rng = np.random.default_rng((seed, number))
        what = f"round {number + 1}/{config.rounds}"
        losses = _steps(loop, maker, rng, stream, mined, steps, what)
        first = config.steps * number // config.rounds
        for step, loss in enumerate(losses, first):
            track("loss", step, loss)
        message = f"{what}: loss {np.mean(losses[-LOSS_STEPS:]):.3f}"
        if number + 1 < config.rounds:
            with loop.average.applied():
                heard = maker.disturbed(rng, stream)
                windows, highest = mine(listen(network, heard.images), heard, window)
            mined = np.concatenate([mined, windows])
            message += f", highest of the negatives {highest[0]:.1f}"
        report(message)
        if checkpoint is not None:
            checkpoint.write(number + 1, [mined.astype(np.float32), *loop.state()])
    model.set_weights(loop.average.weights)
    return Fitted(network, model, mined)


def _training_loop(
    network: WakeNetwork, model: Any, config: FitConfig, teachers: Sequence[Any]
) -> TrainingLoop:
    """Return a loop that trains head and base at rates of their own, the base later."""
    in_base = {id(v) for layer in network.base.layers() for v in layer.trainable_variables}
    head = [v for v in model.trainable_variables if id(v) not in in_base]
    base = [v for v in model.trainable_variables if id(v) in in_base]
    frozen = config.frozen_steps
    descent = _descent(config, config.rate, config.steps)
    groups = [ParameterGroup(head, descent)]
    if frozen < config.steps:
        slower = _descent(config, config.base_rate, config.steps - frozen)
        groups.append(ParameterGroup(base, slower, frozen))
    return TrainingLoop(
        model,
        config.steps,
        descent,
        wake_objective(teachers),
        groups,
    )


def _descent(config: FitConfig, rate: float, steps: int) -> Descent:
    """Return how a group of weights changes in so many steps."""
    warm = (steps // 10) / steps  # a tenth of the steps, rounded down
    return Descent(rate, 1e-2, warm, config.averaging, floor=1e-2, clip=1.0)


def _steps(
    loop: TrainingLoop,
    maker: WakeWindowMaker,
    rng: np.random.Generator,
    stream: NegativeStream,
    mined: UInt8,
    steps: int,
    what: str,
) -> list[float]:
    """Take the steps of a round, and return their losses."""
    phrases = loop.model.output_shape[-1]

    def batch() -> Batch:
        return _training_batch(maker.batch(rng, stream, mined), phrases)

    numbers = bar(iter(range(steps)), steps, what)
    return [loop.step(one) for _, one in zip(numbers, ahead(batch, steps), strict=True)]


def _training_batch(batch: WakeBatch, phrases: int) -> Batch:
    """Return a batch for the training loop: which phrase is said, and in which results."""
    one_hot = (batch.phrase[:, None] == np.arange(phrases)).astype(np.float32)
    return Batch(batch.frames, [one_hot], [batch.due])
