"""Microphones and rooms of real recordings, lent to what has none.

Synthesized phrases come through no microphone, and all else that a network hears does: it may
learn that. So any window, phrase or not, is heard as if by the microphone of a recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32, UInt8

from ..data.images import to_frames
from .spectra import LN_PER_DB

#: Share of the frames of a recording, or a window, that count as its speech: the loudest.
LOUD = 0.3
#: Percentile of the frames of a band that is its background.
QUIET = 10
#: Bands over which a spectrum is averaged: what is said shall not be lent with the microphone.
SMOOTH = 7
#: A band is changed by so many decibels at most: what a microphone left out cannot be heard again.
CHANGE = (-25.0, 10.0)
#: Frames of a recording that are looked at, and recordings, at most.
FRAMES, RECORDINGS = 1000, 2000


@dataclass(frozen=True)
class Channels:
    """Of each recording the spectrum of its speech, and its background beside it.

    Attributes
    ----------
    speech : float32 (n, bands)
        ln(power), its mean over the bands 0.
    background : float32 (n, bands)
        ln(power) relative to the mean of the speech.
    """

    speech: Float32
    background: Float32

    @classmethod
    def of(cls, recordings: Sequence[UInt8]) -> Channels | None:
        """Take the channels of recordings.

        Parameters
        ----------
        recordings : sequence of uint8 (frames, bands)
            Grey levels of the word base's front end. Digital silence has no channel.

        Returns
        -------
        Channels or None
            None if no recording has any sound.
        """
        few = recordings[:: max(1, -(-len(recordings) // RECORDINGS))]
        heard = [image[:FRAMES] for image in few if image[:FRAMES].any()]
        if not heard:
            return None
        speech, background = [], []
        for image in heard:
            frames = to_frames(image)
            spectrum = _speech(frames[None])[0, 0]
            level = spectrum.mean()
            speech.append(spectrum - level)
            background.append(np.percentile(frames, QUIET, axis=0) - level)
        return cls(np.array(speech, np.float32), np.array(background, np.float32))

    def lend(self, rng: np.random.Generator, frames: Float32) -> Float32:
        """Hear windows (n, length, bands), ln(power), by channels that are drawn: the same shape.

        The level of a window stays; the background is as far below its speech as it is in the
        recording that lends its channel.
        """
        rows = rng.integers(0, len(self.speech), len(frames))
        own = _speech(frames)
        level = own.mean(2, keepdims=True)
        change = self.speech[rows][:, None] - (own - level)
        low, high = (bound * LN_PER_DB for bound in CHANGE)
        change = np.clip(change - change.mean(2, keepdims=True), low, high)
        noise = self.background[rows][:, None] + level
        # chi-square: as noise of random colour (`coloured_frames`)
        scatter = rng.standard_gamma(3.0, frames.shape, dtype=np.float32) / 3.0
        return np.logaddexp(frames + change, noise + np.log(scatter + 1e-3)).astype(np.float32)


def _speech(frames: Float32) -> Float32:
    """Return the smoothed spectrum (n, 1, bands) of the loud frames of clips."""
    level = frames.max(2)
    loud = level >= np.percentile(level, 100 * (1 - LOUD), axis=1, keepdims=True)
    spectrum = (frames * loud[..., None]).sum(1) / loud.sum(1)[:, None]
    padded = np.pad(spectrum, ((0, 0), (SMOOTH // 2, SMOOTH // 2)), "edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, SMOOTH, axis=1).mean(2)
    return smooth[:, None].astype(np.float32)
