"""Where shards are: a folder of this machine, or storage elsewhere through fsspec."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from kws.errors import KwsError
from kws.files import whole_file
from kws.installing import install_extra, install_packages

#: An address of storage elsewhere; a Path has one slash left of two.
_ADDRESS = re.compile(r"(?!hf:)([a-z][a-z0-9+.-]+):/+(.+)")


class Place(Protocol):
    """Files by their names, each there as a whole or not at all."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file; one of this name is replaced."""


class LocalPlace:
    """A folder of this machine.

    Parameters
    ----------
    folder : Path
        Made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if there is none.

        Parameters
        ----------
        name : str
            Of the file.
        """
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, all of it or nothing.

        Parameters
        ----------
        name : str
            Of the file.
        content : bytes
            What it holds.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self._folder / name) as stream:
            stream.write(content)


class RemotePlace:
    """A folder of storage elsewhere: ``s3://…``, ``gs://…``, whatever fsspec knows.

    Its stores put a file in its place when they have all of it.

    Parameters
    ----------
    address : str
        With its protocol.

    Raises
    ------
    KwsError
        If fsspec, or what it needs for the protocol, is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import fsspec
        except ModuleNotFoundError:
            raise KwsError(f"{address}: {install_extra('cluster')}") from None
        try:
            self._system, self._root = fsspec.core.url_to_fs(address)
        except ImportError as error:
            package = re.search(r"[Ii]nstall (\S+)", str(error))
            named = package.group(1) if package else "what fsspec needs for it"
            raise KwsError(f"{address}: {install_packages(named)}") from None
        except ValueError as error:
            raise KwsError(f"{address}: {error}") from None
        self._address = address

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the same place elsewhere: connections stay in the process that made them."""
        return RemotePlace, (self._address,)

    def __str__(self) -> str:
        return self._address

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if there is none.

        Parameters
        ----------
        name : str
            Of the file.
        """
        try:
            content: bytes = self._system.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file.

        Parameters
        ----------
        name : str
            Of the file.
        content : bytes
            What it holds.
        """
        self._system.makedirs(self._root, exist_ok=True)
        self._system.pipe_file(f"{self._root}/{name}", content)


def place_of(path: Path | str) -> LocalPlace | RemotePlace:
    """Return the place that a path or an address names.

    Parameters
    ----------
    path : Path or str
        A folder, or ``protocol://…``.

    Examples
    --------
    >>> str(place_of(Path("shards")))
    'shards'
    """
    match = _ADDRESS.fullmatch(str(path))
    if match is None:
        return LocalPlace(Path(path))
    return RemotePlace(f"{match.group(1)}://{match.group(2)}")


def is_remote(path: Path | str) -> bool:
    """Tell whether a path is an address of storage elsewhere.

    Parameters
    ----------
    path : Path or str
        What was given in place of a folder.

    Examples
    --------
    >>> is_remote("s3://bucket/shards"), is_remote("speech/orders")
    (True, False)
    """
    return _ADDRESS.fullmatch(str(path)) is not None
