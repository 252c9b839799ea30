"""The resampler in C: Python's filter, rounded to 16 bits."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from kws.resample import resample

from .conftest import RATE


def converted(library: ctypes.CDLL, samples: np.ndarray, rate: int, size: int) -> np.ndarray:
    """Return 16-bit samples at 16 kHz, of pieces of a size."""
    state = ctypes.create_string_buffer(300_000)
    library.kws_resampler_push.restype = library.kws_resampler_flush.restype = ctypes.c_size_t
    assert library.kws_resampler_open(state, rate) == 1
    out, pieces = np.empty(160, np.int16), []
    address = out.ctypes.data_as(ctypes.c_void_p)
    samples = np.ascontiguousarray(samples, np.float32)
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        at, left = ctypes.c_void_p(part.ctypes.data), ctypes.c_size_t(len(part))
        while made := library.kws_resampler_push(
            state, ctypes.byref(at), ctypes.byref(left), address, len(out)
        ):
            pieces.append(out[:made].copy())
        assert left.value == 0
    while made := library.kws_resampler_flush(state, address, len(out)):
        pieces.append(out[:made].copy())
    return np.concatenate(pieces)


@pytest.mark.parametrize("rate", [48000, 44100, 22051, 8000, 4000, 384000, 383999])
def test_it_is_pythons(library: ctypes.CDLL, rate: int) -> None:
    random = np.random.default_rng(rate)
    samples = np.clip(random.normal(0, 0.2, rate // 10 + 7), -0.9, 0.9).astype(np.float32)
    expected = np.rint(resample(samples, rate, RATE) * 32768)
    ours = converted(library, samples, rate, len(samples))
    assert len(ours) == len(expected)
    # the rates that Python has a matrix for are interpolated here: 90 dB below
    assert np.abs(ours - expected).max() <= 2
    np.testing.assert_array_equal(ours, converted(library, samples, rate, 127))


def test_the_same_rate_is_rounded_alone(library: ctypes.CDLL) -> None:
    samples = np.array([-2, -1, -0.5, 0, 1e-5, 2e-5, 0.5, 1, 2, np.nan, np.inf, -np.inf])
    ours = converted(library, samples, RATE, 5)
    np.testing.assert_array_equal(
        ours, [-32768, -32768, -16384, 0, 0, 1, 16384, 32767, 32767, 0, 0, 0]
    )


def test_other_rates_are_refused(library: ctypes.CDLL) -> None:
    state = ctypes.create_string_buffer(300_000)
    for rate in (0, -1, 3999, 384001, 2**31 - 1):
        assert library.kws_resampler_open(state, rate) == 0
