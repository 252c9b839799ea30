"""Voices of text-to-speech engines that are downloaded: their files, digests and licences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kws.errors import KwsError

from ..cache import cache_folder
from ..data.download import Download, fetch

#: Where Piper's voices are published.
PIPER = "https://huggingface.co/rhasspy/piper-voices"
#: Where the author of ``kokoro-onnx`` publishes network and voices.
KOKORO = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
#: Kokoro-82M in int8. Size and SHA-256 are those of the same file in `kokoro.PARTS`.
KOKORO_NETWORK = Download(
    "kokoro-v1.0.int8.onnx",
    92_361_271,
    "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
    (f"{KOKORO}/kokoro-v1.0.int8.onnx",),
)
#: Style vectors of 54 voices in nine languages. Size and SHA-256 are what public projects pin,
#: independent of each other, for this file of this page.
KOKORO_VECTORS = Download(
    "voices-v1.0.bin",
    28_214_398,
    "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d",
    (f"{KOKORO}/voices-v1.0.bin",),
)


@dataclass(frozen=True)
class PublishedVoices:
    """Voices that can be downloaded together.

    Attributes
    ----------
    name : str
        As ``--download`` takes it; of Piper language, voice and quality.
    speakers : int
        Number of the voices.
    licence : str
        Of the recordings that they were trained on, or of the network.
    files : tuple of Download
        In the order in which they are downloaded: without the last one there is no voice.
    """

    name: str
    speakers: int
    licence: str
    files: tuple[Download, ...]


def _piper(
    name: str, speakers: int, licence: str, model: tuple[int, str], description: tuple[int, str]
) -> PublishedVoices:
    code, voice, quality = name.split("-")
    folder = f"{PIPER}/resolve/main/{code[:2]}/{code}/{voice}/{quality}"
    files = tuple(
        Download(file, size, None, (f"{folder}/{file}",), md5)
        for file, (size, md5) in (
            (f"{name}.onnx", model),
            (f"{name}.onnx.json", description),
        )
    )
    return PublishedVoices(name, speakers, licence, files)


#: Voices whose licences allow every use. Of Piper those of many speakers; their sizes and digests
#: are those of its own list of voices (rhasspy/piper, ``src/python_run/piper/voices.json``).
PUBLISHED = {
    voice.name: voice
    for voice in (
        _piper(
            "en_US-libritts-high",
            904,
            "CC BY 4.0 (LibriTTS)",
            (136673811, "61d7845257f8abdc27476f606151ef8d"),
            (25569, "c1c0ae81778060f8131d6c51abf548a6"),
        ),
        _piper(
            "en_GB-vctk-medium",
            109,
            "CC BY 4.0 (VCTK)",
            (76952753, "573025290fdc68812543b7438ace0c29"),
            (9200, "0eca51508c23837212e7c35d51c4a1fb"),
        ),
        _piper(
            "en_US-arctic-medium",
            18,
            "free (CMU ARCTIC)",
            (76766385, "497c47037c2e279faf467e0a06f965d2"),
            (7347, "0a3270843677fabafc87ef423d1e5e52"),
        ),
        PublishedVoices("kokoro", 54, "Apache-2.0 (Kokoro-82M)", (KOKORO_NETWORK, KOKORO_VECTORS)),
    )
}


def download_voices(names: Sequence[str]) -> None:
    """Download voices into the cache, where the engines find them.

    Parameters
    ----------
    names : sequence of str
        Names of `PUBLISHED`.

    Raises
    ------
    KwsError
        If there are no such voices, or no mirror gives them.
    """
    for name in names:
        if name not in PUBLISHED:
            known = ", ".join(f"{one.name} ({one.speakers} voices)" for one in PUBLISHED.values())
            raise KwsError(f"--download {name}: no such voices, there are {known}")
    for name in names:
        for file in PUBLISHED[name].files:
            fetch(file, cache_folder("voices"))
