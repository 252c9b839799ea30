"""Bytes of a pipe: as they come, or so many of them, but never backwards."""

from __future__ import annotations

import os
from typing import BinaryIO

from .errors import AudioError

#: Bytes that are read at once to be dropped.
_DROPPED_AT_ONCE = 1 << 16


class Pipe:
    """Reads a stream that cannot seek.

    Parameters
    ----------
    stream : binary stream
        Such as ``sys.stdin.buffer``. Where it has ``read1`` (any buffered stream), or is
        unbuffered, bytes are given out as soon as they come.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._read = getattr(stream, "read1", stream.read)
        self._held = b""

    def some(self, most: int) -> bytes:
        """Return what there is, waiting for it.

        Parameters
        ----------
        most : int
            Bytes to return at most, at least 1.

        Returns
        -------
        bytes
            Empty at the end of the stream.

        Raises
        ------
        AudioError
            If reading fails or the stream is in non-blocking mode.
        """
        if self._held:
            data, self._held = self._held[:most], self._held[most:]
            return data
        try:
            read: bytes | None = self._read(most)
        except OSError as error:
            raise AudioError(f"audio stream: cannot be read: {error.strerror or error}") from None
        if read is None:
            raise AudioError("audio stream: is in non-blocking mode: open it in blocking mode")
        return read

    def give_back(self, data: bytes) -> None:
        """Put bytes back, to be read again first.

        Parameters
        ----------
        data : bytes
            What was read last.
        """
        self._held = data + self._held

    def read(self, size: int) -> bytes:
        """Return so many bytes, waiting for them.

        Parameters
        ----------
        size : int
            Bytes to return.

        Returns
        -------
        bytes
            Fewer at the end of the stream.

        Raises
        ------
        AudioError
            As `some`.
        """
        data = b""
        while len(data) < size and (more := self.some(size - len(data))):
            data += more
        return data

    def seek(self, offset: int, whence: int = os.SEEK_CUR) -> None:
        """Drop bytes: a file would be moved on by as many.

        Parameters
        ----------
        offset : int
            Bytes to drop.
        whence : int
            ``os.SEEK_CUR``: a pipe knows no other place to count from.

        Raises
        ------
        AudioError
            As `some`.
        """
        assert whence == os.SEEK_CUR, "a pipe goes forwards"
        while offset > 0 and (dropped := self.some(min(offset, _DROPPED_AT_ONCE))):
            offset -= len(dropped)
