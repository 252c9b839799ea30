"""Several channels as one: the mean, or one where the mean loses the sound."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import KeywordSpotter
from kws.audio import read_recording, stream_audio
from kws.channels import STRETCH, ChannelMixer, mix_channels

from .conftest import Demo

RATE = 16000
SIZE = round(STRETCH * RATE)


def noise(count: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    samples = np.random.default_rng(seed).normal(0, 0.1, (count, channels))
    return samples.astype(np.float32)


def mixed(frames: np.ndarray, sizes: tuple[int, ...] = (10**6,)) -> np.ndarray:
    blocks, start = [], 0
    while start < len(frames):
        for size in sizes:
            blocks.append(frames[start : start + size])
            start += size
    parts = list(mix_channels((b for b in blocks if len(b)), frames.shape[1], RATE))
    assert all(part.dtype == np.float32 and len(part) for part in parts)
    return np.concatenate(parts)


@pytest.mark.parametrize("count", [1, SIZE - 1, SIZE, 10 * SIZE + 7])
def test_one_channel_upside_down(count: int) -> None:
    left = noise(count)
    np.testing.assert_array_equal(mixed(np.hstack([left, -left])), left[:, 0])


@pytest.mark.parametrize("gain", [-0.75, -0.9, -1.1, -1.3])
def test_the_louder_one_of_a_pair_is_taken(gain: float) -> None:
    left = noise(RATE)
    right = gain * left + noise(RATE, seed=1) * 0.01
    expected = left if abs(gain) < 1 else right
    np.testing.assert_array_equal(mixed(np.hstack([left, right])), expected[:, 0])


@pytest.mark.parametrize("channels", [2, 3, 8, 64])
def test_other_channels_are_averaged(channels: int) -> None:
    sound = noise(RATE)
    for frames in (
        noise(RATE, channels),
        np.tile(sound, channels),
        np.hstack([sound, np.zeros((RATE, channels - 1), np.float32)]),
        np.hstack([sound, -0.5 * sound, np.zeros((RATE, channels - 2), np.float32)]),
        np.zeros((RATE, channels), np.float32),
    ):
        expected = frames.mean(axis=1, dtype=np.float32)
        np.testing.assert_array_equal(mixed(frames), expected)


def test_mean_after_minutes_of_digital_silence() -> None:
    frames = np.concatenate([noise(RATE, 2), np.zeros((400 * RATE, 2), np.float32)])
    frames = np.concatenate([frames, noise(RATE, 2, seed=2)])
    np.testing.assert_array_equal(mixed(frames), frames.mean(axis=1, dtype=np.float32))


def test_it_fades_from_one_to_the_other() -> None:
    time = np.arange(4 * RATE) / RATE
    left = (0.5 * np.sin(2 * np.pi * 100 * time)).astype(np.float32)
    right = np.where((time > 1) & (time < 2), -left, left)
    out = mixed(np.stack([left, right], axis=1))
    steps = np.abs(np.diff(out))
    at_the_cuts = [RATE + 1, 2 * RATE]  # the sound itself jumps there
    for cut in at_the_cuts:
        steps[cut - 2 : cut + 2] = 0
    assert steps.max() < 1.5 * np.abs(np.diff(left)).max()
    np.testing.assert_array_equal(out[2 * RATE - 1600 : 2 * RATE], left[2 * RATE - 1600 : 2 * RATE])
    np.testing.assert_array_equal(out[-RATE:], left[-RATE:])


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=10).filter(any))
def test_pieces_of_any_size_are_the_whole(sizes: list[int]) -> None:
    left = noise(8000)
    right = np.concatenate([-left[:4000], left[4000:6000], noise(2000, seed=3)])
    frames = np.hstack([left, right])
    np.testing.assert_array_equal(mixed(frames, tuple(sizes)), mixed(frames))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_what_is_no_sample_does_not_last(bad: float) -> None:
    frames = noise(RATE, 2)
    frames[100] = bad
    out = mixed(frames)
    expected = frames[SIZE:].mean(axis=1, dtype=np.float32)
    np.testing.assert_array_equal(out[SIZE:], expected)
    assert not abs(out[100]) < 1e37


def test_a_mixer_holds_less_than_a_stretch() -> None:
    mixer = ChannelMixer(2, RATE)
    assert [len(mixer.push(noise(150, 2))) for _ in range(5)] == [0, 0, SIZE, 0, SIZE]
    assert len(mixer.flush()) == 5 * 150 - 2 * SIZE
    assert len(mixer.flush()) == 0


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_the_demo_upside_down_is_the_demo(tmp_path: Path, demo: Demo, container: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / f"antiphase.{container.lower()}"
    stereo = np.stack([demo.samples, -demo.samples], axis=1)
    file = io.BytesIO()
    soundfile.write(file, stereo, RATE, format=container, subtype="PCM_16")
    path.write_bytes(file.getvalue())
    whole = read_recording(path).samples
    np.testing.assert_allclose(whole, demo.samples, atol=1e-4)
    np.testing.assert_array_equal(np.concatenate([*stream_audio(path, RATE)]), whole)
    spotter = KeywordSpotter.default()
    assert len(spotter.process(whole) + spotter.flush()) == 10


@pytest.mark.data
def test_a_word_upside_down_is_found(shared: Path) -> None:
    spotter = KeywordSpotter.default()
    samples = read_recording(shared / "cases" / "antiphase.wav").samples
    assert [d.keyword for d in spotter.process(samples) + spotter.flush()] == ["yes"]
