"""Where the phrase is in a recording, and whether the recording is good enough to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..activity import background_level, find_sound
from ..arrays import Float32, Float64
from ..audio import to_float

#: Seconds of a frame, which has one level.
FRAME = 0.01
#: Frames of which a level is the median, so that a click is no phrase.
MEDIAN = 5
#: Decibels; sound this far below the loudest belongs to no phrase.
RANGE = 35.0
#: Seconds of a pause within a phrase, at most: that between two words, and the closure of a stop
#: beside it.
PAUSE = 0.5
#: Seconds of the shortest phrase.
SHORTEST = 0.15
#: Seconds of the longest phrase.
LONGEST = 3.0
#: Decibels of full scale that the peak of a phrase must reach.
QUIETEST = -50.0
#: A sample is clipped if it is at least this large, with full scale at 1, ...
FULL = 0.985
#: ... in a run of this many such samples.
RUN = 3
#: Clipping is heard when more than this share of the phrase's samples is clipped.
CLIPPED = 0.002
#: Decibels of full scale that stand for digital silence.
_FLOOR = -100.0


@dataclass(frozen=True)
class Utterance:
    """What is in a recording of a phrase.

    Attributes
    ----------
    start, end : float
        Where the phrase is, in seconds.
    peak : float
        Highest sample, in dB of full scale.
    noise : float
        Level of the quietest tenth, in dB of full scale.
    clearness : float
        How far the loudest of the phrase is above the noise, in dB.
    problems : tuple of str
        What is wrong with the recording, each with what to do; none if it is good.
    """

    start: float
    end: float
    peak: float
    noise: float
    clearness: float
    problems: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Length of the phrase."""
        return self.end - self.start


def levels(samples: Float32, sample_rate: int) -> Float64:
    """Return the level of every `FRAME`, the median of `MEDIAN`, in dB: float64 (frames,).

    Parameters
    ----------
    samples : float32 (n,)
        Mono audio in -1 .. 1; at least one sample.
    sample_rate : int
        Samples per second.

    Returns
    -------
    float64 (frames,)
        Decibels of full scale.
    """
    size = max(1, round(FRAME * sample_rate))
    starts = np.arange(0, len(samples), size)
    squares = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    power = squares / (np.minimum(starts + size, len(samples)) - starts)
    around = np.pad(power, MEDIAN // 2, "edge")
    median = np.median(np.lib.stride_tricks.sliding_window_view(around, MEDIAN), axis=-1)
    return np.asarray(10 * np.log10(median + 10 ** (_FLOOR / 10)), np.float64)


def examine(samples: Float32, sample_rate: int) -> Utterance:
    """Find the phrase in a recording, and what is wrong with it.

    The phrase reaches from the loudest frame, on both sides, to where the level stays `RANGE` dB
    below it, or near the quiet tenth of the recording, for `PAUSE`.

    Parameters
    ----------
    samples : float32 (n,)
        At least one sample.
    sample_rate : int

    Returns
    -------
    Utterance
        Where the phrase is, how loud, and what is wrong.

    Raises
    ------
    AudioError
        If the samples are no mono audio in -1 .. 1.
    """
    samples = to_float(samples)
    level = levels(samples, sample_rate)
    top, noise = float(level.max()), float(background_level(level)[0])
    first, last = find_sound(level, RANGE, round(PAUSE / FRAME), "loudest")
    start, end = first * FRAME, min((last + 1) * FRAME, len(samples) / sample_rate)
    highest = float(np.abs(samples).max())
    peak = 20 * float(np.log10(max(highest, 1e-5)))
    problems = []
    if peak < QUIETEST:
        problems.append(f"too quiet (peak {peak:.0f} dB): speak up, or come nearer")
    else:
        problems += _problems(samples, sample_rate, start, end)
    return Utterance(start, end, peak, noise, top - noise, tuple(problems))


def _problems(samples: Float32, sample_rate: int, start: float, end: float) -> list[str]:
    """Return what is wrong with the phrase's length and level."""
    found = []
    seconds = end - start
    if seconds < SHORTEST:
        found.append(f"too short ({seconds:.2f} s of sound): say the whole phrase")
    if seconds > LONGEST:
        found.append(
            f"too long ({seconds:.1f} s of sound, at most {LONGEST:g} s): say the phrase once, and "
            "nothing else, or choose a shorter one"
        )
    phrase = np.abs(samples[int(start * sample_rate) : int(end * sample_rate) + 1])
    run = np.convolve(phrase >= FULL, np.ones(RUN), "valid") == RUN
    clipped = float(np.convolve(run, np.ones(RUN)).astype(bool).mean()) if run.any() else 0.0
    if clipped > CLIPPED:
        found.append(f"clipped ({100 * clipped:.1f} % of it): speak lower, or turn the gain down")
    return found
