"""Recordings by how the voice sounds, for those of which nobody knows the speaker.

A voice is low, middle or high by its median pitch, and dull or bright by its spectrum. That is no
speaker: many share a group, and a cold or another microphone moves one. It shows whom a model
misses most when file names and manifests say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from kws.arrays import Float32
from kws.audio import load_audio
from kws.errors import AudioError

from ..data.clips import word_span
from ..progress import Progress
from .conditions import RATE
from .positives import LONGEST_POSITIVE, Positive

#: The column by which recordings are grouped by their voice.
VOICE = "voice"
#: What the groups are, in a sentence.
ABOUT = (
    "voice: how recordings sound, not who speaks: by the median pitch of the word (low: below "
    "140 Hz, high: from 200 Hz on) and by its spectrum (bright: more above 1 kHz than the median "
    "of the keyword's recordings, dull: less)"
)
#: Median pitches in Hz from which on a voice is middle, and high: of men's voices most are below
#: the first, of women's and children's most above the second (Titze, Principles of Voice
#: Production, 1994: means of 125, 200 and 300 Hz).
PITCHES = (140.0, 200.0)
#: Lowest and highest pitch that is looked for, in Hz.
PITCH_RANGE = (65.0, 450.0)
#: Decibels below the loudest frame up to which a frame is taken for a vowel.
VOWELS = 10.0
#: Samples of a frame, and from one to the next.
FRAME, HOP = 1024, 256
#: Bounds of the two bands that brightness compares, in Hz: telephones have both.
BANDS = (300.0, 1000.0, 3400.0)


@dataclass(frozen=True)
class Voice:
    """How the voice in a recording sounds.

    Attributes
    ----------
    pitch : float
        Median fundamental frequency of the loud frames, in Hz.
    brightness : float
        Power from 1 to 3.4 kHz over that from 0.3 to 1 kHz, in decibels.
    """

    pitch: float
    brightness: float

    @classmethod
    def of(cls, samples: Float32) -> Voice | None:
        """Measure a voice.

        Parameters
        ----------
        samples : float32 (n,)
            A word or a phrase at 16 kHz.

        Returns
        -------
        Voice or None
            None of audio too short or too quiet for either. The pitch is that of YIN (de Cheveigné
            and Kawahara, 2002).
        """
        import librosa

        if len(samples) < 2 * FRAME or not samples.any():
            return None
        frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
        level = np.square(frames).mean(axis=1)
        loud = level > level.max() * 10 ** (-VOWELS / 10)
        low, high = PITCH_RANGE
        pitches = librosa.yin(
            samples,
            fmin=low,
            fmax=high,
            sr=RATE,
            frame_length=FRAME,
            hop_length=HOP,
            center=False,
        )
        power = np.square(np.abs(np.fft.rfft(frames[loud] * np.hanning(FRAME)))).sum(axis=0)
        hertz = np.fft.rfftfreq(FRAME, 1 / RATE)
        below, above = (
            float(power[(hertz >= first) & (hertz < last)].sum()) for first, last in pairwise(BANDS)
        )
        if below <= 0 or above <= 0:
            return None
        return cls(float(np.median(pitches[loud])), 10 * math.log10(above / below))

    def group(self, brightness: float) -> str:
        """Name the group of this voice.

        Parameters
        ----------
        brightness : float
            The brightness in decibels that divides dull voices from bright ones.

        Returns
        -------
        str
            Such as ``"low, bright"``.
        """
        pitch = ("low", "middle", "high")[int(np.searchsorted(PITCHES, self.pitch, "right"))]
        return f"{pitch}, {'bright' if self.brightness > brightness else 'dull'}"


def with_voices(positives: Sequence[Positive], progress: Progress) -> list[Positive]:
    """Give recordings of keywords a column `VOICE`, by how they sound.

    Parameters
    ----------
    positives : sequence of Positive
        The recordings.
    progress : callable
        Shows how many recordings are done.

    Returns
    -------
    list of Positive
        The same. Those that cannot be read, or have nothing to measure, stay without the column.
    """
    voices = [
        _heard(positives[number])
        for number in progress(iter(range(len(positives))), len(positives), "voices")
    ]
    of: dict[str, list[float]] = {}
    for positive, voice in zip(positives, voices, strict=True):
        if voice is not None:
            of.setdefault(positive.keyword, []).append(voice.brightness)
    medians = {keyword: float(np.median(values)) for keyword, values in of.items()}
    return [
        positive
        if voice is None
        else replace(
            positive,
            columns={**positive.columns, VOICE: voice.group(medians[positive.keyword])},
        )
        for positive, voice in zip(positives, voices, strict=True)
    ]


def _heard(positive: Positive) -> Voice | None:
    """Measure the voice where the keyword is: as the manifest says, else by its level."""
    try:
        samples = load_audio(positive.path, RATE)
    except AudioError:  # it is named where it is scored
        return None
    samples = samples[: round(LONGEST_POSITIVE * RATE)]
    if positive.start is not None and positive.end is not None:
        first, last = round(positive.start * RATE), round(positive.end * RATE)
    else:
        first, last = word_span(samples)
    return Voice.of(samples[first:last])
