"""Trains a student of wake words on windows of a stream, from labels and from its teachers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kws.arrays import Float32, Int64, UInt8
from kws.micro_frontend import CHANNELS
from kws_training.fitting.loop import Batch, Descent, Objective, TrainingLoop, ahead
from kws_training.networks.streaming import Network, StepModel, step_model, whole_model
from kws_training.progress import bar
from kws_training.wake_words.fit import LABEL_WEIGHT, distillation_loss, wake_loss
from kws_training.wake_words.mining import pick_peaks

from ..students.micro import STRIDE
from .streams import NOTHING, HeardStream, to_frames

#: Results in a training window: 0.72 s.
RESULTS = 24
#: Results with a phrase, and without, whose mean counts: 0.15 and 0.3 s, as of other wake words.
POSITIVE_TOP_K, NEGATIVE_TOP_K = 5, 10
#: Results of a phrase that a window has, at least.
LEAST_DUE = 6
#: Windows on which the student fired by mistake, at most, and results between two of them.
MOST_MINED, MINED_DISTANCE = 600, 33
#: Results that a network hears at once when it listens to a stream.
LISTENED = 1000
#: Steps whose mean loss is told.
LOSS_STEPS = 50


@dataclass(frozen=True)
class FitConfig:
    """How a student is trained.

    Attributes
    ----------
    steps : int
        Training steps in all.
    rounds : int
        Equal parts of the steps; after each but the last, negatives are mined.
    positives, negatives, mined : int
        Windows in a batch: with a phrase, without, and on which the student fired by mistake.
    descent : Descent
        Learning rate, weight decay and averaging.
    """

    steps: int = 1500
    rounds: int = 4
    positives: int = 24
    negatives: int = 20
    mined: int = 20
    descent: Descent = field(
        default_factory=lambda: Descent(3e-3, 1e-3, averaging=0.99, floor=1e-2)
    )


class WindowSampler:
    """Draws training windows of a stream.

    Parameters
    ----------
    stream : HeardStream
        What is learned from.
    frames : int
        Frames of a window.
    """

    def __init__(self, stream: HeardStream, frames: int) -> None:
        self._stream = stream
        self._frames = frames
        # no window begins before the stream, whose first frames are those of silence
        self._padded = np.pad(stream.frames, ((frames, 0), (0, 0)))
        said = stream.said
        starts = np.flatnonzero((said >= 0) & (np.append(NOTHING, said[:-1]) != said))
        self.phrases = said[starts]
        self._starts = starts
        # windows of which all results are without a phrase, by their last result
        run = np.convolve(said == NOTHING, np.ones(RESULTS, np.int64))[: len(said)]
        self.negatives = np.flatnonzero(run == RESULTS)

    def frames(self, ends: Int64) -> Float32:
        """Return the frames of windows, float32 (n, frames, 1, 40), by their last results.

        Parameters
        ----------
        ends : int64 (n,)
            Numbers of the last results.
        """
        first = STRIDE * (ends + 1)  # in the padded stream
        rows = first[:, None] + np.arange(self._frames)
        return to_frames(self._padded[rows])[:, :, None]

    def batch(self, rng: np.random.Generator, config: FitConfig, mined: Int64) -> Batch:
        """Draw a batch.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        config : FitConfig
            How many windows of each kind.
        mined : int64 (n,)
            Last results of windows on which the student fired by mistake.
        """
        chosen = rng.integers(0, len(self._starts), config.positives)
        late = rng.integers(LEAST_DUE - 1, RESULTS, config.positives)
        ends = [np.minimum(self._starts[chosen] + late, len(self._stream.said) - 1)]
        plain = config.negatives + (0 if len(mined) else config.mined)
        ends.append(rng.choice(self.negatives, plain))
        if len(mined):
            ends.append(rng.choice(mined, config.mined))
        last = np.concatenate(ends)
        phrase = np.full(len(last), NOTHING, np.int64)
        phrase[: config.positives] = self.phrases[chosen]
        rows = np.maximum(last[:, None] - np.arange(RESULTS)[::-1], 0)
        due = (self._stream.said[rows] == phrase[:, None]) & (phrase >= 0)[:, None]
        logits = self._stream.teacher_logits[rows]
        one_hot = (phrase[:, None] == np.arange(logits.shape[2])).astype(np.float32)
        return Batch(self.frames(last), [one_hot, logits], [due.astype(np.float32)])


def fit_student(
    network: Network,
    stream: HeardStream,
    config: FitConfig,
    seed: int,
    report: Callable[[str], None],
) -> StepModel:
    """Train a student, which has the averaged weights in the end.

    Parameters
    ----------
    network : Network
        The student, its weights drawn at random.
    stream : HeardStream
        What it learns from.
    config : FitConfig
        How it is trained.
    seed : int
        Seed of the windows.
    report : callable
        Called with a message after each round.

    Returns
    -------
    StepModel
        The streaming form of the student, ready to convert.
    """
    step = step_model(network, STRIDE, (1, CHANNELS))
    frames = step.receptive_field + STRIDE * (RESULTS - 1)
    model = whole_model(network, frames, (1, CHANNELS))
    sampler = WindowSampler(stream, frames)
    loop = TrainingLoop(model, config.steps, config.descent, _objective())
    mined: Int64 = np.empty(0, np.int64)
    rng = np.random.default_rng((seed, 3))
    per_round = -(-config.steps // config.rounds)
    for number in range(config.rounds):
        steps = min(per_round, config.steps - number * per_round)
        losses = list(_steps(loop, sampler, rng, config, mined, steps, f"round {number + 1}"))
        text = f"round {number + 1} of {config.rounds}: loss {np.mean(losses[-LOSS_STEPS:]):.3f}"
        if number + 1 < config.rounds:
            with loop.average.applied():
                logits = listen(network, step.receptive_field, stream.frames)
            mined = _mine(logits, sampler)
            text += f", {len(mined)} windows to fire less on"
        report(text)
    model.set_weights(loop.average.weights)
    return step


def listen(network: Network, field_frames: int, frames: UInt8) -> Float32:
    """Return the logits of a stream, float32 (results, phrases).

    Parameters
    ----------
    network : Network
        A student.
    field_frames : int
        Frames that a result depends on.
    frames : uint8 (frames, 40)
        The stream, as `streams.to_bytes` has it.
    """
    before = field_frames - STRIDE
    size = LISTENED * STRIDE
    model = whole_model(network, size + before, (1, CHANNELS))
    results = len(frames) // STRIDE
    count = -(-len(frames) // size)
    padded = np.pad(frames, ((before, count * size - len(frames)), (0, 0)))
    found = [
        np.asarray(model(to_frames(padded[n * size : (n + 1) * size + before])[None, :, None])[0])
        for n in range(count)
    ]
    return np.concatenate(found)[:results]


def _objective() -> Objective:
    """Return what a student minimizes: the labels' loss, and what it differs from its teachers."""

    def objective(inputs: Any, outputs: list[Any], targets: list[Any], weights: list[Any]) -> Any:
        (logits,), (phrases, teachers), (due,) = outputs, targets, weights
        labels = wake_loss(logits, phrases, due, POSITIVE_TOP_K, NEGATIVE_TOP_K)
        return LABEL_WEIGHT * labels + distillation_loss(logits, teachers, NEGATIVE_TOP_K)

    return objective


def _steps(
    loop: TrainingLoop,
    sampler: WindowSampler,
    rng: np.random.Generator,
    config: FitConfig,
    mined: Int64,
    steps: int,
    what: str,
) -> Iterator[float]:
    """Take the steps of a round; yields their losses."""
    numbers = bar(iter(range(steps)), steps, what)
    batches = ahead(lambda: sampler.batch(rng, config, mined), steps)
    for _, batch in zip(numbers, batches, strict=True):
        yield loop.step(batch)


def _mine(logits: Float32, sampler: WindowSampler) -> Int64:
    """Return the last results of the windows without a phrase on which a student fires most."""
    highest = np.full(len(logits), -np.inf, np.float64)
    highest[sampler.negatives] = logits.max(axis=1)[sampler.negatives]
    peaks = pick_peaks(highest, MINED_DISTANCE, MOST_MINED)
    peaks = peaks[np.isfinite(highest[peaks])]
    # the peak is in the middle of its window where that is free of phrases
    later = np.minimum(peaks + RESULTS // 2, len(logits) - 1)
    free = np.isin(later, sampler.negatives)
    return np.where(free, later, peaks)
