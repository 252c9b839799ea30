"""Trains students on windows of words: from labels alone, or from labels and teachers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, UInt8
from kws.frontend import WORDS
from kws.metadata import SILENCE, UNKNOWN
from kws_training.augmentation.spectra import WindowMaker
from kws_training.augmentation.windows import (
    ALL_OF_IT,
    NEITHER,
    WindowShape,
    share_seen,
    window_targets,
)
from kws_training.data.checkpoint import Checkpoint
from kws_training.data.images import in_silence
from kws_training.fitting.loop import (
    Batch,
    Descent,
    Objective,
    TrainingLoop,
    ahead,
    cross_entropy,
    weighted_losses,
)
from kws_training.networks.streaming import Network, StepModel, step_model, whole_model
from kws_training.progress import bar
from kws_training.word_base.defaults import HEAVY, LIGHT

from .examples import StudentData
from .negatives import NegativeWindows
from .teachers import FrameTeacher, softened

#: Results per training window.
RESULTS = 2
#: Steps in an epoch, at least: a few clips are gone through several times.
LEAST_STEPS = 40
#: Share of the results of negatives whose mean loss counts in full: the highest ones
#: (hard examples: A. Shrivastava et al., CVPR 2016, arXiv 1604.03540).
NEGATIVE_TOP_SHARE = 1 / 8
#: How much the mean loss of all results of negatives counts, beside that of the highest.
MEAN_WEIGHT = 0.3


@dataclass(frozen=True)
class FitConfig:
    """How students are trained.

    Attributes
    ----------
    epochs, batch : int
        An epoch is as many windows as there are clips.
    light : float
        Share of the epochs, the last ones, with lighter augmentation.
    silence : float
        Share of each batch that is windows without any word.
    label_smoothing : float
        Share of each target that is spread evenly over all labels.
    label_share : float
        Of the loss that is the labels'; the rest is the teachers'.
    temperature : float
        By which the logits of teachers and student are divided for the teachers' part of the
        loss, which then counts temperature squared (arXiv 1503.02531, section 2).
    negatives : int
        Windows without keywords in a batch, beside the others, where there are any.
    rejection : float
        How much the loss of these counts.
    kept : float
        Share of the weights that a student begins with, in those that it ends with.
    descent : Descent
        Learning rate, weight decay and averaging.
    """

    epochs: int = 24
    batch: int = 128
    light: float = 0.4
    silence: float = 1 / 12
    label_smoothing: float = 0.05
    label_share: float = 0.4
    temperature: float = 2.0
    negatives: int = 64
    rejection: float = 1.0
    kept: float = 0.0
    descent: Descent = field(default_factory=Descent)


def going_on_with(epochs: int, kept: float) -> FitConfig:
    """Return how a student that has been trained before is trained on.

    Gently, and near to what is judged: the weights are good already.

    Parameters
    ----------
    epochs : int
        Passes over the clips.
    kept : float
        As `FitConfig` has it.
    """
    return FitConfig(epochs=epochs, light=1.0, kept=kept, descent=Descent(learning_rate=1e-3))


@dataclass(frozen=True)
class StudentNetwork:
    """A network to train, and whether teachers help.

    Attributes
    ----------
    network : callable
        ``network(x, time)``, as `kws_training.networks.streaming` has it.
    taught : bool
        False: from labels alone.
    """

    network: Network
    taught: bool


#: Makes a teacher of so many windows of so many frames.
Listen = Callable[[int, int], FrameTeacher]
#: Maps clips (n, 98, bands) to logits (n, labels), by the averaged weights.
Predict = Callable[[Float32], Float32]
#: Takes the number of the epoch, and each student's loss and `Predict`.
Report = Callable[[int, Sequence[float], Sequence[Predict]], None]


def train_students(
    students: Sequence[StudentNetwork],
    data: StudentData,
    rejected: Callable[[int], Sequence[UInt8]],
    noise: Float32,
    labels: tuple[str, ...],
    teachers: Sequence[Listen],
    stride: int,
    config: FitConfig,
    seed: int,
    checkpoint: Checkpoint,
    report: Report,
) -> list[StepModel]:
    """Train students side by side: each batch, augmented once, is heard by all and by the teachers.

    Parameters
    ----------
    students : sequence of StudentNetwork
        One network several times over: all begin with the weights of the first.
    data : StudentData
        The clips to learn from.
    rejected : callable
        Takes the number of an epoch; returns recordings in which there is no keyword, uint8
        (frames, bands) each. None trains as if there were none.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    labels : tuple of str
        The students' labels.
    teachers : sequence of callable
        Those who judge frames; what others said of recordings is in the data.
    stride : int
        Front-end frames per result.
    config : FitConfig
        How they are trained.
    seed : int
        Seed of the batches.
    checkpoint : Checkpoint
        A training that was stopped goes on from here.
    report : callable
        Called after each epoch.

    Returns
    -------
    list of StepModel
        The streaming form of each student, ready to convert.
    """
    steps = [step_model(one.network, stride, (1, WORDS.bands)) for one in students]
    window = WindowShape(steps[0].receptive_field, stride, RESULTS)
    keywords = np.array([n for n, one in enumerate(labels) if one not in (SILENCE, UNKNOWN)])
    models = [
        _training_model(student, window.frames, None if not student.taught else config.temperature)
        for student in students
    ]
    for model in models[1:]:  # what they begin with must not be what makes the difference
        model.set_weights(models[0].get_weights())
    beginnings = [model.get_weights() for model in models]
    silences = round(config.batch * config.silence)
    words = config.batch - silences
    per_epoch = max(LEAST_STEPS, len(data.images) // words)
    loops = [
        TrainingLoop(
            model, per_epoch * config.epochs, config.descent, _objective(config, student.taught)
        )
        for model, student in zip(models, students, strict=True)
    ]
    listening = [teacher(config.batch, window.frames) for teacher in teachers]
    judge = [
        clip_judge(student.network, step) for student, step in zip(students, steps, strict=True)
    ]

    begin = 0
    saved = checkpoint.read()
    if saved is not None:
        begin, arrays = saved
        for loop in loops:
            size = len(loop.state())
            loop.restore(arrays[:size])
            arrays = arrays[size:]
    for epoch in range(begin, config.epochs):
        light = epoch >= round(config.epochs * (1 - config.light))
        maker = WindowMaker(noise, WORDS.floor, WORDS.ceiling, LIGHT if light else HEAVY)
        negatives = None
        recordings = rejected(epoch)
        if recordings:
            negatives = NegativeWindows(recordings, maker, window, seed * 1000 + epoch)
            with loops[0].average.applied():
                negatives.mine(students[0].network, keywords)
        batches = _batches(
            np.random.default_rng((seed, epoch)),
            maker,
            data,
            negatives,
            silences,
            words,
            window,
            labels,
            listening,
            config,
        )
        losses = np.zeros(len(students))
        source = ahead(lambda batches=batches: next(batches), per_epoch)  # type: ignore[misc]
        numbers = bar(iter(range(per_epoch)), per_epoch, f"epoch {epoch + 1}/{config.epochs}")
        for _, (alone, together) in zip(numbers, source, strict=True):
            for number, (loop, student) in enumerate(zip(loops, students, strict=True)):
                losses[number] += loop.step(together if student.taught else alone) / per_epoch
        checkpoint.write(epoch + 1, [array for loop in loops for array in loop.state()])
        predicts = [_averaged(loop, predict) for loop, predict in zip(loops, judge, strict=True)]
        report(epoch + 1, losses.tolist(), predicts)
    for model, loop, begun in zip(models, loops, beginnings, strict=True):
        weights = zip(begun, loop.average.weights, strict=True)
        model.set_weights([config.kept * a + (1 - config.kept) * b for a, b in weights])
    return steps


def _objective(config: FitConfig, taught: bool) -> Objective:
    """Return what a student minimizes: the labels' loss, its teachers', and that of negatives."""
    if not taught:
        return weighted_losses([1.0, config.rejection], [cross_entropy, rejection_loss])
    shares = config.label_share, (1 - config.label_share) * config.temperature**2
    return weighted_losses(
        [*shares, config.rejection], [cross_entropy, cross_entropy, rejection_loss]
    )


def rejection_loss(allowed: Any, logits: Any, weights: Any) -> Any:
    """Return the loss of windows without a keyword: minus ln(1 - the keywords' probability).

    It is the mean over the highest eighth of the results, plus 0.3 times the mean over all.

    Parameters
    ----------
    allowed : float32 (n, results, labels)
        1 for the labels that are no keyword, 0 for the keywords.
    logits : float32 (n, results, labels)
        What the network gives.
    weights : float32 (n, results)
        1 for results of such windows, 0 for the others.
    """
    import tensorflow as tf

    others = tf.reduce_logsumexp(tf.where(allowed > 0, logits, -1e9), axis=-1)
    each = (tf.reduce_logsumexp(logits, axis=-1) - others) * weights
    count = tf.reduce_sum(weights)
    most = tf.cast(tf.math.ceil(count * NEGATIVE_TOP_SHARE), tf.int32)
    highest = tf.math.top_k(tf.reshape(each, [-1]), most).values
    return tf.math.divide_no_nan(
        tf.reduce_sum(highest), tf.cast(most, tf.float32)
    ) + MEAN_WEIGHT * tf.math.divide_no_nan(tf.reduce_sum(each), count)


def _training_model(student: StudentNetwork, frames: int, temperature: float | None) -> Any:
    """Build the model of whole windows: logits, those divided by the temperature, and logits."""
    import keras

    model = whole_model(student.network, frames, (1, WORDS.bands))
    logits = model.outputs[0][:, -RESULTS:]
    softer = [] if temperature is None else [logits / temperature]
    # the same twice: there is a loss for each
    return keras.Model(model.inputs, [logits, *softer, logits])


def clip_judge(network: Network, step: StepModel) -> Predict:
    """Return what judges clips in the middle of silence, by the network's present weights.

    Parameters
    ----------
    network : callable
        ``network(x, time)``.
    step : StepModel
        Its streaming form.
    """
    judge = whole_model(network, step.receptive_field + 4 * step.stride, (1, WORDS.bands))

    def predict(clips: Float32) -> Float32:
        frames = in_silence(clips, judge.input_shape[1])
        return np.asarray(judge.predict(frames, batch_size=256, verbose=0).mean(axis=1))

    return predict


def _averaged(loop: TrainingLoop, predict: Predict) -> Predict:
    def judged(clips: Float32) -> Float32:
        with loop.average.applied():
            return predict(clips)

    return judged


def _batches(
    rng: np.random.Generator,
    maker: WindowMaker,
    data: StudentData,
    negatives: NegativeWindows | None,
    silences: int,
    words: int,
    window: WindowShape,
    labels: tuple[str, ...],
    teachers: Sequence[FrameTeacher],
    config: FitConfig,
) -> Iterator[tuple[Batch, Batch]]:
    """Make batches of words, silence and negatives, for students without teachers and with them.

    What no label says (speech without labels; results that see a part of a word) the teachers
    say alone.
    """
    unknown, silence = labels.index(UNKNOWN), labels.index(SILENCE)
    no_keyword = np.zeros(len(labels), np.float32)
    no_keyword[[unknown, silence]] = 1.0
    share = data.shares
    while True:
        rows = rng.choice(len(data.images), words, p=share)
        said = data.labels[rows]
        clips = maker.words(
            rng,
            data.frames(rows),
            data.frames(rng.permutation(rows)),
            window.frames,
            window.receptive_field - 2,
        )
        frames = np.concatenate([clips.frames, maker.silence(rng, silences, window.frames)])
        frames = frames[:, :, None]
        wanted = window_targets(window, clips.first, clips.last + 1, said, labels)
        labelled = (wanted != NEITHER) & (said >= 0)[:, None]
        whole = share_seen(window, clips.first, clips.last + 1) >= ALL_OF_IT
        targets = np.eye(len(labels), dtype=np.float32)[np.maximum(wanted, 0)]
        # a part of a word may well be silence to the network: it is only never a keyword
        parts = (wanted == unknown) & ~whole
        targets[parts] = 0.0
        targets[parts, unknown] = 0.7
        targets[parts, silence] = 0.3
        quiet = np.zeros((silences, window.results, len(labels)), np.float32)
        quiet[..., silence] = 1.0
        targets = np.concatenate([targets, quiet])
        smooth = targets * (1 - config.label_smoothing) + config.label_smoothing / len(labels)
        weight = np.ones(targets.shape[:2], np.float32)
        weight[:words] = labelled
        judged, heard = _judged(
            frames,
            targets,
            whole,
            data.teacher_posteriors[rows],
            data.teacher_count,
            teachers,
            config.temperature,
        )
        if negatives is not None:
            more = negatives.draw(rng, config.negatives)[:, :, None]
            frames = np.concatenate([frames, more])
            # what they are, and what teachers take them for, does not count
            smooth, judged = (_with_rows(one, len(more)) for one in (smooth, judged))
            weight, heard = (_with_rows(one, len(more)) for one in (weight, heard))
        rejects = np.zeros(weight.shape, np.float32)
        rejects[config.batch :] = 1.0
        allowed = np.broadcast_to(no_keyword, smooth.shape)
        yield (
            Batch(frames, [smooth, allowed], [weight, rejects]),
            Batch(frames, [smooth, judged, allowed], [weight, heard, rejects]),
        )


def _with_rows(array: Float32, count: int) -> Float32:
    """Put rows of zeros behind an array."""
    return np.concatenate([array, np.zeros((count, *array.shape[1:]), np.float32)])


def _judged(
    frames: Float32,
    targets: Float32,
    whole: npt.NDArray[np.bool_],
    teacher_posteriors: Float32,
    teacher_count: int,
    teachers: Sequence[FrameTeacher],
    temperature: float,
) -> tuple[Float32, Float32]:
    """Return the teachers' posteriors of each result, and where there are any.

    Teachers of frames judge every window as it is. What a teacher of waveforms said of a
    recording holds for the results that see all of it.
    """
    judged, heard = targets, np.zeros(targets.shape[:2], np.float32)
    if teachers:
        logits = [teacher.logits(frames)[:, -targets.shape[1] :] for teacher in teachers]
        judged, heard = softened(logits, temperature), np.ones_like(heard)
    known = np.isfinite(teacher_posteriors[:, 0])
    if known.any():
        at = np.zeros(heard.shape, np.bool_)
        at[: len(whole)] = whole & known[:, None]
        row = np.nonzero(at)[0]
        # posteriors of waveforms are a mean over their teachers; every teacher counts alike
        others = judged[at] if teachers else 0.0
        judged = judged.copy()
        judged[at] = (teacher_count * teacher_posteriors[row] + len(teachers) * others) / (
            teacher_count + len(teachers)
        )
        heard[at] = 1.0
    return judged, heard
