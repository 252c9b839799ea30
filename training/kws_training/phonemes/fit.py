"""Trains a phoneme network by connectionist temporal classification."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.console import note
from kws.frontend import WORDS
from kws.phonemes.symbols import BLANK_INDEX, VOICE_INDEX

from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import SpectralAugmentation
from ..data.checkpoint import Checkpoint
from ..evaluation.edits import edit_distance
from ..fitting.ctc import ctc_loss
from ..fitting.loop import Batch, TrainingLoop, ahead
from ..networks.phoneme_network import OUTPUT_STRIDE, STEP_FRAMES, PhonemeBase, PhonemeNetwork
from ..networks.streaming import StepModel, step_model, whole_model
from ..progress import bar
from .data import PhonemeData
from .defaults import AUGMENTATION, VALIDATION, FitConfig, PhonemeOptions
from .evaluation import written
from .speech import Speech
from .windows import PhonemeBatch, PhonemeWindows, most_phonemes

#: Windows of a validation.
TESTED = 48


@dataclass(frozen=True, eq=False)
class FittedPhonemes:
    """A trained phoneme network.

    Attributes
    ----------
    step : StepModel
        Its streaming form, ready to convert.
    errors : float
        Phoneme error rate on the validation windows; nan if there are none.
    """

    step: StepModel
    errors: float


def fit(
    data: PhonemeData,
    options: PhonemeOptions,
    checkpoint: Checkpoint,
    start: PhonemeBase | None = None,
) -> FittedPhonemes:
    """Train a phoneme network, which has the averaged weights in the end.

    Parameters
    ----------
    data : PhonemeData
        Speech and noise.
    options : PhonemeOptions
        How it is trained.
    checkpoint : Checkpoint
        Keeps the state after each epoch, so that a run that was interrupted goes on.
    start : PhonemeBase, optional
        A network to go on from, in its shape.

    Returns
    -------
    FittedPhonemes
    """
    config = options.fit
    shape = options.shape if start is None else start.shape
    network = PhonemeNetwork(WORDS, shape)
    field = shape.receptive_field

    def windows_of(
        speech: Speech,
        augmentation: SpectralAugmentation,
        microphones: MicrophoneProfiles | None,
    ) -> PhonemeWindows:
        maker = NoisyWindowMaker(data.noise, WORDS.floor, WORDS.ceiling, augmentation)
        return PhonemeWindows(speech, maker, microphones, field, config)

    windows = windows_of(data.training, AUGMENTATION, data.microphones)
    if start is not None:
        rng = np.random.default_rng((options.seed, 4))
        network.unfold(start.weights, windows.batch(rng, config.batch).frames)
    step = step_model(network, STEP_FRAMES, (1, WORDS.bands))
    model = whole_model(network, windows.frames, (1, WORDS.bands))
    test = None
    if data.validation is not None:
        judged = windows_of(data.validation, VALIDATION, None)
        test = judged.batch(np.random.default_rng((options.seed, 1)), TESTED)
    steps = steps_per_epoch(data, config)
    loop = TrainingLoop(model, steps * config.epochs, config.descent, _objective(config))
    begin = 0
    saved = checkpoint.read()
    if saved is not None:
        begin, state = saved
        loop.restore(state)
        note(f"going on after epoch {begin}")
    rate = math.nan
    for epoch in range(begin, config.epochs):
        rng = np.random.default_rng((options.seed, 2, epoch))
        source = _batches(windows, rng, config.batch)
        what = f"epoch {epoch + 1}/{config.epochs}"
        numbers = bar(iter(range(steps)), steps, what)
        made = ahead(source.__next__, steps)
        losses = [loop.step(batch) for _, batch in zip(numbers, made, strict=True)]
        checkpoint.write(epoch + 1, loop.state())
        with loop.average.applied():
            rate = error_rate(model, test)
        note(
            f"epoch {epoch + 1:2}/{config.epochs}: loss {np.mean(losses):.3f}, "
            f"phoneme error rate {rate:.1%}"
        )
    model.set_weights(loop.average.weights)
    return FittedPhonemes(step, error_rate(model, test) if begin == config.epochs else rate)


def steps_per_epoch(data: PhonemeData, config: FitConfig) -> int:
    """Return how many batches hold as much audio as there is speech.

    Parameters
    ----------
    data : PhonemeData
        The speech.
    config : FitConfig
        Windows in a batch, and their output frames.
    """
    window = config.outputs * OUTPUT_STRIDE * WORDS.hop_seconds
    return max(1, math.ceil(data.training.seconds / (config.batch * window)))


def error_rate(model: Any, test: PhonemeBatch | None) -> float:
    """Return the phoneme error rate of a network on windows; nan without windows.

    Parameters
    ----------
    model : keras.Model
        From windows to logits.
    test : PhonemeBatch or None
        The windows.
    """
    if test is None:
        return math.nan
    wrong = total = 0
    for frames, phonemes in zip(test.frames, test.phonemes, strict=True):
        wanted = phonemes[phonemes >= 0].tolist()
        found = written(np.asarray(model(frames[None], training=False))[0])
        wrong += edit_distance(wanted, found)
        total += len(wanted)
    return wrong / max(total, 1)


def _batches(windows: PhonemeWindows, rng: np.random.Generator, count: int) -> Iterator[Batch]:
    while True:
        one = windows.batch(rng, count)
        yield Batch(one.frames, [one.phonemes], [one.voice])


def _objective(config: FitConfig) -> Any:
    """Return the loss: that of the phonemes, and that of the voice."""
    import tensorflow as tf

    order = [*range(BLANK_INDEX + 1, VOICE_INDEX), BLANK_INDEX]
    most = most_phonemes(config.outputs)

    def objective(_: Any, outputs: Any, targets: Any, weights: Any) -> Any:
        (logits,), (phonemes,), (voice,) = outputs, targets, weights
        counts = tf.reduce_sum(tf.cast(phonemes >= 0, tf.float32), 1)
        # `ctc_loss` has the blank last, and wants a phoneme where nobody speaks: it counts nothing
        written = tf.gather(logits, order, axis=2)
        first = tf.one_hot([0], most, dtype=phonemes.dtype)
        filled = phonemes + tf.cast(counts == 0, phonemes.dtype)[:, None] * first
        spoken = ctc_loss(filled, written, tf.math.divide_no_nan(1.0, counts))
        blank = -tf.nn.log_softmax(written)[:, :, -1]
        silent = tf.reduce_mean(tf.where(counts == 0, tf.reduce_mean(blank, 1), 0.0))
        speaks = tf.nn.sigmoid_cross_entropy_with_logits(voice, logits[:, :, VOICE_INDEX])
        return spoken + silent + config.voice * tf.reduce_mean(speaks)

    return objective
