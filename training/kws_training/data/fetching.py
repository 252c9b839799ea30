"""Public data sets fetched: downloaded, unpacked, and made what the readers take."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import shutil
from pathlib import Path

from kws.console import note
from kws.errors import KwsError

from .download import Download, DownloadError, fetch, locked, new_folder, part_of, size_of
from .sources import Source
from .unpack import unpack, within

#: A place that has the archives under their names, tried before the official ones.
MIRROR = "KWS_DATA_MIRROR"

#: Written into each data set's folder: what it is, whose, and from where.
NOTE = "SOURCE.txt"

#: Bytes per second of two connections, 100 and 10 megabits per second, that times are said for.
RATES = {"100 Mbit/s": 12.5e6, "10 Mbit/s": 1.25e6}

#: Bytes per second that are unpacked. 113 MB were measured per second of one core at 2.5 GHz, by
#: `unpack` on a .tar.gz of WAV files, once and by no command that is kept; half of it leaves time
#: for the disk.
UNPACKED_PER_SECOND = 50e6


class FetchError(KwsError):
    """A data set that cannot be fetched."""


def fetch_data(source: Source, folder: Path) -> Path:
    """Download a data set, unpack it and write what the readers need.

    Interrupted, it goes on with the download where it was; the data set's folder appears only
    when it is complete.

    Parameters
    ----------
    source : Source
        The data set.
    folder : Path
        Where the data set's own folder goes; made if it is not there.

    Returns
    -------
    Path
        The data set's folder.

    Raises
    ------
    FetchError
        If there is no room, no mirror gives the file, or something else is in the way.
    UnpackError, ManifestError
        If the archive holds something else than expected.
    OSError
        If the folder cannot be written.
    """
    goal = folder / source.name
    archive = _with_mirror(source)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{source.name}.lock"):
        if goal.exists():
            if is_fetched(goal, source):
                drop_archive(source, folder)
                return goal
            raise FetchError(
                f"{goal}: is there, but is not what would be fetched: move it, or name another "
                "--output"
            )
        check_room(bytes_left(source, folder) + source.bounds.size, folder)
        try:
            packed = fetch(archive, folder)
        except DownloadError as error:
            raise FetchError(
                f"{error}, or get {source.archive.mirrors[0]} elsewhere and put it at "
                f"{folder / archive.name}"
            ) from error
        except OSError as error:
            raise _no_room(error, folder) or error from None
        try:
            with new_folder(folder / f".{source.name}.unpacking") as part:
                _unpack(source, packed, part)
                if source.prepare is not None:
                    source.prepare(part)
                (part / NOTE).write_text(_note(source), encoding="utf-8")
                part.rename(goal)
        except OSError as error:
            raise _no_room(error, folder) or error from None
        drop_archive(source, folder)
    return goal


def drop_archive(source: Source, folder: Path) -> None:
    """Delete the archive of a data set that is unpacked, also for a run killed before it could.

    Parameters
    ----------
    source : Source
        The data set.
    folder : Path
        Where its archive was put; nothing happens where it may not be written to.
    """
    with contextlib.suppress(OSError):
        (folder / source.archive.name).unlink()


def _with_mirror(source: Source) -> Download:
    """Return the archive with the user's mirror, if there is one, before the others."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return source.archive
    if not mirror.startswith(("http://", "https://")):
        raise FetchError(
            f"{MIRROR}={mirror}: must be an address that begins with https:// or http://"
        )
    own = f"{mirror.rstrip('/')}/{source.archive.name}"
    return dataclasses.replace(source.archive, mirrors=(own, *source.archive.mirrors))


def bytes_left(source: Source, folder: Path) -> int:
    """Say how much of a data set's archive is still to be downloaded, from sizes alone.

    Parameters
    ----------
    source : Source
        The data set.
    folder : Path
        Where its archive is put.

    Returns
    -------
    int
        Bytes; 0 if the archive is there.
    """
    archive = source.archive
    held = max(size_of(folder / archive.name), size_of(part_of(archive, folder)))
    return max(0, archive.size - held)


def check_room(needed: int, folder: Path) -> None:
    """Refuse to begin what the disk cannot hold.

    Parameters
    ----------
    needed : int
        Bytes that are downloaded and unpacked.
    folder : Path
        A folder that exists.

    Raises
    ------
    FetchError
        If there is less room.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FetchError(
            f"{folder}: {in_bytes(needed)} are needed to download and unpack, {in_bytes(free)} are "
            "free: make room, or name another --output"
        )


def _no_room(error: OSError, folder: Path) -> FetchError | None:
    """Say it in other words if the disk is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FetchError(
            f"{folder}: the disk is full: make room and fetch again, the download is kept"
        )
    return None


def _unpack(source: Source, packed: Path, part: Path) -> None:
    from tqdm import tqdm

    with tqdm(desc="unpacking", unit="B", unit_scale=True, disable=None, leave=False) as bar:
        keep = within(source.keep) if source.keep else None
        result = unpack(packed, part, source.bounds, source.root, keep, bar.update)
    if result.links:
        note(f"{source.name}: {result.links} links and devices in the archive were left out")


def _note(source: Source) -> str:
    """Return what is written beside the recordings; equal for equal contents."""
    algorithm, digest = source.archive.digest
    return (
        f"{source.title}\n{source.page}\nLicence: {source.licence}\n"
        f"From: {source.archive.mirrors[0]}\n{algorithm} of the archive: {digest}\n"
    )


def is_fetched(goal: Path, source: Source) -> bool:
    """Tell whether a folder is a data set, from the digest in its note.

    Parameters
    ----------
    goal : Path
        The folder, which may not exist.
    source : Source
        The data set that it should be.

    Returns
    -------
    bool
    """
    try:
        with (goal / NOTE).open("rb") as file:
            return source.archive.digest[1].encode() in file.read(10_000)
    except OSError:
        return False


def in_bytes(number: int) -> str:
    """Say a number of bytes.

    Parameters
    ----------
    number : int
        Bytes.

    Returns
    -------
    str

    Examples
    --------
    >>> in_bytes(337_926_286)
    '337.9 MB'
    """
    return f"{number / 10**9:.1f} GB" if number >= 10**9 else f"{number / 10**6:.1f} MB"


def time_of(download: int, unpacked: int) -> str:
    """Estimate how long a data set takes to fetch.

    Parameters
    ----------
    download : int
        Bytes that are downloaded.
    unpacked : int
        Bytes that are unpacked.

    Returns
    -------
    str

    Examples
    --------
    >>> time_of(346_663_984, 500_000_000)
    'some 1 min at 100 Mbit/s, 5 min at 10 Mbit/s, and 1 min to unpack (estimates)'
    """
    times = [f"{_minutes(download / rate)} at {name}" for name, rate in RATES.items()]
    return f"some {', '.join(times)}, and {time_to_unpack(unpacked)} to unpack (estimates)"


def time_to_unpack(unpacked: int) -> str:
    """Estimate how long it takes to unpack an archive.

    Parameters
    ----------
    unpacked : int
        Bytes that it holds.

    Returns
    -------
    str

    Examples
    --------
    >>> time_to_unpack(15_000_000_000)
    '5 min'
    """
    return _minutes(unpacked / UNPACKED_PER_SECOND)


def _minutes(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{max(1, seconds / 60):.0f} min"
