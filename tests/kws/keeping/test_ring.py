"""The latest samples of a stream."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kws.keeping.ring import SampleRing
from kws.pcm import to_int16


@given(st.integers(1, 50), st.lists(st.integers(0, 120), max_size=8), st.data())
def test_it_has_the_latest_samples_of_the_stream(size, lengths, data) -> None:
    ring = SampleRing(size)
    stream = np.linspace(-1, 1, sum(lengths) + 1).astype(np.float32)[:-1]
    at = 0
    for length in lengths:
        ring.push(stream[at : at + length])
        at += length
    assert ring.position == at
    start = data.draw(st.integers(-10, at + 10))
    end = data.draw(st.integers(start, at + 20))
    expected = to_int16(stream, nearest=True)[max(start, at - size, 0) : max(end, 0)]
    np.testing.assert_array_equal(ring.between(start, end), expected)


def test_its_memory_does_not_grow() -> None:
    ring = SampleRing(100)
    before = ring._ring
    ring.push(np.ones(1000, np.float32))
    assert ring._ring is before
    assert len(ring.between(0, 1000)) == 100
