"""What a student of wake words hears: augmented recordings one after another, as one long stream.

The front end of microWakeWord remembers: it takes off the noise that it has heard so far. So its
frames cannot be augmented, nor cut out of a recording and placed elsewhere, as log-mel images can;
the audio is augmented, and the student's front end hears it as a device would. The teachers hear
the same audio by their own front ends, and their scores are there at the same times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32, Int16, Int64, UInt8
from kws.micro_frontend import CEILING, MicroConfig, MicroFrontEnd
from kws.pcm import to_float32
from kws.spotter import KeywordSpotter
from kws_training.augmentation.augment import Augmentation, augment
from kws_training.progress import Progress

from ..students.micro import STRIDE

#: Samples per second.
RATE = MicroConfig().sample_rate
#: Value of a frame's channel per step of a byte: what int8 networks for this front end tell apart.
STEP = CEILING / 255
#: Frames from the end of a phrase to the first and to the last result in which it may be detected,
#: as `kws_training.wake_words.windows` has them: 40 ms before, 0.4 s after.
EARLIEST, LATEST = -4, 40
#: Frames after a phrase in which nothing is learned from labels: the room still sounds.
ECHO = 100
#: A result without a phrase; and one close to a phrase, of which no label says anything.
NOTHING, NEAR = -1, -2
#: Seconds of quiet around a recording, at most.
MOST_QUIET = 1.0
#: Samples of a piece that a long recording is cut into.
LONGEST_PIECE = 15 * RATE
#: Logits of teachers are clipped to this range on both sides of 0.
LARGEST_LOGIT = 12.0


@dataclass(frozen=True)
class Recording:
    """A recording that becomes part of the stream.

    Attributes
    ----------
    samples : int16 (n,)
        At 16 kHz.
    phrase : int
        Number of the wake word that is said in it, or `NOTHING`.
    begin, end : int
        Samples between which it is said.
    """

    samples: Int16
    phrase: int = NOTHING
    begin: int = 0
    end: int = 0


@dataclass(frozen=True)
class HeardStream:
    """A stream as student and teachers hear it.

    Attributes
    ----------
    frames : uint8 (frames, 40)
        Frames of the student's front end, in steps of `STEP`.
    teacher_logits : float32 (results, phrases)
        The mean of the teachers' logits when so many frames were heard.
    said : int64 (results,)
        Number of the phrase that may be detected in each result, `NOTHING` or `NEAR`.
    """

    frames: UInt8
    teacher_logits: Float32
    said: Int64

    @property
    def hours(self) -> float:
        """Length in hours."""
        return len(self.frames) * MicroConfig().hop_seconds / 3600


def to_bytes(frames: Float32) -> UInt8:
    """Turn frames of the front end into bytes, as int8 networks do.

    Parameters
    ----------
    frames : float32 (frames, 40)
        Values from 0 to about 26.
    """
    levels: UInt8 = np.clip(np.rint(frames / np.float32(STEP)), 0, 255).astype(np.uint8)
    return levels


def to_frames(values: UInt8) -> Float32:
    """Turn bytes into frames again.

    Parameters
    ----------
    values : uint8 (..., 40)
        As `to_bytes` made them.
    """
    return values.astype(np.float32) * np.float32(STEP)


def hear(
    recordings: Sequence[Recording],
    copies: int,
    teachers: Sequence[KeywordSpotter],
    augmentation: Augmentation,
    noise: Sequence[Float32],
    responses: Sequence[Float32],
    seed: int,
    progress: Progress,
) -> HeardStream:
    """Let student and teachers hear recordings in random order, each augmented anew.

    Parameters
    ----------
    recordings : sequence of Recording
        With and without phrases.
    copies : int
        Times that each recording with a phrase is heard; the others are heard once.
    teachers : sequence of KeywordSpotter
        They give a score for each phrase, in the order of the phrases' numbers.
    augmentation : Augmentation
        What happens to each recording.
    noise, responses : sequence of float32 (n,)
        Recordings of noise, and responses of rooms, at 16 kHz.
    seed : int
        Seed of the order and of the augmentation.
    progress : callable
        Shows how far the work is: `kws_training.progress.bar`, or what does the same.
    """
    pieces = [piece for one in recordings for piece in _pieces(one)]
    rows = [n for n, one in enumerate(pieces) for _ in range(copies if one.phrase >= 0 else 1)]
    order = np.random.default_rng(seed).permutation(rows)
    front_end = MicroFrontEnd(MicroConfig(), STRIDE)
    for teacher in teachers:
        teacher.reset()
    frames: list[UInt8] = []
    scores: list[list[Float32]] = [[] for _ in teachers]
    phrases: list[tuple[int, int, int]] = []  # number, begin and end in samples
    heard = 0
    for number in progress(iter(range(len(order))), len(order), "hearing"):
        rng = np.random.default_rng((seed, number))
        piece = pieces[order[number]]
        window, place = _place(rng, piece, augmentation, noise, responses)
        if piece.phrase >= 0:
            phrases.append((piece.phrase, heard + place[0], heard + place[1]))
        heard += len(window)
        frames.append(to_bytes(front_end.push(window)))
        for teacher, its in zip(teachers, scores, strict=True):
            its.append(teacher.process_posteriors(window))
    stacked = np.concatenate(frames)
    results = len(stacked) // STRIDE
    seconds = STRIDE * MicroConfig().hop_seconds
    logits = [
        _at_results(np.concatenate(its), teacher.column_seconds, results, seconds)
        for teacher, its in zip(teachers, scores, strict=True)
    ]
    return HeardStream(
        stacked[: results * STRIDE],
        np.mean(logits, axis=0).astype(np.float32),
        _said(phrases, results),
    )


def _pieces(recording: Recording) -> Iterator[Recording]:
    """Cut a long recording without a phrase."""
    if recording.phrase >= 0 or len(recording.samples) <= LONGEST_PIECE:
        yield recording
        return
    for start in range(0, len(recording.samples), LONGEST_PIECE):
        yield Recording(recording.samples[start : start + LONGEST_PIECE])


def _place(
    rng: np.random.Generator,
    piece: Recording,
    augmentation: Augmentation,
    noise: Sequence[Float32],
    responses: Sequence[Float32],
) -> tuple[Float32, tuple[int, int]]:
    """Augment a recording with quiet around it; return where its phrase is in the result."""
    quiet = int(rng.uniform(0, MOST_QUIET) * RATE)
    longest = int(len(piece.samples) * np.exp(augmentation.speed)) + 1
    placed = augment(
        rng, to_float32(piece.samples), longest + quiet, (0, quiet), noise, augmentation, responses
    )
    begin, end = (placed.start + round(at * placed.stretch) for at in (piece.begin, piece.end))
    return placed.window, (begin, end)


def _at_results(scores: Float32, step: float, results: int, stride: float) -> Float32:
    """Return logits at the times of the student's results, of scores that come in other steps."""
    likely = np.clip(scores.astype(np.float64), 1e-9, 1 - 1e-9)
    logits = np.clip(np.log(likely / (1 - likely)), -LARGEST_LOGIT, LARGEST_LOGIT)
    times = stride * np.arange(1, results + 1)
    own = step * np.arange(1, len(logits) + 1)
    columns = [np.interp(times, own, logits[:, number]) for number in range(logits.shape[1])]
    return np.stack(columns, axis=1).astype(np.float32)


def _said(phrases: Sequence[tuple[int, int, int]], results: int) -> Int64:
    """Return which phrase may be detected in each result."""
    config = MicroConfig()
    said = np.full(results, NOTHING, np.int64)
    seen = STRIDE * np.arange(1, results + 1)  # frames
    for _, begin, end in phrases:
        first, last = config.frames(begin), config.frames(end)
        said[np.searchsorted(seen, first) : np.searchsorted(seen, last + ECHO)] = NEAR
    for number, _, end in phrases:
        last = config.frames(end)
        said[
            np.searchsorted(seen, last + EARLIEST) : np.searchsorted(seen, last + LATEST, "right")
        ] = number
    return said
