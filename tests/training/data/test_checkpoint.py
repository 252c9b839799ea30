"""Checkpoints: what was written is read, what is damaged is not, and nothing is half written."""

import numpy as np
import pytest

from kws.errors import KwsError
from kws_training.cache import cache_folder
from kws_training.data.checkpoint import Checkpoint, write_arrays

ARRAYS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros(0, np.float32), np.array(5)]


def test_round_trip(tmp_path):
    checkpoint = Checkpoint(tmp_path / "folder" / "state.npz")
    assert checkpoint.read() is None
    checkpoint.write(3, [np.ones(2, np.float32)])
    checkpoint.write(4, ARRAYS)
    epochs, arrays = checkpoint.read()
    assert epochs == 4
    assert len(arrays) == len(ARRAYS)
    for found, written in zip(arrays, ARRAYS, strict=True):
        assert found.dtype == written.dtype
        assert found.shape == written.shape
        assert (found == written).all()
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["state.npz"]
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.read() is None


def test_more_than_ten_arrays_keep_their_order(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.npz")
    checkpoint.write(1, [np.array([n]) for n in range(25)])
    assert [int(array[0]) for array in checkpoint.read()[1]] == list(range(25))


@pytest.mark.parametrize("size", [0, 3, 30, 200, -1])
def test_cut_short_is_as_good_as_none(tmp_path, size):
    checkpoint = Checkpoint(tmp_path / "state.npz")
    checkpoint.write(3, ARRAYS)
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:size])
    assert checkpoint.read() is None


def test_other_files_are_as_good_as_none(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.npz")
    for content in (b"text", b"PK\x03\x04"):
        checkpoint.path.write_bytes(content)
        assert checkpoint.read() is None
    np.savez(checkpoint.path, other=np.zeros(3))
    assert checkpoint.read() is None
    np.savez(checkpoint.path, epochs=np.array(2), a0=np.array([object()], object))
    assert checkpoint.read() is None
    with checkpoint.path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert checkpoint.read() is None


def test_every_flipped_byte_is_found_or_harmless(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.npz")
    checkpoint.write(3, ARRAYS)
    content = checkpoint.path.read_bytes()
    for at in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        checkpoint.path.write_bytes(damaged)
        found = checkpoint.read()
        assert found is None or len(found[1]) == len(ARRAYS)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KwsError, match="KWS_CACHE"):
        write_arrays(tmp_path / "file" / "state.npz", x=np.zeros(3))
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(KwsError, match=r"folder\.npz: cannot be written"):
        write_arrays(tmp_path / "folder.npz", x=np.zeros(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.npz"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("no array")

    path = tmp_path / "state.npz"
    write_arrays(path, x=np.ones(3))
    with pytest.raises(RuntimeError):
        write_arrays(path, x=np.zeros(3), y=Broken())
    assert [one.name for one in tmp_path.iterdir()] == ["state.npz"]
    with np.load(path) as archive:
        assert (archive["x"] == 1).all()


def test_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KWS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert cache_folder("features", "x") == tmp_path / "features" / "x"
    monkeypatch.setenv("KWS_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_folder("features") == tmp_path / "user" / "kws" / "features"
    assert not list(tmp_path.iterdir())  # it is only a name
