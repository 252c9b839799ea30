"""Clips in memory: recordings of words as 16-bit samples, and where the word is in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.activity import sound_extent, sound_floor
from kws.arrays import Float32, Int16
from kws.audio import load_audio
from kws.errors import AudioError
from kws.frontend import YAMNET
from kws.metadata import SILENCE
from kws.pcm import to_float32, to_int16

from ..progress import Progress
from ..spreading.workers import ALONE, Workers
from .dataset import Clip, Skipped

#: Seconds of the longest word: it must fit into the 147 frames that the head on tap 6 looks at.
LONGEST_WORD = 1.4

#: Decibels; sound this far below the loudest belongs to no word.
WORD_RANGE = 25
#: Seconds of the longest clip of a word; longer recordings are skipped.
LONGEST_CLIP = 10.0
#: Clips that a worker reads at once.
AT_ONCE = 50


def word_span(samples: Float32) -> tuple[int, int]:
    """Find where in a recording the word is, by its level in pieces of 10 ms.

    Parameters
    ----------
    samples : float32 (n,)
        The recording at 16 kHz.

    Returns
    -------
    first, last : int
        Samples between which the level is within `WORD_RANGE` decibels of its maximum or, in a
        noisy recording, clear of the background (`kws.activity.sound_floor`). All of
        a recording below 30 ms.
    """
    pieces = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    if len(pieces) < 3:
        return 0, len(samples)
    level = 10 * np.log10(np.square(pieces).mean(axis=1) + 1e-9)
    level = np.convolve(level, np.ones(3) / 3, mode="same")
    first, last = sound_extent(level >= sound_floor(level, WORD_RANGE))
    return int(first) * 160, int(last + 1) * 160


def around_word(audio: Int16) -> Int16:
    """Cut a recording of more than a second down to a second with its word in the middle.

    A word longer than that keeps at most `LONGEST_WORD` seconds from its beginning.

    Parameters
    ----------
    audio : int16 (n,)
        The recording at 16 kHz.

    Returns
    -------
    int16 (m,)
        The part with the word; a recording of up to a second as it is.
    """
    second = YAMNET.sample_rate
    if len(audio) <= second:
        return audio
    first, last = word_span(to_float32(audio))
    length = min(max(second, last - first), int(LONGEST_WORD * second))
    start = first if last - first >= length else (first + last - length) // 2
    start = min(max(0, start), len(audio) - length)
    return audio[start : start + length]


def read_clips(
    clips: Sequence[Clip], progress: Progress, workers: Workers = ALONE
) -> tuple[list[Clip], list[Int16], list[Skipped]]:
    """Read recordings at 16 kHz. Those that cannot be used are listed, and the work goes on.

    Parameters
    ----------
    clips : sequence of Clip
        The clips to read. Of those with the label ``_silence_``, `LONGEST_CLIP` seconds are taken.
    progress : callable
        Shows how many clips are read.
    workers : Workers
        Who reads them.

    Returns
    -------
    clips : list of Clip
        Those that were read.
    audio : list of int16 (n,)
        The samples of each.
    skipped : list of Skipped
        Recordings that could not be used, and why.
    """
    good, audio, skipped = [], [], []
    found = workers.spread(_read, clips, at_once=AT_ONCE)
    for number in progress(iter(range(len(clips))), len(clips), "reading"):
        one = next(found)
        if isinstance(one, Skipped):
            skipped.append(one)
        else:
            good.append(clips[number])
            audio.append(one)
    return good, audio, skipped


def _read(clip: Clip) -> Int16 | Skipped:
    """Read a recording, or say why it cannot be used."""
    try:
        samples = load_audio(clip.path, YAMNET.sample_rate)
        if clip.label == SILENCE:
            samples = samples[: int(LONGEST_CLIP * YAMNET.sample_rate)]
        if len(samples) > LONGEST_CLIP * YAMNET.sample_rate:
            raise AudioError(f"{clip.path}: longer than {LONGEST_CLIP:g} s: cut it into words")
    except AudioError as error:
        return Skipped.because(clip.path, error)
    return to_int16(samples)
