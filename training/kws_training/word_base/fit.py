"""Trains a word base on several things at once.

They are: which of the labels a word is, which of all words there are, which phonemes words in a
row are made of (`connected`), and, with a teacher, what it says of speech (`taught`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float64
from kws.console import note
from kws.frontend import WORDS

from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import WindowMaker
from ..augmentation.windows import WindowShape
from ..data.checkpoint import Checkpoint
from ..data.images import WordImages, in_silence, to_frames
from ..fitting.ctc import ctc_loss
from ..fitting.loop import (
    Batch,
    OutputLoss,
    TrainingLoop,
    ahead,
    cross_entropy,
    weighted_losses,
)
from ..networks.speech_embedding import SIZE
from ..networks.streaming import StepModel, Whole, look_back, step_model, whole_model
from ..networks.word_base import FEATURE_STRIDE, RESULT_STRIDE, Base, WordBase
from ..progress import bar
from .batches import Windows, WordBatches, beside_words
from .connected import AUGMENTATION, ConnectedWords
from .data import WordBaseData
from .defaults import (
    CONNECTED_FRAMES,
    HEAVY,
    LIGHT,
    RESULTS,
    TAUGHT_FRAMES,
    FitConfig,
    WordBaseOptions,
)
from .taught import TaughtWindows, embedding_loss

#: Images that are tested together.
TEST_BATCH = 256
#: Results of a test window that are averaged, besides the first.
TEST_RESULTS = 4
#: Smallest probability of a label by which its logit is adjusted.
MIN_PRIOR = 1e-6


@dataclass(frozen=True, eq=False)
class _Auxiliary:
    """A further thing to learn, from windows of its own, by an output that is dropped in the end.

    Attributes
    ----------
    windows : Windows
        Makes its windows.
    count : int
        How many of them are in a batch.
    frames : int
        Number of frames of such a window.
    output : callable
        From features of a window to the output.
    share : float
        How much its loss counts.
    loss : OutputLoss
        Its loss.
    """

    windows: Windows
    count: int
    frames: int
    output: Callable[[Any], Any]
    share: float
    loss: OutputLoss


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
    auxiliaries = _auxiliaries(data, network, config)
    model = _training_model(network, window.frames, len(data.training.words), auxiliaries)
    if start is not None and folded:
        network.load(start.weights_for(labels))
    field = step.receptive_field + TEST_RESULTS * RESULT_STRIDE
    tester = whole_model(network, field, (1, WORDS.bands))
    per_epoch = math.ceil(data.training.people / batches.people)
    loop = TrainingLoop(
        model,
        per_epoch * config.epochs,
        config.descent,
        weighted_losses(
            [1.0, config.others, *(one.share for one in auxiliaries)],
            [cross_entropy, cross_entropy, *(one.loss for one in auxiliaries)],
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
        for number, one in enumerate(auxiliaries):
            rng = np.random.default_rng((options.seed, epoch, 1 + number))
            source = beside_words(source, one.windows, rng, one.count)
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
    bias = network.output.bias
    bias.assign(np.asarray(bias) - np.log(np.maximum(share, MIN_PRIOR)))
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
    network: WordBase, frames: int, words: int, auxiliaries: Sequence[_Auxiliary]
) -> Any:
    """Build the training model: logits of the labels, of all words there are, and the others."""
    import keras

    x = keras.Input((frames, 1, WORDS.bands), name="frames")
    summary = network.summary(x, Whole())
    others = keras.layers.Conv2D(words, 1)(summary)[:, :, 0]
    inputs, outputs = [x], [network.logits(summary), others]
    for one in auxiliaries:
        inputs.append(keras.Input((one.frames, 1, WORDS.bands)))
        features = network.features(inputs[-1], Whole())
        outputs.append(one.output(features))
    return keras.Model(inputs if auxiliaries else x, outputs)


def _auxiliaries(data: WordBaseData, network: WordBase, config: FitConfig) -> list[_Auxiliary]:
    """Return the further things to learn: phonemes, and what a teacher says."""
    field = FEATURE_STRIDE + look_back(network.features, FEATURE_STRIDE, (1, WORDS.bands))
    found = []
    if data.spelled is not None:
        signs = len(data.spelled.signs)
        maker = NoisyWindowMaker(data.noise, WORDS.floor, WORDS.ceiling, AUGMENTATION)
        connected = ConnectedWords(data.spelled, maker, CONNECTED_FRAMES, field)
        found.append(
            _Auxiliary(
                connected,
                config.connected,
                CONNECTED_FRAMES,
                lambda features: _phoneme_logits(features, signs),
                config.phonemes,
                ctc_loss,
            )
        )
    if data.taught is not None:
        taught = TaughtWindows(data.taught, data.noise, TAUGHT_FRAMES, field)
        found.append(
            _Auxiliary(
                taught, config.taught, TAUGHT_FRAMES, _embeddings, config.teacher, embedding_loss
            )
        )
    return found


def _phoneme_logits(features: Any, signs: int) -> Any:
    """Return logits of phonemes and of none, of each output frame of the features."""
    import keras

    features = keras.layers.SpatialDropout2D(0.05)(features)
    return keras.layers.Conv2D(signs + 1, 1)(features)[:, :, 0]


def _embeddings(features: Any) -> Any:
    """Return embeddings as the teacher's, of every second output frame of the features."""
    import keras

    return keras.layers.Conv2D(SIZE, 1)(features[:, ::2])[:, :, 0]


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
