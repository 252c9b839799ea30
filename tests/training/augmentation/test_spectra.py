"""Augmentation in the power spectrum, against the same thing done to waveforms."""

import numpy as np
import pytest

from kws.frontend import WORDS, log_mel
from kws_training.augmentation.spectra import (
    SpectralAugmentation,
    WindowMaker,
    mask,
    warp,
    word_extent,
)

NOTHING = SpectralAugmentation(
    stretch=0,
    warp=0,
    gain=(0.0, 0.0),
    equalisation=0,
    noise=0,
    neighbours=0,
    reverberation=0,
    masks=0,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def clip(first: int, last: int) -> np.ndarray:
    """A second of faint noise with a loud sound between two frames."""
    samples = np.random.default_rng(1).normal(0, 0.0005, 16000)
    loud = slice(first * 160, last * 160)
    samples[loud] += 0.3 * np.sin(np.arange(16000)[loud] * 0.4)
    return log_mel(samples.astype(np.float32), WORDS)


def test_extent_finds_the_sound():
    first, last = word_extent(np.stack([clip(20, 60), clip(50, 90)]))
    assert np.abs(first - [20, 50]).max() <= 4
    assert np.abs(last - [60, 90]).max() <= 4


def test_window_without_augmentation_holds_the_clip_where_it_says(rng):
    clips = np.stack([clip(20, 60)] * 32)
    maker = WindowMaker(clips[0].repeat(4, 0), WORDS.floor, WORDS.ceiling, NOTHING)
    windows = maker.words(rng, clips, clips, 160, 136)
    assert windows.frames.shape == (32, 160, 40)
    whole = (windows.first >= 0) & (windows.last < 160)
    assert whole.sum() > 20
    for frames, first, last in zip(
        windows.frames[whole], windows.first[whole], windows.last[whole], strict=True
    ):
        original = clips[0][20:60]
        at = frames[first + 2 : last - 2]
        assert np.corrcoef(at[:30].ravel(), original[: len(at)][:30].ravel())[0, 1] > 0.5
        assert frames[first:last].max() > frames[: max(1, first - 6)].max() + 3


def test_everything_stays_in_the_front_end_range(rng):
    clips = np.stack([clip(20, 60)] * 64)
    maker = WindowMaker(clips[0].repeat(4, 0), WORDS.floor, WORDS.ceiling, SpectralAugmentation())
    for frames in (
        maker.words(rng, clips, clips, 160, 136).frames,
        maker.silence(rng, 64, 160),
    ):
        assert frames.dtype == np.float32
        assert np.isfinite(frames).all()
        assert frames.min() >= WORDS.floor
        assert frames.max() <= WORDS.ceiling


def test_same_seed_same_windows():
    clips = np.stack([clip(20, 60)] * 8)
    maker = WindowMaker(clips[0].repeat(4, 0), WORDS.floor, WORDS.ceiling, SpectralAugmentation())
    one, two = (
        maker.words(np.random.default_rng(5), clips, clips, 160, 136).frames for _ in range(2)
    )
    assert np.array_equal(one, two)


def test_warp_moves_a_band_by_the_factor():
    frames = np.zeros((1, 3, 40), np.float32)
    frames[:, :, 20] = 1.0
    assert warp(frames, np.array([1.0], np.float32))[0, 0].argmax() == 20
    assert warp(frames, np.array([0.8], np.float32))[0, 0].argmax() == 25


def test_masks_leave_the_mean_behind(rng):
    frames = rng.normal(0, 1, (50, 100, 40)).astype(np.float32)
    masked = frames.copy()
    mask(rng, masked, 1.0)
    changed = masked != frames
    assert 0.02 < changed.mean() < 0.5
    means = np.broadcast_to(frames.mean((1, 2), keepdims=True), frames.shape)
    assert np.allclose(masked[changed], means[changed], atol=0.2)
    mask(rng, frames, 0.0)
    assert np.isfinite(frames).all()
