"""Trains a word base on three things at once.

They are: which of the labels a word is, which of all words there are, and which phonemes words in
a row are made of (`connected`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Float64
from kws.console import note
from kws.frontend import WORDS

from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import WindowMaker
from ..augmentation.windows import WindowShape
from ..data.checkpoint import Checkpoint
from ..data.images import WordImages, in_silence, to_frames
from ..fitting.loop import Batch, TrainingLoop, ahead, cross_entropy, weighted_losses
from ..networks.streaming import StepModel, Whole, look_back, step_model, whole_model
from ..networks.word_base import FEATURE_STRIDE, RESULT_STRIDE, Base, WordBase
from ..progress import bar
from .batches import WordBatches, with_connected_words
from .connected import AUGMENTATION, ConnectedWords, SpelledWords, ctc_loss
from .data import WordBaseData
from .defaults import CONNECTED_FRAMES, HEAVY, LIGHT, RESULTS, WordBaseOptions

#: Images that are tested together.
TEST_BATCH = 256
#: Results of a test window that are averaged, besides the first.
TEST_RESULTS = 4
#: Smallest probability of a label by which its logit is adjusted.
MIN_PRIOR = 1e-6


@dataclass(frozen=True, eq=False)
class FittedWordBase:
    """A trained word base.

    Attributes
    ----------
    step : StepModel
        Its streaming form, ready to convert.
    accuracy : float
        Share of the validation images that it names rightly; nan if there are none.
    """

    step: StepModel
    accuracy: float


def fit(
    data: WordBaseData, options: WordBaseOptions, start: Base | None, checkpoint: Checkpoint
) -> FittedWordBase:
    """Train a word base, which has the averaged weights in the end.

    Parameters
    ----------
    data : WordBaseData
        Words and labels.
    options : WordBaseOptions
        How it is trained.
    start : Base or None
        A word base to go on from, in its shape.
    checkpoint : Checkpoint
        Keeps the state after each epoch, so that a run that was interrupted goes on.

    Returns
    -------
    FittedWordBase
        Its logits are for labels that are all as probable.
    """
    config, labels = options.fit, data.labels
    shape = options.shape if start is None else start.shape
    window = WindowShape(shape.receptive_field, RESULT_STRIDE, RESULTS)
    batches = WordBatches(data.training, labels, window, config)
    folded = start is not None and config.folded
    network = WordBase(WORDS, len(labels), shape, folded=folded)
    if start is not None and not folded:
        maker = WindowMaker(data.noise, WORDS.floor, WORDS.ceiling, HEAVY)
        rng = np.random.default_rng((options.seed, 3))
        network.unfold(start.weights_for(labels), next(batches.batches(rng, maker)).inputs)
    step = step_model(network, RESULT_STRIDE, (1, WORDS.bands))
    model = _training_model(network, window.frames, len(data.training.words), data.spelled)
    if start is not None and folded:
        network.load(start.weights_for(labels))
    field = step.receptive_field + TEST_RESULTS * RESULT_STRIDE
    tester = whole_model(network, field, (1, WORDS.bands))
    connected = None if data.spelled is None else _connected(data.spelled, data.noise, network)
    per_epoch = math.ceil(data.training.people / batches.people)
    outputs = 2 if connected is None else 3
    loop = TrainingLoop(
        model,
        per_epoch * config.epochs,
        config.descent,
        weighted_losses(
            (1.0, config.others, config.phonemes)[:outputs],
            (cross_entropy, cross_entropy, ctc_loss)[:outputs],
        ),
    )
    begin = 0
    prior: npt.NDArray[np.floating[Any]] = np.zeros(len(labels))
    saved = checkpoint.read()
    if saved is not None:
        begin, (*state, prior) = saved
        loop.restore(state)
        note(f"going on after epoch {begin}")
    for epoch in range(begin, config.epochs):
        light = epoch >= round(config.epochs * (1 - config.light))
        maker = WindowMaker(data.noise, WORDS.floor, WORDS.ceiling, LIGHT if light else HEAVY)
        source = batches.batches(np.random.default_rng((options.seed, epoch)), maker)
        if connected is not None:
            rng = np.random.default_rng((options.seed, epoch, 1))
            source = with_connected_words(source, connected, rng, config.connected)
        what = f"epoch {epoch + 1}/{config.epochs}"
        loss, prior = _train_epoch(loop, source, per_epoch, len(labels), what)
        checkpoint.write(epoch + 1, [*loop.state(), prior])
        with loop.average.applied():
            accuracy = _accuracy(tester, data.validation, labels)
        note(
            f"epoch {epoch + 1:2}/{config.epochs}: loss {loss:.3f}, "
            f"validation accuracy {accuracy:.1%}"
        )
    model.set_weights(loop.average.weights)
    # logits for labels that are all as probable: whoever uses some of the words says how
    # probable each is (logit adjustment, arXiv 2007.07314)
    share = prior / prior.sum()
    network.bias().assign(np.asarray(network.bias()) - np.log(np.maximum(share, MIN_PRIOR)))
    return FittedWordBase(step, _accuracy(tester, data.validation, labels))


def _train_epoch(
    loop: TrainingLoop, batches: Iterator[Batch], steps: int, labels: int, what: str
) -> tuple[float, Float64]:
    """Take the steps of an epoch; return the mean loss, and how much each label counted."""
    losses = []
    prior = np.zeros(labels)
    numbers = bar(iter(range(steps)), steps, what)
    for _, batch in zip(numbers, ahead(lambda: next(batches), steps), strict=True):
        losses.append(loop.step(batch))
        prior += (batch.targets[0] * batch.weights[0][..., None]).sum((0, 1))
    return float(np.mean(losses)), prior


def _training_model(
    network: WordBase, frames: int, words: int, spelled: SpelledWords | None
) -> Any:
    """Build the training model: logits of the labels, of all words there are, and of phonemes."""
    import keras

    x = keras.Input((frames, 1, WORDS.bands), name="frames")
    summary = network.summary(x, Whole())
    others = keras.layers.Conv2D(words, 1)(summary)[:, :, 0]
    outputs = [network.logits(summary), others]
    if spelled is None:
        return keras.Model(x, outputs)
    connected = keras.Input((CONNECTED_FRAMES, 1, WORDS.bands), name="connected")
    features = keras.layers.SpatialDropout2D(0.05)(network.features(connected, Whole()))
    phonemes = keras.layers.Conv2D(len(spelled.signs) + 1, 1)(features)[:, :, 0]
    return keras.Model([x, connected], [*outputs, phonemes])


def _connected(spelled: SpelledWords, noise: Float32, network: WordBase) -> ConnectedWords:
    """Return what makes windows of connected words, in much noise of many kinds."""
    maker = NoisyWindowMaker(noise, WORDS.floor, WORDS.ceiling, AUGMENTATION)
    field = FEATURE_STRIDE + look_back(network.features, FEATURE_STRIDE, (1, WORDS.bands))
    return ConnectedWords(spelled, maker, CONNECTED_FRAMES, field)


def _accuracy(tester: Any, words: WordImages, labels: tuple[str, ...]) -> float:
    """Return the share of images, in the middle of silence, that are named rightly."""
    if not len(words.images):
        return math.nan
    right = 0
    for start in range(0, len(words.images), TEST_BATCH):
        clips = to_frames(words.images[start : start + TEST_BATCH])
        frames = in_silence(clips, tester.input_shape[1])
        logits = np.asarray(tester(frames, training=False)).mean(axis=1)
        named = np.array(labels)[logits.argmax(axis=1)]
        right += int((named == words.words[start : start + TEST_BATCH]).sum())
    return right / len(words.images)
