"""Where the weights of others come from: a path, the environment, the cache or a download."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from kws.errors import ModelError

from ..cache import cache_folder
from ..data.download import Download, DownloadError, fetch

#: Names YAMNet's file when no path is given.
VARIABLE = "KWS_YAMNET"
#: Names the file of the speech embedding when no path is given.
SPEECH_VARIABLE = "KWS_SPEECH_EMBEDDING"

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

#: The wheel of openWakeWord 0.5.1 on PyPI, in which Google's speech embedding is: Apache-2.0, both.
SPEECH_WHEEL = Download(
    name="openwakeword-0.5.1-py3-none-any.whl",
    size=16_669_337,
    sha256="015467e49f08b0ef8efa433690ce70566abb72f7c36501a6fa893762b4ddc559",
    mirrors=(
        "https://files.pythonhosted.org/packages/00/b7/"
        "4bbef6bd840866579672eb7240c19f547dcb12dc685dbf725a67a6afbac3/"
        "openwakeword-0.5.1-py3-none-any.whl",
    ),
)


@dataclass(frozen=True)
class _Ways:
    """The ways to give a file by hand."""

    option: str
    variable: str
    expected: str


_YAMNET_WAYS = _Ways("--yamnet", VARIABLE, "YAMNet's .tflite or .h5 file")
_SPEECH_WAYS = _Ways(
    "--speech-embedding", SPEECH_VARIABLE, "the wheel of openWakeWord or its embedding_model.tflite"
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
        Folder of the download; by default that of `kws_training.cache.cache_folder`.

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
    return _find(path, _YAMNET_WAYS, source, cache, progress=progress)


def find_speech_embedding(
    path: Path | None = None,
    *,
    progress: bool = True,
    source: Download = SPEECH_WHEEL,
    cache: Path | None = None,
) -> Path:
    """Return the path of the speech embedding's weights; download them if they are nowhere yet.

    Parameters
    ----------
    path : Path, optional
        What the user gave as ``--speech-embedding``; else the environment variable
        `SPEECH_VARIABLE`, else the cached download, else a download.
    progress : bool
        Show the progress of a download, if stderr is a terminal.
    source : Download
        The file to download.
    cache : Path, optional
        Folder of the download; by default that of `kws_training.cache.cache_folder`.

    Returns
    -------
    Path
        An existing file. A given file may be any that
        `kws_training.networks.speech_file.read_speech_embedding` accepts; a downloaded one has the
        pinned digest.

    Raises
    ------
    ModelError
        If the given file is not there, or there is neither a file nor a download.
    """
    return _find(path, _SPEECH_WAYS, source, cache, progress=progress)


def _find(
    path: Path | None, ways: _Ways, source: Download, cache: Path | None, *, progress: bool
) -> Path:
    """Return a given file, or the cached download, or download it."""
    if path is not None:
        return _given(path, ways.option, ways)
    if named := os.environ.get(ways.variable):
        return _given(Path(named), ways.variable, ways)
    if cache is None:
        cache = cache_folder()
    try:
        return fetch(source, cache, progress=progress)
    except DownloadError as error:
        raise ModelError(f"{error}, {_by_hand(source, ways)}") from error
    except OSError as error:
        raise ModelError(
            f"{cache}: cannot keep {source.name} there ({error.strerror or error}): make room or "
            f"set KWS_CACHE to another folder, {_by_hand(source, ways)}"
        ) from error


def _given(path: Path, where: str, ways: _Ways) -> Path:
    """Return a path that the user named, or say that nothing is there."""
    with contextlib.suppress(RuntimeError):  # nobody's home
        path = path.expanduser()
    if not path.is_file():
        raise ModelError(
            f"{where}: {path} is not a file: give {ways.expected}, "
            "or leave it out to have it downloaded"
        )
    return path


def _by_hand(source: Download, ways: _Ways) -> str:
    """Say how to do without the download."""
    return (
        f"or get {source.mirrors[0]} elsewhere and give it as {ways.option} FILE or "
        f"{ways.variable}=FILE"
    )
