"""How long one step takes here: front end, network, detector, and all of it together.

Each time is taken by `time.perf_counter_ns` around work whose arrays exist already, after a
warm-up (the first steps fault memory in and fill caches), on noise that went through the model's
own front end: frames of zeros would be no work that occurs. The garbage collector is off while
time is taken, and back on between slices: when it runs depends on what else the process has
allocated, this measurement included, so that its milliseconds would land on some step by chance.
An app has it on; so has `kws.bench.measure`, where it streams in real time.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..arrays import Float32
from ..detector import Detector
from ..errors import KwsError, ModelError
from ..frontend import open_front_end
from ..metadata import Metadata, SegmenterDefaults
from ..modelfile import ModelFile
from ..posteriors import sigmoid, softmax
from ..segmenter import Segmenter
from ..spotter import KeywordSpotter
from ..verification import open_network

#: One step of some work; the number says which of the prepared inputs it takes.
Work = Callable[[int], object]
Nanoseconds = npt.NDArray[np.int64]

#: Steps whose times are thrown away first.
WARM_UP = 50
#: Different steps of noise that are prepared and taken in turn.
PREPARED = 64
#: Standard deviation of the noise, about 32 dB below full scale: as loud as quiet speech.
LEVEL = 0.025


@dataclass(frozen=True)
class StepTimes:
    """How long one step took, in seconds.

    Attributes
    ----------
    median, p90, p99, largest : float
        The percentiles are times that were measured, none between two: of fewer than 100 steps,
        ``p99`` is the largest.
    steps : int
        How many were measured.
    threads : int
        Threads of the interpreter.
    """

    median: float
    p90: float
    p99: float
    largest: float
    steps: int
    threads: int


def summary(taken: Nanoseconds, threads: int) -> StepTimes:
    """Return the summary of measured steps.

    Parameters
    ----------
    taken : int64 (steps,)
        Nanoseconds of each; at least one.
    threads : int
        Threads of the interpreter.

    Returns
    -------
    StepTimes
    """
    p90, p99 = np.percentile(taken, (90, 99), method="higher")
    return StepTimes(
        median=float(np.median(taken)) / 1e9,
        p90=float(p90) / 1e9,
        p99=float(p99) / 1e9,
        largest=float(taken.max()) / 1e9,
        steps=len(taken),
        threads=threads,
    )


def measure(work: Work, steps: int, first: int = 0) -> Nanoseconds:
    """Do some steps of work, one right after the other, and return how long each took.

    Parameters
    ----------
    work : callable
        Of the functions below; warmed up.
    steps : int
        How many are measured.
    first : int
        Number of the first step, for work that is measured in slices.

    Returns
    -------
    int64 (steps,)
        Nanoseconds.
    """
    taken = np.zeros(steps, np.int64)
    clock = time.perf_counter_ns
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for number in range(steps):
            start = clock()
            work(first + number)
            taken[number] = clock() - start
    finally:
        if collecting:
            gc.enable()
    return taken


def warm_up(work: Work) -> None:
    """Do the steps whose times do not count.

    Parameters
    ----------
    work : callable
        Any of the functions below.
    """
    for number in range(WARM_UP):
        work(number)


def noise(model: ModelFile) -> Float32:
    """Return the audio of `PREPARED` steps of noise, the same each time: float32 (steps, hop).

    Parameters
    ----------
    model : ModelFile
        A checked model file.

    Returns
    -------
    Float32 (steps, hop)
        Samples, -1 .. 1.
    """
    metadata = model.metadata
    shape = PREPARED, metadata.streaming.frames * metadata.front_end.hop
    samples = np.random.default_rng(0).standard_normal(shape, np.float32)
    samples *= LEVEL
    return samples


def noise_frames(model: ModelFile) -> Float32:
    """Return the front-end frames of `noise`: float32 (steps, frames, bands).

    Parameters
    ----------
    model : ModelFile
        A checked model file.

    Returns
    -------
    Float32 (steps, frames, bands)
        Log-mel frames.
    """
    front_end, frames = model.metadata.front_end, model.metadata.streaming.frames
    samples = noise(model).reshape(-1)
    # once more from the start, so that the last step has all of its samples
    found = open_front_end(front_end, frames).push(np.concatenate([samples, samples]))
    return found[: PREPARED * frames].reshape(PREPARED, frames, front_end.bands)


def front_end_work(model: ModelFile) -> Work:
    """Return the front end alone: the samples of one step in, its frames out.

    Parameters
    ----------
    model : ModelFile
        A checked model file.

    Returns
    -------
    callable
        Does the step of a number.
    """
    front_end = open_front_end(model.metadata.front_end, model.metadata.streaming.frames)
    samples = noise(model)
    return lambda number: front_end.push(samples[number % PREPARED])


def network_work(model: ModelFile, threads: int = 1) -> Work:
    """Return the network alone: frames and states in, logits and states out.

    Where there is a verifier, the frames are kept for it, and noise is not what it is asked about.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    threads : int
        Threads of the interpreter.

    Returns
    -------
    callable
        Does the step of a number.
    """
    network = open_network(model, threads)
    frames = noise_frames(model)
    return lambda number: network.step(frames[number % PREPARED])


def detector_work(model: ModelFile) -> Work:
    """Return what follows the network: posteriors, smoothing, thresholds, refractory period.

    To find where a detected word was is left out: it happens once per word, not per step.

    Parameters
    ----------
    model : ModelFile
        A checked model file.

    Returns
    -------
    callable
        Does the step of a number.
    """
    metadata = model.metadata
    network = open_network(model)
    logits = np.stack([network.step(frames).copy() for frames in noise_frames(model)])
    detector = _detector(metadata, network.columns)
    scores = softmax if metadata.exclusive else sigmoid

    def step(number: int) -> None:
        for posteriors in scores(logits[number % PREPARED]):
            detector.update(posteriors)

    return step


def spotter_work(model: ModelFile, threads: int = 1) -> Work:
    """Return a whole step, `KeywordSpotter.process` of its samples.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    threads : int
        Threads of the interpreter.

    Returns
    -------
    callable
        Does the step of a number.
    """
    spotter = KeywordSpotter(model, threads=threads)
    samples = noise(model)
    return lambda number: spotter.process(samples[number % PREPARED])


def always_asked(model: ModelFile) -> ModelFile:
    """Return a model whose verifier is asked in every step.

    Parameters
    ----------
    model : ModelFile
        A checked model file with a verifier.

    Returns
    -------
    ModelFile
        The same with gates of 0.

    Raises
    ------
    ModelError
        If the model has no verifier.
    """
    verifier = model.metadata.verifier
    if verifier is None:
        raise ModelError(f"{model.path}: has no verifier")
    asked = replace(verifier, gates=dict.fromkeys(verifier.gates, 0.0))
    return replace(model, metadata=replace(model.metadata, verifier=asked))


def network_times(model: ModelFile, steps: int = 300, threads: int = 1) -> StepTimes:
    """Measure the network alone, step by step.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    steps : int
        How many are measured, at least one.
    threads : int
        Threads of the interpreter.

    Returns
    -------
    StepTimes

    Raises
    ------
    KwsError
        If fewer than one step is asked for, or the network does not match the file's metadata.
    """
    return _times(network_work(model, threads), steps, threads)


def front_end_times(model: ModelFile, steps: int = 300) -> StepTimes:
    """Measure the front end alone; see `network_times`.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    steps : int
        How many are measured, at least one.

    Returns
    -------
    StepTimes
    """
    return _times(front_end_work(model), steps, 1)


def detector_times(model: ModelFile, steps: int = 300) -> StepTimes:
    """Measure what follows the network; see `network_times` and `detector_work`.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    steps : int
        How many are measured, at least one.

    Returns
    -------
    StepTimes
    """
    return _times(detector_work(model), steps, 1)


def spotter_times(model: ModelFile, steps: int = 300, threads: int = 1) -> StepTimes:
    """Measure whole steps, from samples to detections; see `network_times`.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    steps : int
        How many are measured, at least one.
    threads : int
        Threads of the interpreter.

    Returns
    -------
    StepTimes
    """
    return _times(spotter_work(model, threads), steps, threads)


def _times(work: Work, steps: int, threads: int) -> StepTimes:
    if steps < 1:
        raise KwsError(f"{steps} steps cannot be measured: give 1 or more")
    warm_up(work)
    return summary(measure(work, steps), threads)


def _detector(metadata: Metadata, columns: int) -> Detector | Segmenter:
    seconds = metadata.streaming.frames * metadata.front_end.hop_seconds / columns
    if isinstance(metadata.detector, SegmenterDefaults):
        return Segmenter(metadata.labels, metadata.detector, seconds)
    return Detector(metadata.labels, metadata.detector, seconds, metadata.exclusive)
