"""Archives of data sets, which are unpacked."""

from __future__ import annotations

import functools
import gzip
import io
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

from .changes import archive_of, change_bytes, entries_of, lie_about_sizes, with_bomb
from .reader import BrokenPromiseError, Reader

#: What an archive may unpack to here.
MOST_FILES, MOST_BYTES = 50, 1 << 20
_NAMES = (
    *("a.wav", "yes/b.wav", "../c.wav", "/tmp/d.wav", "a.wav/e", "..", "", ".", "x\\y", "./a.wav"),
    *("a" * 300, "b/" * 40 + "c", "\0", "é.wav", "yes", "C:\\x", "//e", "\udc80"),
)
_KINDS = (
    *(tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE),
    *(tarfile.FIFOTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.REGTYPE, tarfile.REGTYPE),
)


def _tar(draw: random.Random) -> bytes:
    """Return a .tar of a few members, of any kind and name."""
    stream = io.BytesIO()
    kinds = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT)
    with tarfile.open(fileobj=stream, mode="w", format=draw.choice(kinds)) as archive:
        for _ in range(draw.choice((1, 2, 3, 60))):
            info = tarfile.TarInfo(draw.choice(_NAMES))
            info.type = draw.choice(_KINDS)
            info.linkname = draw.choice(("..", "/etc/passwd", "a.wav", "../outside"))
            info.mode = draw.choice((0o644, 0o777, 0o6755, 0))
            data = draw.randbytes(draw.choice((0, 5, 600)))
            info.size = draw.choice((len(data), len(data), 10**10, 0))
            info.mtime = draw.choice((0, 2**40, -5))
            if draw.random() < 0.2:
                info.pax_headers = {draw.choice(("path", "size", "mtime", "linkpath")): "99" * 50}
            try:
                archive.addfile(
                    info, io.BytesIO(data + bytes(max(0, min(info.size, 4096) - len(data))))
                )
            except (ValueError, OSError, UnicodeError):
                continue
    return stream.getvalue()


def _seeds() -> tuple[bytes, ...]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("a.wav", "yes/b.wav", "x" * 150):
            info = tarfile.TarInfo(name)
            info.size = 600
            archive.addfile(info, io.BytesIO(bytes(600)))
    plain = archive_of([("a.wav", bytes(600)), ("yes/", b""), ("yes/b.wav", b"x" * 99)])
    return gzip.compress(stream.getvalue(), 1, mtime=0), plain


def _read(content: bytes, folder: Path) -> str:
    from kws_training.data.unpack import Bounds, unpack

    path = folder / ("a.zip" if content[:2] == b"PK" else "a.tar.gz")
    path.write_bytes(content)
    target = folder / "new"
    target.mkdir()
    found = unpack(path, target, Bounds(MOST_FILES, MOST_BYTES))
    inside = list(target.rglob("*"))
    if sum(one.stat().st_size for one in inside if one.is_file()) > MOST_BYTES:
        raise BrokenPromiseError("more bytes than the bounds allow")
    if any(one.is_symlink() or not (one.is_file() or one.is_dir()) for one in inside):
        raise BrokenPromiseError(f"neither a file nor a folder among {found}")
    return "unpacked"


def _change(content: bytes, draw: random.Random) -> bytes:
    if content[:2] == b"PK":
        return _change_zip(content, draw)
    what = draw.randrange(8)
    if what < 3:
        return gzip.compress(_tar(draw), 1, mtime=0)
    if what == 3:
        return change_bytes(content, draw)
    if what == 4:
        return _zeros(draw.choice((5, 20)))
    tar = bytearray(gzip.decompress(content))
    if what < 7:  # a field of a header, whose checksum is made right
        at = draw.choice((0, 100, 108, 116, 124, 136, 156, 157, 257, 345))
        start = 512 * draw.choice((0, 0, 3, 6)) % len(tar)
        value = draw.choice((b"99999999999\0", b"\xff" * 12, b"-1", b"x" * 100, b"\0" * 12, b"5"))
        tar[start + at : start + at + len(value)] = value
        _sign(tar, start)
        return gzip.compress(bytes(tar), 1, mtime=0)
    return gzip.compress(change_bytes(bytes(tar), draw), 1, mtime=0)


@functools.cache
def _zeros(mebibytes: int) -> bytes:
    """Return so many zeros, compressed: made once, since most of the time went there."""
    return gzip.compress(bytes(mebibytes << 20), 1, mtime=0)


def _sign(tar: bytearray, start: int) -> None:
    tar[start + 148 : start + 156] = b" " * 8
    total = sum(tar[start : start + 512])
    tar[start + 148 : start + 156] = f"{total:06o}\0 ".encode()


def _change_zip(content: bytes, draw: random.Random) -> bytes:
    what = draw.randrange(5)
    entries = [*entries_of(content).items()]
    if what < 2:
        for _ in range(draw.choice((1, 2, 60))):
            entries.insert(draw.randrange(len(entries) + 1), (draw.choice(_NAMES), b"x" * 50))
        try:
            return _with_modes(archive_of(entries), draw)
        except (UnicodeError, ValueError):
            return content
    if what == 2:
        return with_bomb(content, draw.choice(("c.wav", "../c.wav")), draw)
    return lie_about_sizes(content, draw) if what == 3 else change_bytes(content, draw)


def _with_modes(content: bytes, draw: random.Random) -> bytes:
    """Give entries the mode of a link or of a device."""
    changed, at = bytearray(content), content.find(b"PK\x01\x02")
    while at >= 0:
        if draw.random() < 0.3:
            mode = draw.choice((0o120777, 0o020666, 0o010644, 0o040755, 0o106755))
            changed[at + 38 : at + 42] = (mode << 16).to_bytes(4, "little")
        at = content.find(b"PK\x01\x02", at + 4)
    return bytes(changed)


def readers() -> Iterator[Reader]:
    """Yield the reader of archives."""
    yield Reader("archive", "archives of data sets, unpacked", _seeds, _read, _change)
