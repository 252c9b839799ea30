"""Archives unpacked safely: nothing outside the folder, no links, bounded files and bytes."""

from __future__ import annotations

import errno
import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from kws.errors import KwsError
from kws.zips import is_bounded

#: Bytes that are read at a time.
CHUNK = 1 << 16

#: Bytes that the reader of an archive may ask for at once: headers are small, however long they
#: say that they are.
LONGEST_HEADER = 1 << 20


class UnpackError(KwsError):
    """An archive that cannot be unpacked, or must not be."""


class NothingWantedError(UnpackError):
    """An archive that holds nothing of what is wanted."""


@dataclass(frozen=True)
class Bounds:
    """What an archive may unpack to.

    Attributes
    ----------
    files : int
        Members of any kind, left-out ones included.
    size : int
        Bytes of all that is written.
    """

    files: int
    size: int


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive.

    Attributes
    ----------
    files : int
        Files that were written.
    size : int
        Bytes that were written.
    links : int
        Links and devices that were left out.
    """

    files: int
    size: int
    links: int


@dataclass(frozen=True)
class _Member:
    """A member of an archive; ``open`` is None for what is neither a file nor a folder."""

    name: str
    folder: bool
    open: Callable[[], IO[bytes]] | None


def unpack(
    archive: Path,
    folder: Path,
    bounds: Bounds,
    root: str = "",
    keep: Callable[[PurePosixPath], bool] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Unpacked:
    """Unpack a ``.tar.gz`` or ``.zip`` into a new folder.

    Links and devices are left out, and so is all that is not asked for. Owners, permissions and
    times are those of any new file.

    Parameters
    ----------
    archive : Path
        The file, ``.tar.gz``, ``.tgz`` or ``.zip``.
    folder : Path
        It must exist, and be empty.
    bounds : Bounds
        What the archive may unpack to.
    root : str
        Folder in the archive whose contents are wanted; all if empty.
    keep : callable, optional
        Told the path of each file and folder in the root, whether it is wanted; all if None.
    progress : callable
        Told the bytes of each piece that is written.

    Returns
    -------
    Unpacked
        What was written.

    Raises
    ------
    UnpackError
        If the archive is damaged, a member would lie outside the folder or come twice, or there
        is more than the bounds allow. What was written so far stays.
    NothingWantedError
        If it holds nothing of what is wanted.
    OSError
        If the folder cannot be written.
    """
    count = files = size = links = 0
    try:
        with closing(_members(archive)) as members:
            for member in members:
                count += 1
                if count > bounds.files:
                    raise UnpackError(f"{archive}: more than {bounds.files} members: not unpacked")
                name = _wanted(_inside(archive, member.name), root, keep)
                if name is None:
                    continue
                if member.open is None:
                    links += 1
                    continue
                target = folder / name
                if member.folder:
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with _opened(member) as source, target.open("xb") as file:
                    while piece := source.read(CHUNK):
                        size += len(piece)
                        if size > bounds.size:
                            raise UnpackError(
                                f"{archive}: more than {bounds.size} bytes: not unpacked"
                            )
                        file.write(piece)
                        progress(len(piece))
                files += 1
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UnpackError(
            f"{archive}: {str(error.filename)!r:.200} comes twice: not unpacked"
        ) from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        gzip.BadGzipFile,
        _DamagedError,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnpackError(f"{archive}: damaged ({reason}): delete it, and fetch it anew") from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise UnpackError(
            f"{archive}: {str(error.filename)[-100:]!r} is too long a name: not unpacked"
        ) from None
    if not files:
        raise NothingWantedError(f"{archive}: holds nothing of {root or 'what is wanted'}")
    return Unpacked(files, size, links)


def _members(archive: Path) -> Generator[_Member, None, None]:
    if archive.name.endswith((".tar.gz", ".tgz")):
        return _tar_members(archive)
    if archive.name.endswith(".zip"):
        return _zip_members(archive)
    raise UnpackError(f"{archive}: neither .tar.gz nor .zip")


def _tar_members(archive: Path) -> Generator[_Member, None, None]:
    with (
        gzip.open(archive, "rb") as content,
        tarfile.open(fileobj=cast(IO[bytes], _Headers(content)), mode="r:") as tar,
    ):
        for info in tar:
            openable = info.isreg() or info.isdir()

            def start(info: tarfile.TarInfo = info) -> IO[bytes]:
                file = tar.extractfile(info)
                assert file is not None  # a regular file has contents
                return file

            yield _Member(info.name, info.isdir(), start if openable else None)


def _zip_members(archive: Path) -> Generator[_Member, None, None]:
    with zipfile.ZipFile(archive) as content:
        for info in content.infolist():
            # the upper half of the attributes is the Unix mode, 0 where another system packed
            kind = stat.S_IFMT(info.external_attr >> 16)
            openable = kind in (0, stat.S_IFREG, stat.S_IFDIR)

            def start(info: zipfile.ZipInfo = info) -> IO[bytes]:
                if not is_bounded(info):
                    raise _DamagedError("a member is encrypted, or not compressed by Deflate")
                return content.open(info)

            folder = info.filename.endswith("/")  # is_dir() wants a name
            yield _Member(info.filename, folder, start if openable else None)


class _DamagedError(Exception):
    """An archive that says that a member is where no file has anything."""


def _opened(member: _Member) -> IO[bytes]:
    """Open a member; that its place is none is damage, not an error of the disk."""
    assert member.open is not None, "links are left out before"
    try:
        return member.open()
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise _DamagedError("a member lies outside of the archive") from None


class _Headers:
    """Passes reads on, but for those that no honest archive makes.

    `tarfile` reads a header's extension whole, with the length that the archive itself says.
    """

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _inside(archive: Path, name: str) -> PurePosixPath:
    """Return the path of a member, or refuse one that would lie elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise UnpackError(f"{archive}: {name!r:.200} would lie outside the folder: not unpacked")
    return path


def within(names: Sequence[str]) -> Callable[[PurePosixPath], bool]:
    """Return what tells whether a path is one of some files and folders, or in one.

    Parameters
    ----------
    names : sequence of str
        Paths with slashes, as many as there may be.

    Returns
    -------
    callable
        For `unpack`.

    Examples
    --------
    >>> within(["noise", "README"])(PurePosixPath("noise/free-sound/1.wav"))
    True
    """
    wanted = frozenset(map(PurePosixPath, names))
    return lambda path: path in wanted or not wanted.isdisjoint(path.parents)


def _wanted(
    path: PurePosixPath, root: str, keep: Callable[[PurePosixPath], bool] | None
) -> PurePosixPath | None:
    """Return the path below the root, or None where it is not asked for."""
    if root:
        if not path.is_relative_to(root):
            return None
        path = path.relative_to(root)
    if not path.parts:
        return None
    if keep is not None and not keep(path):
        return None
    return path
