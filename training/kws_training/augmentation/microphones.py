"""Microphones and rooms of real recordings, applied to what has none.

Synthesized phrases come through no microphone, and everything else that a network is trained on
does: it may learn that difference. So any window, phrase or not, may sound as if the microphone of
a real recording had heard it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.activity import LN_PER_DB
from kws.arrays import Float32, UInt8

from ..data.images import to_frames

#: Share of the frames of a recording, or of a window, that count as its speech: the loudest.
LOUD = 0.3
#: Percentile of the frames of a band that is its background.
QUIET = 10
#: Bands over which a spectrum is averaged, so that the profile has the microphone in it and not
#: what was said.
SMOOTH = 7
#: Decibels by which a band is lowered and raised at most: what a microphone left out cannot be
#: brought back.
CHANGE = (-25.0, 10.0)
#: Frames of a recording that are looked at, from its beginning.
FRAMES = 1000
#: Recordings that are looked at, evenly spread over all.
RECORDINGS = 2000


@dataclass(frozen=True)
class MicrophoneProfiles:
    """Spectra of the speech and of the background of recordings.

    Attributes
    ----------
    speech : float32 (n, bands)
        Of each recording the spectrum of its speech as ln(power), the mean over its bands 0.
    background : float32 (n, bands)
        Of each recording its background as ln(power), relative to the mean of the speech.
    """

    speech: Float32
    background: Float32

    @classmethod
    def of(cls, recordings: Sequence[UInt8]) -> MicrophoneProfiles | None:
        """Measure the profiles of recordings.

        Parameters
        ----------
        recordings : sequence of uint8 (frames, bands)
            Grey levels of the word base's front end. Digital silence has no profile.

        Returns
        -------
        MicrophoneProfiles or None
            None if no recording has any sound.
        """
        few = recordings[:: max(1, -(-len(recordings) // RECORDINGS))]
        images = [image[:FRAMES] for image in few if image[:FRAMES].any()]
        if not images:
            return None
        speech, background = [], []
        for image in images:
            frames = to_frames(image)
            spectrum = _speech(frames[None])[0, 0]
            level = spectrum.mean()
            speech.append(spectrum - level)
            background.append(np.percentile(frames, QUIET, axis=0) - level)
        return cls(np.array(speech, np.float32), np.array(background, np.float32))

    def apply(self, rng: np.random.Generator, frames: Float32) -> Float32:
        """Make windows sound as if microphones that are drawn had heard them.

        The level of a window stays. Its background is as far below its speech as it is in the
        recording that the profile comes from.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws the profiles and the background noise.
        frames : float32 (n, length, bands)
            The windows as ln(power).

        Returns
        -------
        float32 (n, length, bands)
            The changed windows as ln(power).
        """
        rows = rng.integers(0, len(self.speech), len(frames))
        own = _speech(frames)
        level = own.mean(2, keepdims=True)
        change = self.speech[rows][:, None] - (own - level)
        low, high = (bound * LN_PER_DB for bound in CHANGE)
        change = np.clip(change - change.mean(2, keepdims=True), low, high)
        noise = self.background[rows][:, None] + level
        # chi-square distributed, as the noise of `coloured_frames`
        scatter = rng.standard_gamma(3.0, frames.shape, dtype=np.float32) / 3.0
        scattered = noise + np.log(scatter + 1e-3)
        return np.asarray(np.logaddexp(frames + change, scattered), np.float32)


def _speech(frames: Float32) -> Float32:
    """Return the smoothed spectrum (n, 1, bands) of the loud frames of clips."""
    level = frames.max(2)
    loud = level >= np.percentile(level, 100 * (1 - LOUD), axis=1, keepdims=True)
    spectrum = (frames * loud[..., None]).sum(1) / loud.sum(1)[:, None]
    padded = np.pad(spectrum, ((0, 0), (SMOOTH // 2, SMOOTH // 2)), "edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, SMOOTH, axis=1).mean(2)
    return np.asarray(smooth[:, None], np.float32)
