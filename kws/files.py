"""Writes files and folders whole or not at all.

What is written lies beside its place under one name, locked, until it is complete. So what a run
that was killed has left is found and written over by the next run, and two runs at once do not
write into each other's files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write that takes its place only when all of it is written and on the disk.

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
        Takes the content; it can seek unless the path is a pipe. It must not be closed.

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
    handle, part = _part_of(path)
    with os.fdopen(handle, "wb") as stream:  # the lock is held until it has its place
        try:
            yield stream
            stream.flush()
            os.fsync(handle)  # else a power cut may leave the name without the content
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_mask()
            os.fchmod(handle, mode)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the place of another when it is complete.

    What is raised within leaves nothing behind, and an older folder as it was. A run that is killed
    may leave the older folder under another name for a moment: the next run puts it back first.

    Parameters
    ----------
    folder : Path
        The folder that is replaced, or made, in one that exists; a link is followed.

    Yields
    ------
    Path
        A folder beside it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    handle, part = _part_folder_of(folder)
    old = part.with_suffix(".old")
    try:
        if old.exists() and not folder.exists():
            old.rename(folder)
        yield part
        os.fchmod(handle, 0o777 & ~_mask())  # until now it was for this user alone
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
            try:
                part.rename(folder)
            except OSError:
                old.rename(folder)
                raise
        else:
            part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    finally:
        os.close(handle)


def _mask() -> int:
    """Return what new files are kept from."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _hidden(path: Path) -> Path:
    """Return the path of what is not complete: the same one each time, short for any name."""
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    return path.with_name(f".kws-{digest}.part")


def _part_of(path: Path) -> tuple[int, Path]:
    """Open the file that the content of a path is written to, empty and locked."""
    part = _hidden(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        handle = os.open(part, flags, 0o600)
        if _is_ours(handle, part):
            os.ftruncate(handle, 0)
            return handle, part
        os.close(handle)
    # another run writes it, or it is somebody else's, or this file system has no locks
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kws-", suffix=".part")
    return handle, Path(name)


def _part_folder_of(folder: Path) -> tuple[int, Path]:
    """Open the folder that takes the content of another, empty and locked."""
    part = _hidden(folder)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        part.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(part, flags)
        if _is_ours(handle, part) and _is_emptied(part):
            return handle, part
        os.close(handle)
    name = tempfile.mkdtemp(dir=folder.parent, prefix=".kws-", suffix=".part")
    return os.open(name, flags), Path(name)


def _is_ours(handle: int, path: Path) -> bool:
    """Lock what was opened; tell whether it is still at its path, and nobody else's."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # another run may have put it in its place between the opening and the lock
        opened, there = os.fstat(handle), path.lstat()
    except OSError:
        return False
    linked = stat.S_ISREG(opened.st_mode) and opened.st_nlink != 1
    return os.path.samestat(opened, there) and opened.st_uid == os.geteuid() and not linked


def _is_emptied(folder: Path) -> bool:
    """Delete what is in a folder; tell whether that went well."""
    try:
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError:
        return False
    return True
