"""Features on disk: memory-mapped, named by content, computed once, resumed after a stop.

A folder is locked while its features are computed: a second run that needs the same ones waits, and
nobody makes room with it. If it is deleted meanwhile, the run that computes goes on in the memory
that the system has mapped, and nothing is kept.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64
from kws.console import note
from kws.errors import KwsError

from ..data.stored import holds_array

#: Bytes of features that the cache keeps; the features used least recently go first.
MAX_BYTES = 12 * 10**9
#: Batches between two records of how far the work is: a stop costs so many batches at most.
RECORD_EVERY = 16
#: File that holds how many batches are done, and the scales.
STATE = "state.json"
#: What the system says of a folder that is not the user's to write to, however much room it has.
_CLOSED = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.EEXIST}
)


class Store:
    """Features of several kinds as bytes, and targets, in a folder of the cache.

    Parameters
    ----------
    cache : Path
        The folder that holds all such folders.
    key : str
        Digest of what the features depend on: the name of the folder.
    shapes : sequence of tuple of int
        Shape of each kind of features, windows first.
    targets : (int, int)
        Number of windows, and of results in each.
    floors : sequence of float
        Smallest value of each kind of features.

    Attributes
    ----------
    folder : Path
        Where the files are.
    done : int
        Number of batches that were made before.
    scales : list of float
        The value of a feature is its byte times the scale of its kind, plus its floor; empty until
        it is known.

    Raises
    ------
    KwsError
        If there is no room.
    """

    def __init__(
        self,
        cache: Path,
        key: str,
        shapes: Sequence[tuple[int, ...]],
        targets: tuple[int, int],
        floors: Sequence[float],
    ) -> None:
        self.folder = cache / key[:20]
        self._floors = floors
        self.done = 0
        self.scales: list[float] = []
        self._told = False
        files: list[tuple[str, type, tuple[int, ...]]] = [
            (f"features_{n}.npy", np.uint8, shape) for n, shape in enumerate(shapes)
        ]
        files.append(("targets.npy", np.int64, targets))
        try:
            self._handle = _open_locked(self.folder)
            self._unlock = weakref.finalize(self, os.close, self._handle)
            found = self._open(files)
            if found is None:
                size = sum(
                    int(np.prod(shape)) * np.dtype(kind).itemsize for _, kind, shape in files
                )
                _make_room(cache, size)
                found = self._make(files)
        except OSError as error:
            if error.errno in _CLOSED:
                raise KwsError(
                    f"{cache}: features cannot be written to it ({error.strerror}): set KWS_CACHE "
                    "to a folder that can be written"
                ) from None
            size = sum(int(np.prod(shape)) for shape in shapes)
            shown = f"{size / 1e9:.1f} GB" if size >= 10**8 else f"{size / 1e6:.1f} MB"
            raise KwsError(
                f"{cache}: no room for {shown} of features ({error.strerror}): set KWS_CACHE to a "
                "larger folder, or ask for fewer --copies"
            ) from None
        *self._features, self._targets = found
        self._last = self.done

    def _open(self, files: Sequence[tuple[str, type, tuple[int, ...]]]) -> list[np.memmap] | None:
        """Open the files of an earlier run, or return None if they are not whole."""
        try:
            state = json.loads((self.folder / STATE).read_text())
            self.done, self.scales = int(state["done"]), [float(s) for s in state["scales"]]
            # writable, a file that was cut short would be made longer instead of refused
            if not all(holds_array(self.folder / name, kind, shape) for name, kind, shape in files):
                return None
            arrays = [np.lib.format.open_memmap(self.folder / name, "r+") for name, _, _ in files]
        except (FileNotFoundError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None
        known = len(files) - 1 if self.done else 0
        if self.done < 0 or len(self.scales) != known or not all(0 < s < 1e9 for s in self.scales):
            return None
        os.utime(self.folder)
        return arrays

    def _make(self, files: Sequence[tuple[str, type, tuple[int, ...]]]) -> list[np.memmap]:
        self.done, self.scales = 0, []
        arrays = []
        try:
            for path in self.folder.iterdir():
                path.unlink()
            for name, kind, shape in files:
                path = self.folder / name
                arrays.append(np.lib.format.open_memmap(path, "w+", dtype=kind, shape=shape))
                with path.open("r+b") as file:  # a full disk is an error now, not a crash later
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        # from now on it counts when room is made
        self._write_state({"done": 0, "scales": []})
        return arrays

    def write(self, batch: int, rows: range, features: Sequence[Float32], targets: Int64) -> None:
        """Keep the features and targets of a batch of windows.

        Parameters
        ----------
        batch : int
            Number of the batch.
        rows : range
            Numbers of its windows.
        features : sequence of float32 arrays
            Features of each kind, windows first.
        targets : int64 (windows, results)
            Index of the label of each result.
        """
        for array, values, scale, floor in zip(
            self._features, features, self.scales, self._floors, strict=True
        ):
            array[rows.start : rows.stop] = np.clip(np.rint((values - floor) / scale), 0, 255)
        self._targets[rows.start : rows.stop] = targets
        if (batch + 1) % RECORD_EVERY == 0:
            self._record(batch + 1)
        self._last = batch + 1

    def _record(self, done: int) -> None:
        for array in (*self._features, self._targets):
            array.flush()
        try:
            self._write_state({"done": done, "scales": self.scales})
        except OSError as error:  # the features themselves are there, in memory at least
            if not self._told:
                note(
                    f"{self.folder}: the features are not kept for the next time: {error.strerror}"
                )
            self._told = True

    def _write_state(self, state: dict[str, object]) -> None:
        """Replace the state in this very folder: another run may have made one of its name."""
        here, part = self._handle, f"{STATE}.part"
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666, dir_fd=here)
        with os.fdopen(opened, "w") as file:
            json.dump(state, file)
        os.replace(part, STATE, src_dir_fd=here, dst_dir_fd=here)

    def finish(
        self,
    ) -> tuple[tuple[npt.NDArray[np.uint8], ...], tuple[float, ...], npt.NDArray[np.int64]]:
        """Record that all is done, and return features, scales and targets."""
        if self._last != self.done:
            self._record(self._last)
        self._unlock()
        return tuple(self._features), tuple(self.scales), np.asarray(self._targets)


def _open_locked(folder: Path) -> int:
    """Make a folder and lock it, once no other run has it; return what is to be closed then."""
    import fcntl

    told = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # another run has just deleted it
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                note(f"{folder}: another run computes these features: waiting for it")
            told = True
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: two runs write the same values
            return handle
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), folder.stat()):
                return handle
        os.close(handle)


def _make_room(cache: Path, size: int) -> None:
    """Delete the features used least recently until there is room for more."""
    found: list[tuple[float, int, Path]] = []
    for folder in cache.glob("*"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # deleted meanwhile
            (folder / STATE).stat()
            held = sum(file.stat().st_size for file in folder.glob("*"))
            found.append((folder.stat().st_mtime, held, folder))
    total = sum(held for _, held, _ in found)
    for _, held, folder in sorted(found):
        if total + size <= MAX_BYTES:
            break
        if _is_deleted(folder):
            total -= held


def _is_deleted(folder: Path) -> bool:
    """Delete a folder, unless a run computes its features; tell whether it is gone."""
    import fcntl

    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return not folder.exists()
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    except OSError:  # a file system without locks
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os.close(handle)
    return True
