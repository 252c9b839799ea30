"""Features on disk: written once, read again, remade when damaged, removed when there are many."""

import errno
import json
import os

import numpy as np
import pytest

from kws.errors import KwsError
from kws_training.fitting import store as module
from kws_training.fitting.store import STATE, Store

SHAPES = [(6, 5, 2), (6, 3, 4)]
FLOORS = [0.0, -1.0]


def fill(store, start=0, count=3):
    """Write batches of two windows; the values say which."""
    if not store.scales:
        store.scales = [0.5, 2.0]
    for batch in range(start, count):
        rows = range(2 * batch, 2 * batch + 2)
        features = [
            np.full((2, *shape[1:]), (batch + 1) * scale + floor, np.float32)
            for shape, scale, floor in zip(SHAPES, store.scales, FLOORS, strict=True)
        ]
        store.write(batch, rows, features, np.full((2, 2), batch))
    return store.finish()


def opened(cache, key="k" * 64):
    return Store(cache, key, SHAPES, (6, 2), FLOORS)


def test_what_is_written_is_what_is_read(tmp_path):
    store = opened(tmp_path)
    assert (store.done, store.scales) == (0, [])
    fill(store)
    again = opened(tmp_path)
    assert (again.done, again.scales) == (3, [0.5, 2.0])
    features, scales, targets = again.finish()
    assert scales == (0.5, 2.0)
    for array, shape in zip(features, SHAPES, strict=True):
        assert isinstance(array, np.memmap)
        assert array.shape == shape
        assert array[:, 0, 0].tolist() == [1, 1, 2, 2, 3, 3]
    assert targets.tolist() == [[0, 0], [0, 0], [1, 1], [1, 1], [2, 2], [2, 2]]
    assert opened(tmp_path, "other").done == 0


def test_values_are_rounded_and_bounded(tmp_path):
    store = opened(tmp_path)
    store.scales = [1.0, 1.0]
    values = np.array([-1.0, 0.4, 0.6, 254.6, 300.0], np.float32)[:, None] * np.ones(2)
    features = [np.broadcast_to(values, (2, 5, 2)), np.zeros((2, 3, 4))]
    store.write(0, range(2), features, np.zeros((2, 2), np.int64))
    kept = store.finish()[0]
    assert kept[0][1, :, 0].tolist() == [0, 0, 1, 255, 255]
    assert (kept[1][:2] == 1).all()  # its floor is -1


def test_an_interrupted_one_goes_on_after_its_last_note(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RECORD_EVERY", 2)
    store = opened(tmp_path)
    fill_until = 3
    store.scales = [0.5, 2.0]
    for batch in range(fill_until):
        features = [np.full((2, *shape[1:]), 9.0) for shape in SHAPES]
        store.write(batch, range(2 * batch, 2 * batch + 2), features, np.zeros((2, 2), np.int64))
    del store  # as when its process ends: the lock is gone
    again = opened(tmp_path)
    assert again.done == 2  # the third was not noted
    assert again.scales == [0.5, 2.0]
    features, _, _ = fill(again, start=2)
    assert features[0][:, 0, 0].tolist() == [18] * 4 + [3] * 2


DAMAGE = {
    "no state": lambda f: (f / STATE).unlink(),
    "state cut": lambda f: (f / STATE).write_text('{"done": 3, "sca'),
    "state empty": lambda f: (f / STATE).write_text(""),
    "state binary": lambda f: (f / STATE).write_bytes(b"\xff\xfe"),
    "state list": lambda f: (f / STATE).write_text("[1]"),
    "state null": lambda f: (f / STATE).write_text('{"done": null, "scales": null}'),
    "done negative": lambda f: (f / STATE).write_text('{"done": -1, "scales": [1, 1]}'),
    "done infinite": lambda f: (f / STATE).write_text('{"done": Infinity, "scales": [1, 1]}'),
    "a scale less": lambda f: (f / STATE).write_text('{"done": 3, "scales": [1]}'),
    "scale of 0": lambda f: (f / STATE).write_text('{"done": 3, "scales": [1, 0]}'),
    "scale NaN": lambda f: (f / STATE).write_text('{"done": 3, "scales": [1, NaN]}'),
    "features cut": lambda f: os.truncate(f / "features_0.npy", 150),
    "features cut by one": lambda f: os.truncate(
        f / "features_1.npy", (f / "features_1.npy").stat().st_size - 1
    ),
    "features empty": lambda f: os.truncate(f / "features_1.npy", 0),
    "features gone": lambda f: (f / "features_0.npy").unlink(),
    "other features": lambda f: np.save(f / "features_0.npy", np.zeros((6, 5, 3), np.uint8)),
    "other type": lambda f: np.save(f / "features_0.npy", np.zeros((6, 5, 2), np.float32)),
    "objects": lambda f: np.save(f / "targets.npy", np.array([object()])),
    "targets cut": lambda f: os.truncate(f / "targets.npy", 140),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_features_are_made_again(tmp_path, damage):
    expected = [array.copy() for array in fill(opened(tmp_path))[0]]
    folder = tmp_path / ("k" * 20)
    DAMAGE[damage](folder)
    again = opened(tmp_path)
    assert (again.done, again.scales) == (0, [])
    for found, array in zip(fill(again)[0], expected, strict=True):
        assert (found == array).all()
    assert sorted(path.name for path in folder.iterdir()) == [
        "features_0.npy",
        "features_1.npy",
        STATE,
        "targets.npy",
    ]


def size_of(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def test_the_least_recently_used_go_first(tmp_path, monkeypatch):
    for number, name in enumerate("abc"):
        fill(opened(tmp_path, name))
        os.utime(tmp_path / name, (1000 + number, 1000 + number))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_bytes(bytes(10**6))  # not of this module
    opened(tmp_path, "a")  # used again
    one = size_of(tmp_path / "a")
    monkeypatch.setattr(module, "MAX_BYTES", 3 * one)  # not for a fourth
    fill(opened(tmp_path, "d"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "d", "mine"]
    monkeypatch.setattr(module, "MAX_BYTES", one // 2)
    features, _, _ = fill(opened(tmp_path, "e"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "mine"]
    assert features[0][:, 0, 0].tolist() == [1, 1, 2, 2, 3, 3]


def test_what_was_stopped_at_once_is_removed_too(tmp_path, monkeypatch):
    opened(tmp_path, "stopped")  # no batch was noted
    os.utime(tmp_path / "stopped", (1000, 1000))
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    fill(opened(tmp_path, "next"))
    assert [path.name for path in tmp_path.iterdir()] == ["next"]


def test_no_room(tmp_path):
    with pytest.raises(KwsError) as caught:
        Store(tmp_path, "k", [(10**9, 1000, 1000)], (10**9, 3), [0.0])
    line = str(caught.value)
    assert "no room for 1000000.0 GB" in line
    assert "KWS_CACHE" in line
    assert "--copies" in line
    assert "\n" not in line
    assert not list(tmp_path.iterdir())


def test_state_is_readable(tmp_path):
    fill(opened(tmp_path))
    state = json.loads((tmp_path / ("k" * 20) / STATE).read_text())
    assert state == {"done": 3, "scales": [0.5, 2.0]}


def test_a_cache_that_cannot_be_written_is_no_matter_of_room(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KwsError) as caught:
        Store(tmp_path / "file" / "cache", "k", [(10, 10, 10)], (10, 3), [0.0])
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'file' / 'cache'}: features cannot be written to it")
    assert "KWS_CACHE" in line
    assert "room" not in line


def test_little_that_does_not_fit_is_not_said_to_be_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(KwsError, match=r"no room for 2\.0 MB of features"):
        Store(tmp_path, "k", [(2000, 10, 100)], (10, 3), [0.0])
