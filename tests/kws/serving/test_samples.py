from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import AudioError
from kws.serving.samples import PIECE_SECONDS, SampleFormat, SampleStream, parse_format


def mono(sample_format, pieces):
    stream = SampleStream(sample_format)
    out = [part for piece in pieces for part in stream.push(piece)]
    longest = round(PIECE_SECONDS * sample_format.rate) + round(0.02 * sample_format.rate)
    assert all(0 < len(part) <= longest for part in out)
    return np.concatenate([*out, stream.flush()])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.binary(min_size=0, max_size=3000),
    st.lists(st.integers(0, 3000), max_size=8),
)
def test_where_bytes_are_cut_does_not_matter(width, channels, data, cuts):
    sample_format = SampleFormat(8000, width, channels)
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    whole = mono(sample_format, [data])
    assert len(whole) == len(data) // (width * channels)
    np.testing.assert_array_equal(mono(sample_format, pieces), whole)


def test_every_width_is_the_same_sound():
    samples = np.array([-1, -0.5, 0, 0.25, 0.75])
    for width in (1, 2, 3, 4):
        numbers = np.round(samples * 2 ** (8 * width - 1)).astype(np.int64)
        data = (numbers + 128 if width == 1 else numbers).astype("<i8").tobytes()
        cut = b"".join(data[8 * n : 8 * n + width] for n in range(5))
        np.testing.assert_allclose(mono(SampleFormat(16000, width, 1), [cut]), samples, atol=0.01)


def test_a_second_at_once_comes_in_pieces():
    stream = SampleStream(SampleFormat(48000, 2, 2))
    parts = [*stream.push(bytes(4 * 48000))]
    assert len(parts) > 10
    assert sum(map(len, parts)) + len(stream.flush()) == 48000


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"rate": float("nan")}, "rate"),
        ({"rate": 10**400}, "rate"),
        ({"rate": 16000.0}, "rate"),
        ({"rate": -1}, "rate"),
        ({"width": 5}, "width"),
        ({"width": True}, "width"),
        ({"channels": 0}, "channels"),
        ({"channels": 10**6}, "channels"),
        ({"channels": [[[]]]}, "channels"),
        ({"channels": "2"}, "channels"),
    ],
)
def test_formats_that_audio_does_not_have(wrong, word):
    good = {"rate": 16000, "width": 2, "channels": 1}
    assert parse_format(good) == SampleFormat(16000, 2, 1)
    with pytest.raises(AudioError, match=word) as caught:
        parse_format({**good, **wrong})
    assert len(str(caught.value)) < 200
    with pytest.raises(AudioError, match=word):
        parse_format({key: value for key, value in good.items() if key != word})
