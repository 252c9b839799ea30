from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import AudioError
from kws.resample import Resampler, resample

from .conftest import bytes_held

# Both ways to the filter: a matrix, and (22051, 47999) an interpolated table.
PAIRS = [
    (48000, 16000),
    (44100, 16000),
    (22051, 16000),
    (11025, 16000),
    (8000, 16000),
    (96000, 16000),
    (16000, 44100),
    (47999, 16000),
    (384000, 4000),
]


def sine(hz: float, rate: int, count: int) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(count) / rate + 0.3)


def inner(samples: np.ndarray) -> np.ndarray:
    """Without the ends, where the filter sees the silence around the recording."""
    edge = len(samples) // 5
    return samples[edge:-edge]


def decibels(samples: np.ndarray) -> float:
    """Power over that of a full-scale sine."""
    return float(10 * np.log10(2 * np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_pass_band_is_flat_and_in_time(source: int, target: int) -> None:
    for part in (0.02, 0.3, 0.6, 0.8, 0.9):
        hz = part * min(source, target) / 2
        seconds = 0.5
        got = resample(sine(hz, source, int(seconds * source)).astype(np.float32), source, target)
        times = np.arange(len(got)) * 2 * np.pi * hz / target
        basis = np.stack([inner(np.sin(times)), inner(np.cos(times))], axis=1)
        weights, *_ = np.linalg.lstsq(basis, inner(got), rcond=None)
        gain = 20 * np.log10(np.hypot(*weights))
        assert abs(gain) < 0.1, f"{hz} Hz: {gain} dB"
        # The difference holds noise, images and any delay: one sample late would be 0 dB.
        assert decibels(inner(got - sine(hz, target, len(got)))) < -70, f"{hz} Hz"


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_would_alias_is_gone(source: int, target: int) -> None:
    for hz in np.linspace(target / 2, source / 2 * 0.99, 9):
        got = resample(sine(hz, source, source // 4).astype(np.float32), source, target)
        assert decibels(inner(got)) < -70, f"{hz} Hz"


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_constant_keeps_its_value(source: int, target: int) -> None:
    got = resample(np.full(source // 2, 0.5, np.float32), source, target)
    np.testing.assert_allclose(inner(got), 0.5, atol=1e-6)


@pytest.mark.parametrize(("source", "target"), [(48000, 16000), (44100, 16000), (22051, 16000)])
def test_agrees_with_soxr(source: int, target: int) -> None:
    soxr = pytest.importorskip("soxr")
    # Noise within the pass bands of both.
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(source))
    spectrum[int(0.85 * target / 2) :] = 0
    samples = (0.1 * np.fft.irfft(spectrum, source)).astype(np.float32)
    wanted = soxr.resample(samples, source, target, quality="VHQ")
    got = resample(samples, source, target)
    assert len(got) == len(wanted)
    error = inner(got - wanted)
    assert np.sqrt(np.mean(error**2) / np.mean(inner(wanted) ** 2)) < 10 ** (-75 / 20)


@settings(max_examples=60, deadline=None)
@given(
    pair=st.sampled_from([(48000, 16000), (44100, 16000), (22051, 16000), (8000, 16000)]),
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
)
def test_chunks_do_not_matter(pair: tuple[int, int], sizes: list[int]) -> None:
    samples = np.random.default_rng(len(sizes)).uniform(-1, 1, sum(sizes)).astype(np.float32)
    resampler = Resampler(*pair)
    ends = np.cumsum(sizes)
    chunks = [samples[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    got = np.concatenate([*map(resampler.push, chunks), resampler.flush()])
    wanted = resample(samples, *pair)
    assert got.dtype == np.float32
    assert len(got) == -(-len(samples) * pair[1] // pair[0])
    # the chunks decide in which order BLAS adds up some hundred float32 products, so that the last
    # bits differ, by numpy build: an eighth of a step of 16-bit audio is allowed
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2**-18)


@settings(max_examples=40, deadline=None)
@given(
    source=st.integers(4000, 100000), target=st.integers(4000, 100000), count=st.integers(0, 500)
)
def test_length_for_any_rates(source: int, target: int, count: int) -> None:
    got = resample(np.ones(count, np.float32), source, target)
    assert len(got) == -(-count * target // source)


@pytest.mark.parametrize("source", [44100, 22051])
def test_one_sample_at_a_time(source: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 1200).astype(np.float32)
    resampler = Resampler(source, 16000)
    got = [resampler.push(samples[i : i + 1]) for i in range(len(samples))]
    np.testing.assert_allclose(
        np.concatenate([*got, resampler.flush()]), resample(samples, source, 16000), atol=2**-18
    )


@pytest.mark.parametrize("source", [44100, 22051])
def test_time_stamps_do_not_drift(source: int) -> None:
    """A click after five minutes comes out where it went in."""
    resampler = Resampler(source, 16000)
    second = np.zeros(source, np.float32)
    given_out = sum(len(resampler.push(second)) for _ in range(300))
    click = second.copy()
    click[source // 2] = 1
    got = np.concatenate([resampler.push(click), resampler.push(second)])
    expected = (300 + (source // 2) / source) * 16000
    assert abs(given_out + int(np.argmax(got)) - expected) <= 0.5


@pytest.mark.parametrize("source", [48000, 22051])
def test_reset_and_flush_start_anew(source: int) -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, 5000).astype(np.float32)
    resampler = Resampler(source, 16000)
    wanted = resample(samples, source, 16000)
    resampler.push(samples[::-1])
    resampler.reset()
    for _ in range(2):
        got = np.concatenate([resampler.push(samples), resampler.flush()])
        np.testing.assert_allclose(got, wanted, atol=2**-18)


def test_lag_of_a_live_stream() -> None:
    """What has not come out yet is at most the filter's half length and one block."""
    for source, milliseconds in ((48000, 8), (44100, 14), (22051, 4)):
        resampler = Resampler(source, 16000)
        chunk = np.zeros(round(0.08 * source), np.float32)
        given_out = 0
        for pushed in range(1, 20):
            given_out += len(resampler.push(chunk))
            lag = pushed * len(chunk) / source - given_out / 16000
            assert 0 <= lag < milliseconds / 1000


def test_equal_rates_are_the_identity() -> None:
    samples = np.random.default_rng(2).uniform(-1, 1, 1000).astype(np.float32)
    assert resample(samples, 16000, 16000) is samples
    resampler = Resampler(16000, 16000)
    assert resampler.push(samples) is samples
    assert len(resampler.flush()) == 0


@pytest.mark.parametrize("pair", [(0, 16000), (16000, 3999), (384001, 16000), (16000, 22050.5)])
def test_impossible_rates(pair: tuple[int, int]) -> None:
    with pytest.raises(AudioError, match=r"whole numbers from 4000 to 384000$"):
        Resampler(*pair)


@pytest.mark.parametrize(
    "pair", [(22051, 16000), (383999, 4000), (11025, 16000), (383999, 383998), (4001, 383999)]
)
def test_filter_tables_are_bounded(pair: tuple[int, int]) -> None:
    resampler = Resampler(*pair)
    assert bytes_held(resampler) < 5e6
    assert len(resampler.push(np.zeros(pair[0], np.float32))) > 0


@pytest.mark.parametrize("source", [44100, 22051])
def test_memory_does_not_grow(source: int) -> None:
    resampler = Resampler(source, 16000)
    chunk = np.zeros(round(0.08 * source), np.float32)
    held = []
    for _ in range(320):
        resampler.push(chunk)
        held.append(bytes_held(resampler))
    assert max(held[20:]) <= max(held[:20]) + 200  # a sample more or less between two pushes


def test_a_long_push_is_not_kept() -> None:
    resampler = Resampler(48000, 16000)
    before = bytes_held(resampler)
    resampler.push(np.zeros(48000 * 60, np.float32))
    assert bytes_held(resampler) < before + 20_000


@pytest.mark.parametrize("source", [48000, 44100, 22051])
def test_no_loop_over_samples(source: int) -> None:
    """Calls of functions, numpy's too, are a few for a chunk: far fewer than it has samples."""
    resampler = Resampler(source, 16000)
    chunk = np.zeros(round(0.08 * source), np.float32)
    resampler.push(chunk)
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for _ in range(50):
            resampler.push(chunk)
    finally:
        sys.setprofile(before)
    assert calls / 50 < 0.1 * len(chunk)
