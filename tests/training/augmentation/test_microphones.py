"""Profiles of microphones: their spectrum and background go over, the level stays."""

import numpy as np
import pytest

from kws.activity import LN_PER_DB
from kws.frontend import WORDS
from kws_training.augmentation.microphones import SMOOTH, MicrophoneProfiles
from kws_training.data.images import to_images

BANDS = WORDS.bands
TILT = np.linspace(8, -8, BANDS) * LN_PER_DB
#: Bands that the average over neighbours leaves as they are.
INSIDE = slice(SMOOTH // 2, -(SMOOTH // 2))


def recording(rng, colour=0.0, level=0.0, background=-9.0, frames=200):
    """Speech in the middle third of a recording, and its background around it."""
    noise = rng.normal(background, 0.3, (frames, BANDS)) + level
    third = frames // 3
    noise[third : 2 * third] = rng.normal(0, 0.3, (third, BANDS)) + colour + level
    return to_images(np.clip(noise, WORDS.floor, WORDS.ceiling).astype(np.float32))


def window(rng, colour=0.0, level=0.0):
    frames = rng.normal(-11, 0.3, (100, BANDS)) + level
    frames[30:80] = rng.normal(0, 0.3, (50, BANDS)) + colour + level
    return frames.astype(np.float32)


def test_a_spectrum_goes_over_and_the_level_stays():
    rng = np.random.default_rng(0)
    profiles = MicrophoneProfiles.of([recording(rng, TILT, level=-4.0, background=-11.0)])
    assert profiles.speech[0, INSIDE] == pytest.approx(TILT[INSIDE], abs=0.2)
    plain = np.stack([window(rng), window(rng, level=3.0)])
    heard = profiles.apply(rng, plain)
    assert heard.dtype == np.float32
    assert heard.shape == plain.shape
    for one, its in zip(heard, plain, strict=True):
        change = (one[30:80] - its[30:80]).mean(0)
        assert change[INSIDE] == pytest.approx(TILT[INSIDE], abs=0.3)
        assert change.mean() == pytest.approx(0, abs=0.1)


def test_a_background_is_as_far_below_as_in_its_recording():
    rng = np.random.default_rng(1)
    profiles = MicrophoneProfiles.of([recording(rng, level=-3.0, background=-5.0)])
    heard = profiles.apply(rng, window(rng, level=2.0)[None])[0]
    # a tenth of the frames are quieter than the percentile, and gamma noise is lower in the mean
    assert heard[:25].mean() == pytest.approx(2.0 - 5.4, abs=0.6)
    assert heard[30:80].mean() == pytest.approx(2.0, abs=0.2)


def test_what_a_microphone_left_out_is_not_made_up():
    rng = np.random.default_rng(2)
    narrow = np.where(np.arange(BANDS) > 25, -12.0, 0.0)  # as a telephone's
    wide = MicrophoneProfiles.of([recording(rng)])
    change = wide.apply(rng, window(rng, narrow)[None])[0, 30:80].mean(0) - narrow
    assert change.max() < 10 * LN_PER_DB + 0.2
    telephone = MicrophoneProfiles.of([recording(rng, narrow)])
    change = telephone.apply(rng, window(rng)[None])[0, 30:80].mean(0)
    assert change[35] < change[10] - 20 * LN_PER_DB


def test_silence_has_no_channel():
    rng = np.random.default_rng(3)
    silence = np.zeros((50, BANDS), np.uint8)
    assert MicrophoneProfiles.of([recording(rng), silence, recording(rng)]).speech.shape == (
        2,
        BANDS,
    )
    assert MicrophoneProfiles.of([silence]) is None
    assert MicrophoneProfiles.of([]) is None


def test_digital_silence_stays_finite():
    rng = np.random.default_rng(4)
    profiles = MicrophoneProfiles.of([recording(rng)])
    heard = profiles.apply(rng, np.full((3, 40, BANDS), WORDS.floor, np.float32))
    assert np.isfinite(heard).all()
    assert heard.max() < WORDS.floor + 1
