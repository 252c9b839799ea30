"""The training loop that every network here shares: AdamW, a warm cosine, averaged weights."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from kws.arrays import Float32

from .averaging import RunningAverage

T = TypeVar("T")


@dataclass(frozen=True)
class Descent:
    """How weights are changed.

    Attributes
    ----------
    learning_rate, weight_decay : float
        Of AdamW (arXiv 1711.05101); the rate rises in the first ``warm`` of the steps, then falls
        along a cosine to a thousandth.
    warm : float
        Share of the steps.
    averaging : float
        Share of the old in the running average of the weights, per step.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    warm: float = 0.05
    averaging: float = 0.998


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes
    ----------
    inputs : float32 array, or a list of them
    targets : list of arrays
        For each output of the model: float32 (n, results, labels), or what its loss wants.
    weights : list of float32 arrays
        Of each result (n, results), or what its loss wants.
    """

    inputs: Any
    targets: Sequence[Any]
    weights: Sequence[Float32]


def cross_entropy(wanted: Any, logits: Any, weights: Any) -> Any:
    """Return the weighted mean of the cross-entropy of results."""
    import tensorflow as tf

    each = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
    return tf.reduce_sum(each * weights) / tf.maximum(tf.reduce_sum(weights), 1e-6)


class TrainingLoop:
    """Takes training steps: a loss of every output, gradients clipped.

    Parameters
    ----------
    model : keras.Model
        Its outputs are logits (batch, results, labels), for cross-entropy.
    steps : int
        In all.
    descent : Descent
    shares : sequence of float
        How much each output's loss counts.
    losses : sequence of callable
        Of (targets, logits, weights) of each output.

    Attributes
    ----------
    average : RunningAverage
    """

    def __init__(
        self,
        model: Any,
        steps: int,
        descent: Descent,
        shares: Sequence[float] = (1.0,),
        losses: Sequence[Callable[[Any, Any, Any], Any]] | None = None,
    ) -> None:
        import keras
        import tensorflow as tf

        warm = max(1, round(steps * descent.warm))
        schedule = keras.optimizers.schedules.CosineDecay(
            descent.learning_rate / 20,
            max(1, steps - warm),
            alpha=1e-3,
            warmup_target=descent.learning_rate,
            warmup_steps=warm,
        )
        optimizer = keras.optimizers.AdamW(
            schedule, weight_decay=descent.weight_decay, global_clipnorm=5.0
        )
        optimizer.build(model.trainable_variables)
        self.average = RunningAverage(model, descent.averaging)
        self._model, self._optimizer = model, optimizer
        kinds = [cross_entropy] * len(shares) if losses is None else losses

        @tf.function(autograph=False)  # no control flow to rewrite
        def learn(inputs: Any, targets: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                outputs = tf.nest.flatten(model(inputs, training=True))
                loss = 0.0
                for share, each, *output in zip(
                    shares, kinds, targets, outputs, weights, strict=True
                ):
                    loss += share * each(*output)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            return loss

        self._learn = learn

    def state(self) -> list[Float32]:
        """Return all that a later run needs to go on from here: weights, moments, average."""
        variables = [*self._model.variables, *self._optimizer.variables]
        return [*(np.asarray(v.numpy()) for v in variables), *self.average.state()]

    def restore(self, state: Sequence[Float32]) -> None:
        """Go on from a state of the same network."""
        variables = [*self._model.variables, *self._optimizer.variables]
        for variable, value in zip(variables, state, strict=False):
            variable.assign(value)
        self.average.restore(state[len(variables) :])

    def step(self, batch: Batch) -> float:
        """Learn from a batch; returns its loss."""
        loss = self._learn(batch.inputs, list(batch.targets), list(batch.weights))
        self.average.update()
        return float(loss)


def ahead(make: Callable[[], T], count: int, depth: int = 4) -> Iterator[T]:
    """Make items in a thread while the ones before are used.

    Parameters
    ----------
    make : callable
        Makes the next item; what it raises is raised here.
    count : int
        Number of items.
    depth : int
        Items that may wait.
    """
    waiting: queue.Queue[T | Exception] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | Exception) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for _ in range(count):
                if not put(make()):
                    return
        except Exception as error:  # it belongs to whoever waits for the item
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        for _ in range(count):
            item = waiting.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def set_seed(seed: int) -> None:
    """Make everything that follows repeatable on this machine."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
