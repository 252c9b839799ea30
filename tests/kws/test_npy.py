"""Headers of arrays: what NumPy writes is read, and nothing that they say is believed."""

import io

import numpy as np
import pytest

from kws.npy import read_array_header


def stored(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header_of(content: bytes):
    return read_array_header(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3), np.float32), np.array(5), np.zeros((0, 7), np.int8), np.array(["a", "bc"])],
)
def test_what_numpy_writes_is_read(array: np.ndarray) -> None:
    found = header_of(stored(array))
    assert (found.shape, found.dtype, found.fortran) == (array.shape, array.dtype, False)
    assert found.begin == len(stored(array)) - array.nbytes


def test_the_order_of_fortran_is_told() -> None:
    assert header_of(stored(np.asfortranarray(np.ones((2, 3))))).fortran


GOOD = stored(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        GOOD[:-1],
        GOOD + b"\0",
        GOOD.replace(b"(2, 3)", b"(9, 9)"),
        GOOD.replace(b"(2, 3), }", b"(1<<9,), }"),
        GOOD.replace(b"'<f4'", b"'|O' "),
        GOOD.replace(b"\x93NUMPY\1", b"\x93NUMPY\3"),
        GOOD.replace(b"{'descr'", b"(((((((("),
        GOOD.replace(b"'fortran_order': False", b"'fortran_order': 7    "),
    ],
)
def test_anything_else_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it|^its") as caught:
        header_of(content)
    assert "\n" not in str(caught.value)
