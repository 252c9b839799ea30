"""Downloads of pinned files: resumed where they broke off, from the first mirror that can.

A file has one size and one digest on all its mirrors. A download goes on where it broke off,
whichever mirror is next, because the mirrors serve the same bytes; nothing is used before its
digest is checked.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from kws.console import note
from kws.errors import KwsError

from ..progress import Telling

if TYPE_CHECKING:
    import requests
    from tqdm import tqdm

#: Requests to one mirror; another one is made only if the last brought new bytes.
ATTEMPTS = 3

#: Bytes for which one request more is allowed: a long download breaks off more often.
BYTES_PER_ATTEMPT = 100 << 20

#: Seconds to wait for the connection, and for each piece of the answer.
TIMEOUT = (10, 30)

#: Bytes read at a time, at most.
CHUNK = 1 << 16

#: Bytes per second below which a mirror is as good as silent. A modem brings five times as much.
SLOWEST = 1000

#: Seconds after which the rate of an answer is looked at.
PATIENCE = 60.0


class DownloadError(KwsError):
    """A download that failed on all mirrors."""


@dataclass(frozen=True)
class Download:
    """One file that several mirrors serve, byte for byte the same.

    Attributes
    ----------
    name : str
        Name of the file in its folder.
    size : int
        Bytes; a server that sends more is cut off.
    sha256 : str or None
        Digest of the file, in hexadecimal; None where only MD5 was published.
    mirrors : tuple of str
        URLs in the order in which they are tried; the first one is named in messages.
    md5 : str or None
        Digest that is checked where there is no SHA-256.
    """

    name: str
    size: int
    sha256: str | None
    mirrors: tuple[str, ...]
    md5: str | None = None

    @property
    def digest(self) -> tuple[str, str]:
        """The digest that is checked: the name of its algorithm, and its hexadecimal text."""
        if self.sha256:
            return "SHA-256", self.sha256
        if self.md5:
            return "MD5", self.md5
        raise ValueError(f"{self.name} has no digest")


class _MirrorError(Exception):
    """One mirror cannot give the file; the next may."""


class _TooSlowError(Exception):
    """An answer of which nearly nothing arrives."""


def fetch(source: Download, folder: Path, *, progress: bool = True) -> Path:
    """Return the file from the folder, after downloading it there if need be.

    Parameters
    ----------
    source : Download
        What to fetch, and from where.
    folder : Path
        Made if it is not there.
    progress : bool
        Show a progress bar, if stderr is a terminal.

    Returns
    -------
    Path
        The file in the folder, its digest checked.

    Raises
    ------
    DownloadError
        If no mirror gives the file; what has arrived stays for the next time.
    OSError
        If the folder cannot be written.
    """
    target = folder / source.name
    # A kept file is checked each time (4 MB: 10 ms): a damaged one would fail far from its cause.
    if is_right(target, source):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{source.name}.lock"):
        if not is_right(target, source):  # another process may have brought it by now
            part = part_of(source, folder)
            _download(source, part, progress=progress)
            part.replace(target)
    return target


def part_of(source: Download, folder: Path) -> Path:
    """Return the path of the partial file of a download.

    Parameters
    ----------
    source : Download
        The download.
    folder : Path
        The folder of the complete file.

    Returns
    -------
    Path
        A file beside the complete one, which may not exist.
    """
    return folder / f"{source.name}.part"


def is_right(path: Path, source: Download) -> bool:
    """Tell whether a file is there, with the pinned size and digest.

    Parameters
    ----------
    path : Path
        The file.
    source : Download
        The download that it should be.

    Returns
    -------
    bool
        False also if there is no such file.
    """
    import pooch

    algorithm, digest = source.digest
    # The size first: it bounds what is read.
    return (
        path.is_file()
        and path.stat().st_size == source.size
        and pooch.file_hash(str(path), alg=algorithm.lower().replace("-", "")) == digest
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time go on within a ``with`` statement.

    Parameters
    ----------
    path : Path
        The file that is locked; it is made.

    Yields
    ------
    None
        When the lock is held.
    """
    import fcntl

    with path.open("w") as file:
        # Some network file systems have no locks: then two downloads at once may spoil each
        # other, which the digest finds.
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(f"{path}: another run is at it: waiting for it to end")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make an empty folder, for what takes its place by its name when it is complete.

    Parameters
    ----------
    path : Path
        The folder, in one that exists. What a run that was killed has left there is deleted, and
        what is there after the ``with`` statement.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    shutil.rmtree(path, ignore_errors=True)
    try:
        path.mkdir()
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _download(source: Download, part: Path, *, progress: bool) -> None:
    """Fill the partial file from the first mirror that can.

    Raises
    ------
    DownloadError
        If none can; what has arrived stays for the next time.
    """
    reasons = []
    for url in source.mirrors:
        try:
            return _from_mirror(url, source, part, progress=progress)
        except _MirrorError as error:
            reasons.append(f"{urlsplit(url).netloc}: {error}")
    refused = all(reason.partition(": ")[2].startswith("HTTP ") for reason in reasons)
    advice = "try again later" if refused else "connect to the network and try again"
    raise DownloadError(f"{source.name} could not be downloaded ({'; '.join(reasons)}): {advice}")


def _from_mirror(url: str, source: Download, part: Path, *, progress: bool) -> None:
    """Complete the partial file from one mirror and check its digest."""
    import requests

    inherited = size_of(part) > 0
    for _ in range(ATTEMPTS + source.size // BYTES_PER_ATTEMPT):
        before = size_of(part)
        try:
            _receive(url, source, part, progress=progress)
            break
        except (requests.RequestException, _TooSlowError) as error:
            reason = _reason(error)
            if size_of(part) <= before:
                raise _MirrorError(reason) from error
    else:
        raise _MirrorError(reason)
    if is_right(part, source):
        return
    part.unlink()
    if not inherited:
        raise _MirrorError(f"wrong {source.digest[0]}")
    # The wrong bytes may be those that were there before: give this mirror a fresh start.
    _from_mirror(url, source, part, progress=progress)


def _receive(url: str, source: Download, part: Path, *, progress: bool) -> None:
    """Append to the partial file what it lacks, by one request.

    Raises
    ------
    requests.RequestException, _TooSlowError
        If the server cannot be reached, refuses, breaks off or is slower than `SLOWEST`; what has
        arrived is kept.
    _MirrorError
        If the server sends something else than the file. What had arrived before is kept if the
        head of the answer says so, else nothing.
    """
    import requests
    from tqdm import tqdm

    held = size_of(part)
    if held > source.size:
        part.unlink()
        held = 0
    if held == source.size:
        return None
    # Compression would make the offsets of a resumed download meaningless.
    headers = {"Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        status = response.status_code
        resumed = status == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {held}-"
        )
        refused = status in (206, 416) and not resumed  # another range, or none such
        if held and refused:
            part.unlink()
            return _receive(url, source, part, progress=progress)
        response.raise_for_status()
        if not resumed:  # the server sends the whole file: start over
            _check_whole(response, source)
            held = 0
        with (
            part.open("ab" if held else "wb") as file,
            tqdm(
                desc=source.name,
                total=source.size,
                initial=held,
                unit="B",
                unit_scale=True,
                disable=None if progress else True,  # None: shown on a terminal only
            ) as bar,
        ):
            held = _copy(response, file, held, source, bar)
    if held != source.size:
        part.unlink()
        raise _MirrorError(
            f"sent more than {source.size} bytes"
            if held > source.size
            else f"sent {held} bytes instead of {source.size}"
        )
    return None


def _check_whole(response: requests.Response, source: Download) -> None:
    """Refuse an answer that cannot be the file, before what has arrived of it is written over.

    Raises
    ------
    _MirrorError
        If it is a page, as of a proxy or the login of a hotel, or has another size.
    """
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise _MirrorError("sent a web page (a proxy, or a login?)")
    size = response.headers.get("Content-Length", "")
    if size.isdecimal() and int(size) > source.size:
        raise _MirrorError(f"sent more than {source.size} bytes")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    if size.isdecimal() and int(size) != source.size and not encoded:
        raise _MirrorError(f"sent {int(size)} bytes instead of {source.size}")


def _copy(
    response: requests.Response, file: IO[bytes], held: int, source: Download, bar: tqdm
) -> int:
    """Write the answer to the file until its end or its size is passed; return the bytes held.

    Raises
    ------
    _TooSlowError
        If less than `SLOWEST` arrives: a server that sends a byte now and then never ends.
    """
    begun, before = time.monotonic(), held
    telling = Telling(f"downloading {source.name}, MB", source.size // 10**6)
    for chunk in _chunks(response):
        held += len(chunk)
        if held > source.size:
            break
        file.write(chunk)
        bar.update(len(chunk))
        telling.tell(held // 10**6)
        took = time.monotonic() - begun
        if took > PATIENCE and held - before < SLOWEST * took:
            raise _TooSlowError
    return held


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield what has arrived; `iter_content` would wait until a whole chunk has."""
    import requests
    import urllib3

    read = getattr(response.raw, "read1", None)
    if read is None:  # urllib3 1
        yield from response.iter_content(CHUNK)
        return
    try:
        while chunk := read(CHUNK, decode_content=True):
            yield chunk
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.Timeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def size_of(path: Path) -> int:
    """Return the size of a file.

    Parameters
    ----------
    path : Path
        The file, which may not exist.

    Returns
    -------
    int
        Bytes, 0 if there is no file.
    """
    return path.stat().st_size if path.is_file() else 0


def _reason(error: requests.RequestException | _TooSlowError) -> str:
    """Say in a few words what went wrong; the errors' own texts run over lines of addresses."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, _TooSlowError):
        return f"sent less than {SLOWEST} bytes per second"
    for kind, text in (
        (requests.TooManyRedirects, "redirects without an end"),
        (requests.Timeout, "timed out"),
        (requests.exceptions.SSLError, "certificate not accepted: is the clock right?"),
        (requests.exceptions.ChunkedEncodingError, "broke off"),
        (requests.ConnectionError, "no connection"),
    ):
        if isinstance(error, kind):
            return text
    return type(error).__name__
