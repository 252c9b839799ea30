"""Tones, as devices make them: their hard edges must not be taken for consonants."""

from __future__ import annotations

import numpy as np

from kws.arrays import Float32, UInt8

from ..data.images import RATE, image_of

#: Range of the pitch in Hz; the front end of the word base hears up to 4 kHz.
PITCH = (50.0, 3900.0)
#: Range of the amplitude, as a natural logarithm; at 0 a tone is at full scale.
LEVEL = (np.log(0.01), 0.0)
#: Range of the length of a recording in seconds.
SECONDS = (0.5, 4.0)
#: Range of the length of a beep, and of the pause after it, in seconds.
BEEP = (0.05, 0.6)
#: Highest number of harmonics, the first one included.
HARMONICS = 5


def tone_images(count: int, seed: int) -> list[UInt8]:
    """Make recordings of tones: held, gliding or in beeps, with hard edges, after quiet.

    Parameters
    ----------
    count : int
        Number of recordings.
    seed : int
        Of all that is drawn.

    Returns
    -------
    list of uint8 (frames, bands)
        Grey levels of each recording.
    """
    return [image_of(_tones(np.random.default_rng((seed, number)))) for number in range(count)]


def _tones(rng: np.random.Generator) -> Float32:
    """Return a recording of one or two tones."""
    count = round(rng.uniform(*SECONDS) * RATE)
    time = np.arange(count) / RATE
    sound = np.zeros(count)
    for _ in range(rng.integers(1, 3)):
        begin, end = np.exp(rng.uniform(np.log(PITCH[0]), np.log(PITCH[1]), 2))
        glide = rng.random() < 0.25
        pitch = np.linspace(begin, end, count) if glide else np.full(count, begin)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        for harmonic in range(1, rng.integers(1, HARMONICS + 1) + 1):
            sound += np.where(harmonic * pitch < RATE / 2, np.sin(harmonic * phase) / harmonic, 0)
    if rng.random() < 0.5:
        on, off = rng.uniform(*BEEP, 2)
        sound[time % (on + off) > on] = 0.0
    sound *= np.exp(rng.uniform(*LEVEL)) / max(1e-9, np.abs(sound).max())
    quiet = np.zeros(round(rng.uniform(0.0, 0.5) * RATE))
    return np.asarray(np.concatenate([quiet, sound, quiet[::-1]]), np.float32)
