"""Digests of data: keys of caches, and what a model's provenance says of what it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def digest_of(*pieces: object) -> str:
    """Return the SHA-256 of pieces, one after the other.

    Parameters
    ----------
    *pieces : object
        Bytes, arrays and texts (in UTF-8) count with their content alone, so that two of them
        beside each other have no border. Anything else counts with its ``repr`` and a zero byte
        after it: numbers, tuples, dataclasses.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> digest_of(b"ab", "c") == digest_of("abc")
    True
    >>> digest_of((1, "a"), 2) == digest_of((1, "a"), 3)
    False
    """
    digest = hashlib.sha256()
    for piece in pieces:
        if isinstance(piece, bytes):
            digest.update(piece)
        elif isinstance(piece, str):
            digest.update(piece.encode("utf-8", "surrogatepass"))  # names of files may be any bytes
        elif isinstance(piece, np.ndarray | np.generic):
            digest.update(piece.tobytes())
        else:
            digest.update(repr(piece).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def digest_of_files(settings: object, paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the content of files, and of what else a result depends on.

    Parameters
    ----------
    settings : object
        What turns the files into the result, as for `digest_of`.
    paths : iterable of Path
        The files, in order. One that cannot be read counts with its path and its error.

    Returns
    -------
    str
        64 hexadecimal digits.
    """

    def content(path: Path) -> object:
        try:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").digest()
        except OSError as error:
            return path, error.errno

    return digest_of(settings, *map(content, paths))
