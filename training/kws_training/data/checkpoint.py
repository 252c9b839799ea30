"""The state of a long training on disk: an interrupted run continues where it stopped."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.files import whole_file

from .stored import MOST_ENTRIES, StoredArraysError, read_arrays

#: Bytes of the arrays of a checkpoint, at most: weights, and two numbers for each of an optimizer.
MOST_BYTES = 1 << 30
#: What numpy and zipfile raise for a damaged ``.npz``.
DAMAGED_ARCHIVE = (
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Checkpoint:
    """A file of arrays, and the number of epochs of training that made them.

    Attributes
    ----------
    path : Path
        The ``.npz`` file; it may not exist yet.
    """

    path: Path

    def read(self) -> tuple[int, list[npt.NDArray[np.floating[Any]]]] | None:
        """Read the file.

        Returns
        -------
        (int, list of float arrays) or None
            The epochs and the arrays; None if there is no file, or it is damaged.
        """
        try:
            counts = read_arrays(self.path, ["epochs_and_arrays"], MOST_BYTES)["epochs_and_arrays"]
            if counts.shape != (2,) or counts.dtype.kind not in "iu":
                return None
            # a damaged directory may have lost arrays without anything else being wrong
            epochs, count = counts.tolist()
            names = [f"a{number}" for number in range(min(count, MOST_ENTRIES + 1))]
            return epochs, [*read_arrays(self.path, names, MOST_BYTES).values()]
        except StoredArraysError:
            return None

    def write(self, epochs: int, arrays: Sequence[npt.NDArray[np.floating[Any]]]) -> None:
        """Replace the file, all of it or nothing.

        Parameters
        ----------
        epochs : int
            Epochs that the training has done.
        arrays : sequence of float arrays
            Weights and the optimizer's state, in an order that the caller knows.

        Raises
        ------
        KwsError
            If the file cannot be written.
        """
        named = {f"a{number}": array for number, array in enumerate(arrays)}
        write_arrays(self.path, epochs_and_arrays=np.array([epochs, len(arrays)]), **named)

    def remove(self) -> None:
        """Delete the file once the training is done."""
        self.path.unlink(missing_ok=True)


def write_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write arrays as ``.npz``, all of the file or nothing; the folder is made if need be.

    Parameters
    ----------
    path : Path
        The file.
    **arrays : array
        The arrays by the names that they have in the file.

    Raises
    ------
    KwsError
        If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise KwsError(
            f"{path}: cannot be written ({error.strerror}): make room, or name another folder in "
            "KWS_CACHE"
        ) from None
