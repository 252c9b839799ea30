"""Where YAMNet's weights come from: a path, the environment, the cache or a download."""

from __future__ import annotations

import os
from pathlib import Path

from kws.errors import ModelError

from ..data.download import Download, DownloadError, fetch

#: Names a weights file when no path is given.
VARIABLE = "KWS_YAMNET"

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
        An existing file. A given file may be any that
        `kws_training.networks.yamnet_file.read_yamnet` accepts; a downloaded one has the pinned
        digest.

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
    try:
        return fetch(source, cache, progress=progress)
    except DownloadError as error:
        raise ModelError(f"{error}, {_by_hand(source)}") from error
    except OSError as error:
        raise ModelError(
            f"{cache}: cannot keep {source.name} there ({error.strerror or error}): make room or "
            f"set XDG_CACHE_HOME to another folder, {_by_hand(source)}"
        ) from error


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
