"""Where YAMNet's weights come from: a path, the environment, the cache or a download.

The download is one file with one pinned digest on three mirrors. It goes on where it broke off,
whichever mirror is next, because the mirrors serve the same bytes; nothing is used before its
digest is checked.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from kws.errors import ModelError

if TYPE_CHECKING:
    import requests
    from tqdm import tqdm

#: Names a weights file when no path is given.
VARIABLE = "KWS_YAMNET"

#: Requests to one mirror; another one is made only if the last brought new bytes.
ATTEMPTS = 3

#: Seconds to wait for the connection and for each piece of the answer.
TIMEOUT = (10, 30)

#: Bytes read at a time: what a broken connection costs at most.
CHUNK = 1 << 16


@dataclass(frozen=True)
class Download:
    """One file that several mirrors serve, byte for byte the same.

    Attributes
    ----------
    name : str
        Name of the file in the cache folder.
    size : int
        Bytes; a server that sends more is cut off.
    sha256 : str
        Digest of the file, in hexadecimal.
    mirrors : tuple of str
        URLs in the order in which they are tried; the first one is named in messages.
    """

    name: str
    size: int
    sha256: str
    mirrors: tuple[str, ...]


#: The official TFLite model for classification. Its digest is also the one that MediaPipe pins,
#: and all three mirrors serve it.
YAMNET = Download(
    name="yamnet.tflite",
    size=4_126_810,
    sha256="10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de",
    mirrors=(
        "https://storage.googleapis.com/mediapipe-assets/"
        "yamnet_audio_classifier_with_metadata.tflite?generation=1661875980774466",
        "https://storage.googleapis.com/download.tensorflow.org/models/tflite/task_library/"
        "audio_classification/android/lite-model_yamnet_classification_tflite_1.tflite",
        "https://tfhub.dev/google/lite-model/yamnet/classification/tflite/1?lite-format=tflite",
    ),
)


class _MirrorError(Exception):
    """One mirror cannot give the file; the next may."""


def find_yamnet(
    path: Path | None = None,
    *,
    progress: bool = True,
    source: Download = YAMNET,
    cache: Path | None = None,
) -> Path:
    """Return the path of YAMNet's weights; download them if they are nowhere yet.

    Parameters
    ----------
    path : Path, optional
        What the user gave as ``--yamnet``; else the environment variable `VARIABLE`, else the
        cached download, else a download.
    progress : bool
        Show the progress of a download, if stderr is a terminal.
    source : Download
        The file to download.
    cache : Path, optional
        Folder of the download; by default the user's cache folder (``~/.cache/kws`` on Linux).

    Returns
    -------
    Path
        An existing file. A given file may be any that `kws_training.yamnet_file.read_yamnet`
        accepts; a downloaded one has the pinned digest.

    Raises
    ------
    ModelError
        If the given file is not there, or there is neither a file nor a download.
    """
    if path is not None:
        return _given(path, "--yamnet")
    if named := os.environ.get(VARIABLE):
        return _given(Path(named), VARIABLE)
    if cache is None:
        import pooch

        cache = Path(pooch.os_cache("kws"))
    return fetch(source, cache, progress=progress)


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

    Raises
    ------
    ModelError
        If no mirror gives the file, or the folder cannot be written.
    """
    target = folder / source.name
    try:
        # A cached file is checked each time (10 ms): a damaged one would fail far from its cause.
        if _is_right(target, source):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{source.name}.lock"):
            if not _is_right(target, source):  # another process may have brought it by now
                part = folder / f"{source.name}.part"
                _download(source, part, progress=progress)
                part.replace(target)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot keep {source.name} there ({error.strerror or error}): make room or "
            f"set XDG_CACHE_HOME to another folder, {_by_hand(source)}"
        ) from error
    return target


def _given(path: Path, where: str) -> Path:
    """Return a path that the user named, or say that nothing is there."""
    path = path.expanduser()
    if not path.is_file():
        raise ModelError(
            f"{where}: {path} is not a file: give YAMNet's .tflite or .h5 file, "
            "or leave it out to have it downloaded"
        )
    return path


def _by_hand(source: Download) -> str:
    """Say how to do without the download."""
    return f"or get {source.mirrors[0]} elsewhere and give it as --yamnet FILE or {VARIABLE}=FILE"


def _is_right(path: Path, source: Download) -> bool:
    """Tell whether the file is there, with the pinned size and digest."""
    import pooch

    # The size first: it bounds what is read.
    return (
        path.is_file()
        and path.stat().st_size == source.size
        and pooch.file_hash(str(path), alg="sha256") == source.sha256
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time write the partial file."""
    import fcntl

    with path.open("w") as file:
        # Some network file systems have no locks: then two downloads at once may spoil each
        # other, which the digest finds.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(source: Download, part: Path, *, progress: bool) -> None:
    """Fill the partial file from the first mirror that can.

    Raises
    ------
    ModelError
        If none can; what has arrived stays for the next time.
    """
    reasons = []
    for url in source.mirrors:
        try:
            return _from_mirror(url, source, part, progress=progress)
        except _MirrorError as error:
            reasons.append(f"{urlsplit(url).netloc}: {error}")
    raise ModelError(
        f"{source.name} could not be downloaded ({'; '.join(reasons)}): connect to the network "
        f"and try again, {_by_hand(source)}"
    )


def _from_mirror(url: str, source: Download, part: Path, *, progress: bool) -> None:
    """Complete the partial file from one mirror and check its digest."""
    import requests

    inherited = _size(part) > 0
    for _ in range(ATTEMPTS):
        before = _size(part)
        try:
            _receive(url, source, part, progress=progress)
            break
        except requests.RequestException as error:
            reason = _reason(error)
            if _size(part) <= before:
                raise _MirrorError(reason) from error
    else:
        raise _MirrorError(reason)
    if _is_right(part, source):
        return
    part.unlink()
    if not inherited:
        raise _MirrorError("wrong SHA-256")
    # The wrong bytes may be those that were there before: give this mirror a fresh start.
    _from_mirror(url, source, part, progress=progress)


def _receive(url: str, source: Download, part: Path, *, progress: bool) -> None:
    """Append to the partial file what it lacks, by one request.

    Raises
    ------
    requests.RequestException
        If the server cannot be reached, refuses or breaks off; what has arrived is kept.
    _MirrorError
        If the server sends something else than the file; nothing is kept.
    """
    import requests
    from tqdm import tqdm

    held = _size(part)
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
            held = 0
        with (
            part.open("ab" if held else "wb") as file,
            tqdm(
                desc=source.name, total=source.size, initial=held, unit="B", unit_scale=True,
                disable=None if progress else True,  # None: shown on a terminal only
            ) as bar,
        ):  # fmt: skip
            held = _copy(response, file, held, source.size, bar)
    if held != source.size:
        part.unlink()
        raise _MirrorError(
            f"sent more than {source.size} bytes"
            if held > source.size
            else f"sent {held} bytes instead of {source.size}"
        )
    return None


def _copy(response: requests.Response, file: IO[bytes], held: int, limit: int, bar: tqdm) -> int:
    """Write the answer to the file until its end or the limit is passed; return the bytes held."""
    for chunk in response.iter_content(CHUNK):
        held += len(chunk)
        if held > limit:
            break
        file.write(chunk)
        bar.update(len(chunk))
    return held


def _size(path: Path) -> int:
    """Return the bytes of a file, 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


def _reason(error: requests.RequestException) -> str:
    """Say in a few words what went wrong; the errors' own texts run over lines of addresses."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    for kind, text in (
        (requests.Timeout, "timed out"),
        (requests.exceptions.SSLError, "certificate not accepted"),
        (requests.exceptions.ChunkedEncodingError, "broke off"),
        (requests.ConnectionError, "no connection"),
    ):
        if isinstance(error, kind):
            return text
    return type(error).__name__
