"""16-bit samples and floats: exact one way, rounded in two ways the other."""

import numpy as np

from kws.pcm import to_float32, to_int16

ALL = np.arange(-32768, 32768).astype(np.int16)


def test_every_integer_is_a_float_without_rounding():
    floats = to_float32(ALL)
    assert floats.dtype == np.float32
    assert np.array_equal(floats.astype(np.float64) * 32768, ALL)


def test_floats_are_clipped_and_rounded_as_asked():
    floats = np.array([-2, -1, -0.5, 0, 0.5, 1, 2], np.float32)
    assert to_int16(floats).tolist() == [-32767, -32767, -16383, 0, 16383, 32767, 32767]
    near = to_int16(floats, nearest=True)
    assert near.dtype == np.int16
    assert near.tolist() == [-32767, -32767, -16384, 0, 16384, 32767, 32767]
