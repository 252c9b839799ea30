"""Trains the verifier of wake words: a second network that hears a whole window at once.

It stands on the word bases of the ensemble that the student was taught by, side by side, as each
of them was trained, and has a head of its own. The student hears a stream and knows nothing of what
comes next; the verifier decides once about two seconds and a half, so that its head sees both sides
of every frame. Positives are windows in whose last half second a phrase ends; negatives are mostly
those that the networks before it fired on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.frontend import WORDS
from kws.metadata import Verifier
from kws.modelfile import ModelFile, pack, parse_model

from ..fitting.loop import Batch, Descent, Objective, TrainingLoop, ahead
from ..networks.convert import Converted, Precision, convert
from ..networks.streaming import StepModel, Tensor, Time, Whole, newest
from ..networks.word_base import WordBase
from ..progress import bar
from .defaults import STRIDE, WakeWordOptions
from .ensemble import SEEDS_PER_TRAINING, FittedEnsemble, WakeWordTraining
from .fit import LOSS_STEPS
from .negatives import NegativeStream
from .phrases import PhraseSet
from .thresholds import KindScores, Thresholds
from .windows import WakeWindowMaker, WindowCounts

#: Windows of a batch: more of those on which the first networks fired than these learned from,
#: since others are rarely heard by a verifier.
COUNTS = WindowCounts(positives=24, speech=8, parts=8, synthesized=6, mined=24, quiet=2)
#: Number of the verifier among the networks of a training.
VERIFIER = 98
#: Share of the training steps of a member of the ensemble.
STEPS_SHARE = 0.5
#: Share of the verifier's logit in that of both (docs/experiments/wake_words.md).
WEIGHT = 0.5
#: Logits of the verifier count as far as this: a score of 0.9997 or 0.0003.
LIMIT = 8.0
#: Output frames per hour of negatives in which the verifier is asked about a phrase. A phrase that
#: is said passes the gate in about five.
ASKED_PER_HOUR = 150
#: Batches of windows by which int8 is scaled.
CALIBRATION_BATCHES = 3


@dataclass(frozen=True)
class VerifierShape:
    """Size of the head.

    Attributes
    ----------
    width : int
        Number of channels.
    fine, coarse : tuple of int
        Lengths of the depthwise kernels of the blocks at 40 and at 80 ms, in output frames, each
        centred.
    dropout : float
        Share of features that is dropped in training.
    """

    width: int = 96
    fine: tuple[int, ...] = (5,)
    coarse: tuple[int, ...] = (5, 5)
    dropout: float = 0.2


class VerifierNetwork:
    """Maps a window of frames to one logit for each phrase.

    Parameters
    ----------
    bases : sequence of WordBase
        Word bases, with their weights, which stay as they are; they are shared, not copied.
    phrases : int
        Number of phrases.
    shape : VerifierShape
        Size of the head.
    """

    def __init__(self, bases: Sequence[WordBase], phrases: int, shape: VerifierShape) -> None:
        from keras import layers

        def norm() -> Any:
            return layers.BatchNormalization(momentum=0.97)

        def block(kernel: int) -> tuple[Any, Any, Any]:
            depthwise = layers.DepthwiseConv2D((kernel, 1), padding="same", use_bias=False)
            return depthwise, layers.Conv2D(shape.width, 1, use_bias=False), norm()

        self.bases = tuple(bases)
        self._squeeze = layers.Conv2D(shape.width, 1, use_bias=False), norm()
        self._drop = layers.SpatialDropout2D(0.1)
        self._fine = [block(kernel) for kernel in shape.fine]
        self._fold = layers.AveragePooling2D((2, 1))
        self._coarse = [block(kernel) for kernel in shape.coarse]
        self._mean = layers.GlobalAveragePooling2D(keepdims=True)
        self._maximum = layers.GlobalMaxPooling2D(keepdims=True)
        self._dropout = layers.Dropout(shape.dropout)
        self._logits = layers.Conv2D(phrases, 1)

    def features(self, x: Tensor, time: Time) -> Tensor:
        """Return the features of all bases, side by side.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            The reading of time: a whole window.

        Returns
        -------
        float32 (batch, output frames, 1, channels)
            Features.
        """
        import keras

        features = newest([base.features(x, time) for base in self.bases])
        return keras.ops.concatenate(features, axis=-1) if len(features) > 1 else features[0]

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, 1, phrases) of windows of frames.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            The reading of time: a whole window.
        """
        return self.head(self.features(x, time))

    def head(self, x: Tensor) -> Tensor:
        """Return logits (batch, 1, phrases) of the features of the bases.

        Parameters
        ----------
        x : float32 (batch, output frames, 1, channels)
            Features.
        """
        import keras

        squeeze, norm = self._squeeze
        x = keras.ops.relu(norm(squeeze(self._drop(x))))
        for block in self._fine:
            x = _residual(block, x)
        x = self._fold(x)
        for block in self._coarse:
            x = _residual(block, x)
        x = keras.ops.concatenate([self._mean(x), self._maximum(x)], axis=-1)
        return self._logits(self._dropout(x))[:, :, 0]


def _residual(block: tuple[Any, Any, Any], x: Tensor) -> Tensor:
    import keras

    depthwise, pointwise, norm = block
    return keras.ops.relu(norm(pointwise(depthwise(x))) + x)


@dataclass(frozen=True, eq=False)
class FittedVerifier:
    """A trained verifier.

    Attributes
    ----------
    network : VerifierNetwork
        The network, with its averaged weights.
    windows : float32 (n, frames, bands)
        Windows such as it learned from.
    """

    network: VerifierNetwork
    windows: Float32


def fit_verifier(
    training: WakeWordTraining,
    phrases: PhraseSet,
    ensemble: FittedEnsemble,
    report: Callable[[str], None],
) -> FittedVerifier:
    """Train a verifier on the bases of an ensemble.

    Parameters
    ----------
    training : WakeWordTraining
        What all networks share.
    phrases : PhraseSet
        Recordings of what is to be detected.
    ensemble : FittedEnsemble
        The networks before it, whose bases it stands on, and on whose false accepts it learns.
    report : callable
        Called with a message in the end.

    Returns
    -------
    FittedVerifier
        The trained network.
    """
    import keras

    # the runtime keeps whole steps of frames
    frames, bands = training.window.frames // STRIDE * STRIDE, WORDS.bands
    network = VerifierNetwork(
        [one.network.base for one in ensemble.members], training.phrases, VerifierShape()
    )
    x = keras.Input(shape=(frames, 1, bands), name="frames")
    features = keras.Model(x, network.features(x, Whole()))
    features.trainable = False  # their averages of normalization stay too
    model = keras.Model(x, network.head(features(x, training=False)))
    steps = round(training.config.steps * STEPS_SHARE)
    descent = Descent(training.config.rate, 1e-2, 0.1, training.config.averaging, 1e-2, 1.0)
    loop = TrainingLoop(model, steps, descent, _objective())
    maker = WakeWindowMaker(
        training.noisy_maker,
        phrases,
        training.other_phrases,
        training.window,
        COUNTS,
        training.profiles,
        training.recipe,
    )
    seed = SEEDS_PER_TRAINING * training.seed + VERIFIER
    stream = NegativeStream.join(training.negatives, seed)
    rng = np.random.default_rng(seed)

    def batch() -> Batch:
        made = maker.batch(rng, stream, ensemble.mined)
        said = (made.phrase[:, None] == np.arange(training.phrases)).astype(np.float32)
        return Batch(made.frames[:, -frames:], [said], [np.ones(len(said), np.float32)])

    numbers = bar(iter(range(steps)), steps, "verifier")
    losses = [loop.step(one) for _, one in zip(numbers, ahead(batch, steps), strict=True)]
    model.set_weights(loop.average.weights)
    report(f"loss of the verifier {np.mean(losses[-LOSS_STEPS:]):.3f}")
    windows = [
        maker.batch(rng, stream, ensemble.mined).frames[:, -frames:, 0]
        for _ in range(CALIBRATION_BATCHES)
    ]
    return FittedVerifier(network, np.concatenate(windows))


def _objective() -> Objective:
    """Return the loss: the mean of the phrases, plus that of what they are not."""

    def objective(inputs: Any, outputs: list[Any], targets: list[Any], weights: list[Any]) -> Any:
        import tensorflow as tf

        (logits,), (said,) = outputs, targets
        logits = logits[:, 0]
        missed = tf.reduce_sum(tf.nn.softplus(-logits) * said)
        false = tf.reduce_sum(tf.nn.softplus(logits) * (1 - said))
        positives = tf.maximum(tf.reduce_sum(said), 1.0)
        negatives = tf.maximum(tf.reduce_sum(1 - said), 1.0)
        return missed / positives + false / negatives

    return objective


def convert_verifier(fitted: FittedVerifier, precision: Precision) -> Converted:
    """Convert a verifier to TFLite: one step takes a whole window.

    Parameters
    ----------
    fitted : FittedVerifier
        The network.
    precision : {"int8", "float32"}
        Number format.

    Returns
    -------
    Converted
        The network and its contract.
    """
    import keras

    frames, bands = fitted.windows.shape[1:]
    x = keras.Input(batch_shape=(1, frames, 1, bands), name="frames")
    step = StepModel(keras.Model([x], [fitted.network(x, Whole())]), 0, frames, frames, frames)
    # the first window of a stream would settle the states, if there were some: it comes twice
    stream = np.concatenate([fitted.windows[:1], fitted.windows]).reshape(1, -1, bands)
    return convert(step, precision, stream)


def with_verifier(
    model: ModelFile,
    fitted: FittedVerifier,
    kinds: Sequence[KindScores],
    alone: Thresholds,
    options: WakeWordOptions,
) -> ModelFile:
    """Put a verifier into a model file; thresholds for both together are still to be chosen.

    Parameters
    ----------
    model : ModelFile
        The first network.
    fitted : FittedVerifier
        The second one.
    kinds : sequence of KindScores
        What the first one makes of negatives, by which the gates are chosen.
    alone : dict of str to float
        Thresholds for the first network alone.
    options : WakeWordOptions
        What the user decides.

    Returns
    -------
    ModelFile
        The model in two stages, as a reader of the file would see it.
    """
    metadata = model.metadata
    converted = convert_verifier(fitted, options.precision)
    verifier = Verifier(
        gates=gates_at(metadata.labels, kinds, ASKED_PER_HOUR),
        weight=WEIGHT,
        limit=LIMIT,
        alone=dict(alone),
        streaming=converted.streaming,
        network=converted.network,
    )
    content = pack(model.network, replace(metadata, verifier=verifier))
    return parse_model(content, model.path)


def gates_at(
    labels: Sequence[str], kinds: Sequence[KindScores], asked_per_hour: float
) -> dict[str, float]:
    """Return the scores from which a verifier is asked so often.

    Parameters
    ----------
    labels : sequence of str
        The phrases.
    kinds : sequence of KindScores
        What the first network makes of negatives.
    asked_per_hour : float
        Output frames per hour.

    Returns
    -------
    dict of str to float
        Gate of each phrase.
    """
    traces = [one for kind in kinds for one in (*kind.trained, *kind.fresh)]
    hours = sum(one.seconds for one in traces) / 3600
    asked = max(1, round(asked_per_hour * hours))
    scores = np.sort(np.concatenate([one.scores for one in traces]), axis=0)[-asked:]
    return {label: float(gate) for label, gate in zip(labels, scores[0], strict=True)}
