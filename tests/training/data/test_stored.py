"""Files of arrays: read within bounds, and refused in one line where they lie."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kws_training.data.stored import StoredArraysError, holds_array, pieces_of, read_arrays


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npz"


def test_arrays_are_read_as_they_were_written(path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array(["x", "yz"]),
        "c": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "d": np.array(7),
        "e": np.zeros((0, 4), np.uint8),
        "f": np.array(["2026-11-30"], "datetime64[D]"),
    }
    np.savez_compressed(path, **arrays)
    found = read_arrays(path, list(arrays), 10_000)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert (found[name] == array).all()
        assert found[name].shape == array.shape
    assert read_arrays(path, ["a"], 10_000, optional=["b", "none"]).keys() == {"a", "b"}


def entry(name: str, content: bytes, path: Path, method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content, method)


def header(shape: str, kind: str = "'<f4'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


def test_what_is_missing_or_too_much_is_said(path: Path) -> None:
    with pytest.raises(StoredArraysError, match="No such file"):
        read_arrays(path, ["a"], 100)
    np.savez(path, a=np.zeros(1000))
    with pytest.raises(StoredArraysError, match="has no array 'b'"):
        read_arrays(path, ["b"], 10**6)
    with pytest.raises(StoredArraysError, match="8128 bytes, at most 100 are read"):
        read_arrays(path, ["a"], 100)


@pytest.mark.parametrize("kind", ["<U2", ">U2"])
def test_letters_are_those_of_unicode(path: Path, kind: str) -> None:
    texts = np.array(["a", "\U0010ffff", ""], kind)
    np.savez(path, a=texts)
    assert read_arrays(path, ["a"], 10_000)["a"].tolist() == texts.tolist()
    texts.view(kind.replace("U2", "u4"))[3] = 0x110000
    np.savez(path, a=texts)
    with pytest.raises(StoredArraysError, match="letters that are none"):
        read_arrays(path, ["a"], 10_000)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(500),
        header("(10**9,)"),
        header("(1000000000, 1000000)"),
        header("(-1,)"),
        header("(2,)", "'|O'"),
        header("(" * 5000),
        header("(3,)") + bytes(8),
    ],
)
def test_arrays_that_are_none_are_refused(path: Path, content: bytes) -> None:
    entry("a.npy", content, path)
    with pytest.raises(StoredArraysError):
        read_arrays(path, ["a"], 10**12)


def test_a_bomb_in_bzip2_is_refused_before_it_is_read(path: Path) -> None:
    entry("a.npy", header("(5000000,)") + bytes(20_000_000), path, zipfile.ZIP_BZIP2)
    with pytest.raises(StoredArraysError, match="not compressed by Deflate"):
        read_arrays(path, ["a"], 10**9)


def test_pieces_come_apart_as_they_were_joined() -> None:
    joined = np.arange(10)
    assert [one.tolist() for one in pieces_of(joined, np.array([3, 0, 7])) or ()] == [
        [0, 1, 2],
        [],
        [3, 4, 5, 6, 7, 8, 9],
    ]
    for wrong in ([3, 6], [-1, 11], [2**62] * 4 + [10], [1.0, 9.0]):
        assert pieces_of(joined, np.array(wrong)) is None
    assert pieces_of(joined[:0], np.array([], np.int64)) == []
    assert pieces_of(np.array(1), np.array([1])) is None


def test_a_file_is_mapped_only_if_it_is_whole(tmp_path: Path) -> None:
    path, stream = tmp_path / "a.npy", io.BytesIO()
    np.save(stream, np.zeros((2, 3), np.float32))
    path.write_bytes(stream.getvalue())
    assert holds_array(path, np.float32, (2, 3))
    assert not holds_array(path, np.float32, (3, 2))
    assert not holds_array(path, np.int32, (2, 3))
    path.write_bytes(stream.getvalue()[:-1])
    assert not holds_array(path, np.float32, (2, 3))
    assert not holds_array(tmp_path / "none.npy", np.float32, (2, 3))
