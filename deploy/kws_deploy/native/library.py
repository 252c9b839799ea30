"""A model as a C library for apps, with what the usual builds need: `export_library`."""

from __future__ import annotations

from pathlib import Path

from kws.modelfile import ModelFile

from ..folders import check_folder, write_folder
from .compiler import package_sources
from .stream import stream_files, stream_sources

#: Folders of the files that are the same for every model.
_FOLDERS = ("", "examples/file", "examples/Microphone", "zephyr")
#: Where CMake builds.
_BUILD = "build/"


def export_library(model: ModelFile, folder: Path) -> list[Path]:
    """Write a model as a folder of C99 with a small interface: whole, or nothing.

    Parameters
    ----------
    model : ModelFile
        An int8 model of the task commands or wake-words, with one front end.
    folder : Path
        Made, or replaced if it holds nothing but an earlier export and what was built of it.

    Returns
    -------
    list of Path
        The files, by name.

    Raises
    ------
    ModelError
        If the model cannot be exported; says why and what to do.
    KwsError
        If the folder cannot be written, or holds other files.
    """
    shipped = {
        f"{where}/{name}".lstrip("/"): text
        for where in _FOLDERS
        for name, text in package_sources(__package__, f"library/{where}").items()
    }
    ours = {*shipped, *(f"src/{name}" for name in stream_files())}
    check_folder(folder, lambda name: name in ours or name.startswith(_BUILD), shipped)
    sources = {f"src/{name}": text for name, text in stream_sources(model).items()}
    return write_folder(folder, shipped | sources)
