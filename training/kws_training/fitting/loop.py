"""The training loop of every network here: AdamW, a warm-up and a cosine, averaged weights."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32

from .averaging import RunningAverage

T = TypeVar("T")

#: Loss of one output of a model: a function of its targets, its logits and the weights of its
#: results.
OutputLoss = Callable[[Any, Any, Any], Any]
#: Loss of a step: a function of the inputs, the list of outputs, the list of targets and the list
#: of weights.
Objective = Callable[[Any, list[Any], list[Any], list[Any]], Any]


@dataclass(frozen=True)
class Descent:
    """How weights are changed, by AdamW (arXiv 1711.05101).

    Attributes
    ----------
    learning_rate : float
        Highest learning rate. It rises from a twentieth of this, then falls along a cosine.
    weight_decay : float
        Decoupled weight decay.
    warm : float
        Share of the steps in which the rate rises.
    averaging : float
        Share of the old average that the running average of the weights keeps per step.
    floor : float
        Share of the highest learning rate at which the cosine ends.
    clip : float
        Norm of the gradient, over all weights of a group, above which it is scaled down.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    warm: float = 0.05
    averaging: float = 0.998
    floor: float = 1e-3
    clip: float = 5.0


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Weights that are changed alike.

    Attributes
    ----------
    variables : sequence of keras.Variable
        The weights.
    descent : Descent
        How they are changed; its ``averaging`` is ignored, as all weights are averaged alike.
    frozen_steps : int
        Number of steps, from the first, in which they stay as they are.
    """

    variables: Sequence[Any]
    descent: Descent
    frozen_steps: int = 0


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes
    ----------
    inputs : float32 array, or a list of them
        Input of the model, or one for each of its inputs.
    targets : list of arrays
        For each output of the model: float32 (n, results, labels), or what its loss wants.
    weights : list of float32 arrays
        For each output: how much each of its results counts, (n, results), or what its loss wants.
    """

    inputs: Any
    targets: Sequence[Any]
    weights: Sequence[Float32]


def cross_entropy(wanted: Any, logits: Any, weights: Any) -> Any:
    """Return the weighted mean of the cross-entropy of results.

    Parameters
    ----------
    wanted : float32 (n, results, labels)
        Probabilities of the labels.
    logits : float32 (n, results, labels)
        Logits of the labels.
    weights : float32 (n, results)
        How much each result counts.
    """
    import tensorflow as tf

    each = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
    return tf.reduce_sum(each * weights) / tf.maximum(tf.reduce_sum(weights), 1e-6)


def weighted_losses(shares: Sequence[float], losses: Sequence[OutputLoss]) -> Objective:
    """Return the objective that adds up a loss of each output.

    Parameters
    ----------
    shares : sequence of float
        How much the loss of each output counts.
    losses : sequence of callable
        Loss of each output.
    """

    def objective(inputs: Any, outputs: list[Any], targets: list[Any], weights: list[Any]) -> Any:
        loss: Any = 0.0
        for share, each, *output in zip(shares, losses, targets, outputs, weights, strict=True):
            loss += share * each(*output)
        return loss

    return objective


class TrainingLoop:
    """Takes training steps: each group of weights at a rate of its own, gradients clipped.

    Parameters
    ----------
    model : keras.Model
        Its outputs are logits (batch, results, labels).
    steps : int
        Number of steps in all.
    descent : Descent
        How weights are changed.
    objective : callable, optional
        Loss of a step; cross-entropy of a single output if None.
    groups : sequence of ParameterGroup, optional
        Weights that are changed in ways of their own; one group of all, by ``descent``, if None.
        Groups that are frozen for longer come later.

    Attributes
    ----------
    model : keras.Model
        The model that is trained.
    average : RunningAverage
        The averaged weights.
    """

    def __init__(
        self,
        model: Any,
        steps: int,
        descent: Descent,
        objective: Objective | None = None,
        groups: Sequence[ParameterGroup] | None = None,
    ) -> None:
        import tensorflow as tf

        if groups is None:
            groups = [ParameterGroup(model.trainable_variables, descent)]
        if objective is None:
            objective = weighted_losses([1.0], [cross_entropy])
        self._optimizers = [_optimizer(group, steps) for group in groups]
        self.average = RunningAverage(model, descent.averaging)
        self.model, self._steps = model, 0

        def learner(count: int) -> Any:
            """Return a step that changes the weights of the first groups."""
            variables = [list(group.variables) for group in groups[:count]]

            def learn(inputs: Any, targets: Any, weights: Any) -> Any:
                with tf.GradientTape() as tape:
                    outputs = tf.nest.flatten(model(inputs, training=True))
                    loss = objective(inputs, outputs, targets, weights)
                gradients = tape.gradient(loss, variables)
                for optimizer, own, changed in zip(
                    self._optimizers, gradients, variables, strict=False
                ):
                    optimizer.apply(own, changed)
                return loss

            return tf.function(learn, autograph=False)  # no control flow to rewrite

        # a group joins when its frozen steps are over: the step from then on
        starts = [group.frozen_steps for group in groups]
        self._learners = [(start, learner(n + 1)) for n, start in enumerate(starts)]

    def state(self) -> list[Float32]:
        """Return all that a later run needs to go on from here: weights, moments, average."""
        variables = [*self.model.variables, *self._moments()]
        return [*(np.asarray(v.numpy()) for v in variables), *self.average.state()]

    def restore(self, state: Sequence[npt.NDArray[np.floating[Any]]]) -> None:
        """Go on from a state of the same network.

        Parameters
        ----------
        state : sequence of float32 arrays
            As `state` returned it.
        """
        variables = [*self.model.variables, *self._moments()]
        for variable, value in zip(variables, state, strict=False):
            variable.assign(value)
        self.average.restore(state[len(variables) :])
        self._steps = self.average.steps

    def _moments(self) -> list[Any]:
        return [variable for one in self._optimizers for variable in one.variables]

    def step(self, batch: Batch) -> float:
        """Learn from a batch, and return its loss.

        Parameters
        ----------
        batch : Batch
            Windows, targets and weights.
        """
        learn = [learner for start, learner in self._learners if start <= self._steps][-1]
        self._steps += 1
        loss = learn(batch.inputs, list(batch.targets), list(batch.weights))
        self.average.update()
        return float(loss)


def _optimizer(group: ParameterGroup, steps: int) -> Any:
    """Return the optimizer of a group, whose schedule begins when the group is no more frozen."""
    import keras

    descent = group.descent
    left = max(1, steps - group.frozen_steps)
    warm = max(1, round(left * descent.warm))
    schedule = warm_cosine(descent, warm, max(1, left - warm))
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=descent.weight_decay, global_clipnorm=descent.clip
    )
    optimizer.build(group.variables)
    return optimizer


def warm_cosine(descent: Descent, warm: int, falling: int) -> Any:
    """Return a schedule of learning rates: it rises in a line, then falls as a cosine.

    These are the rates of keras.optimizers.schedules.CosineDecay, without its two branches. Keras
    asks for the rate once per weight that decays, and to trace so many branches takes seconds.

    Parameters
    ----------
    descent : Descent
        The highest rate and the lowest.
    warm : int
        Steps in which it rises, from a twentieth of the highest.
    falling : int
        Steps in which it falls.

    Returns
    -------
    keras.optimizers.schedules.LearningRateSchedule
        Called with the number of steps that are done.
    """
    import keras
    import tensorflow as tf
    from keras import ops

    # no constant, which TensorFlow would multiply by the inverse of: other last bits
    decay_steps = tf.Variable(float(falling), trainable=False)
    warm_steps = tf.Variable(float(warm), trainable=False)

    class WarmCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            high = ops.cast(descent.learning_rate, "float32")
            low = ops.cast(descent.learning_rate / 20, "float32")
            step = ops.minimum(ops.cast(step, "float32"), float(warm + falling))
            rising = (high - low) * (step / warm_steps) + low
            cosine = 0.5 * (1.0 + ops.cos(np.float32(np.pi) * ((step - warm) / decay_steps)))
            after = high * ((1 - descent.floor) * cosine + descent.floor)
            return ops.where(step < warm, rising, after)

    return WarmCosine()


def ahead(make: Callable[[], T], count: int, depth: int = 4) -> Iterator[T]:
    """Make items in a thread while the ones before are used.

    Parameters
    ----------
    make : callable
        Makes the next item; what it raises is raised here.
    count : int
        Number of items.
    depth : int
        Number of items that may wait.

    Yields
    ------
    object
        The items, in the order in which they were made.
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
    """Make everything that follows repeatable on this machine.

    Parameters
    ----------
    seed : int
        Seed of Python, numpy and TensorFlow.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def begin_anew(seed: int) -> None:
    """Make a network that is built now the same as in a new process.

    Layers are numbered by how many were built before, and their names are in a model file.

    Parameters
    ----------
    seed : int
        Seed of Python, numpy and TensorFlow.
    """
    import keras

    keras.utils.clear_session()
    set_seed(seed)
