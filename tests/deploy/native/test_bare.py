"""The functions of libm that programs without a C library have: right to the last bit but one."""

from __future__ import annotations

import ctypes
import math
import subprocess

import numpy as np
import pytest

from kws_deploy.native.compiler import package_sources

#: Calls what math.h defines as inline, so that it can be called from here.
NEAREST = b'#include "math.h"\nlong nearest_of(float x)\n{\n    return lrintf(x);\n}\n'


@pytest.fixture(scope="module")
def bare(gcc: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("bare")
    for name, text in package_sources("kws_deploy.native", "bare").items():
        (folder / name).write_bytes(text)
    (folder / "nearest.c").write_bytes(NEAREST)
    files = [str(folder / name) for name in ("bare.c", "nearest.c")]
    flags = ["-std=c99", "-O2", "-ffreestanding", "-ffp-contract=off", "-Wall", "-Wextra"]
    target = folder / "bare.so"
    subprocess.run(
        [gcc, *flags, "-I", str(folder), "-fPIC", "-shared", *files, "-o", str(target)], check=True
    )
    return ctypes.CDLL(str(target))


def called(function: ctypes._NamedFuncPointer, kind: type, values: np.ndarray) -> np.ndarray:
    function.argtypes, function.restype = [kind], kind
    return np.array([function(float(value)) for value in values])


@pytest.mark.parametrize(
    ("name", "low", "high"), [("expf", -100.0, 20.0), ("tanhf", -20.0, 20.0), ("tanhf", -0.1, 0.1)]
)
def test_floats(bare: ctypes.CDLL, name: str, low: float, high: float) -> None:
    values = np.random.default_rng(0).uniform(low, high, 2000).astype(np.float32)
    values = np.append(values, np.float32([low, 0.0, high]))
    exact = getattr(np, name[:-1])(values.astype(np.float64))
    ours = called(getattr(bare, name), ctypes.c_float, values)
    error = np.abs(ours - exact) / np.spacing(np.abs(exact).astype(np.float32))
    # the difference from 1 of a tanh near 0 has lost bits, of those of a double
    assert error.max() <= 0.51


def test_small_exponentials_are_zero(bare: ctypes.CDLL) -> None:
    assert (
        called(bare.expf, ctypes.c_float, np.float32([-1e30, -200, -150.5])).tolist() == [0.0] * 3
    )


def test_sine_and_ceiling(bare: ctypes.CDLL) -> None:
    values = np.append(np.random.default_rng(1).uniform(-200, 200, 2000), [0.0, math.pi, -math.pi])
    ours = called(bare.sin, ctypes.c_double, values)
    np.testing.assert_allclose(ours, np.sin(values), atol=1e-14)
    values = np.append(values, [1.0, -1.0, 0.5, 2**31 - 0.5, -0.5])
    np.testing.assert_array_equal(called(bare.ceil, ctypes.c_double, values), np.ceil(values))


def test_halves_are_rounded_to_even(bare: ctypes.CDLL) -> None:
    bare.nearest_of.argtypes, bare.nearest_of.restype = [ctypes.c_float], ctypes.c_long
    for value in (0.5, 1.5, 2.5, -0.5, -1.5, 126.5, -127.5, 0.49999997, 32766.5, 3.0):
        assert bare.nearest_of(value) == round(value)


def test_memory(bare: ctypes.CDLL) -> None:
    text = ctypes.create_string_buffer(b"0123456789")
    at = ctypes.addressof(text)
    bare.memmove(ctypes.c_void_p(at + 2), ctypes.c_void_p(at), ctypes.c_size_t(6))
    assert text.value == b"0101234589"
    bare.memmove(ctypes.c_void_p(at), ctypes.c_void_p(at + 2), ctypes.c_size_t(6))
    assert text.value == b"0123454589"
    bare.strlen.restype = ctypes.c_size_t
    assert bare.strlen(text) == 10
    assert bare.memcmp(b"abc", b"abd", 2) == 0
    assert bare.memcmp(b"abc", b"abd", 3) < 0
    bare.strchr.restype = ctypes.c_char_p
    assert bare.strchr(b"two words", ord(" ")) == b" words"
    assert bare.strchr(b"word", ord(" ")) is None
