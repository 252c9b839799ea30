"""Writes files whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write that takes its place only when all of it is written.

    It is written beside, and as readable as the file that it replaces, or as any new one. What is
    raised within leaves nothing behind, and an older file as it was. A device or a pipe is written
    as it is; of a link, what it leads to is replaced.

    Parameters
    ----------
    path : Path
        The file to write; a link is followed.

    Yields
    ------
    binary stream
        Takes the content; it can seek unless the path is a pipe.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
        return
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        mask = os.umask(0)  # mkstemp makes files for this user alone
        os.umask(mask)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask
        Path(part).chmod(mode)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
