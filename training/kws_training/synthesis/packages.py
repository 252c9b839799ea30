"""Text-to-speech engines that are Python packages: SVOX Pico, hibari, Piper and Pocket TTS.

Each speaks in a process of its own (`worker`), which is started for its first text and again
after it has crashed: beside TensorFlow, Pico did.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from kws.arrays import Float32
from kws.errors import KwsError

from .engine import Style
from .worker_process import Worker

#: Voices of SVOX Pico by language, as espeak-ng names it.
PICO = {
    "en": ("en-US", "en-GB"),
    "de": ("de-DE",),
    "es": ("es-ES",),
    "fr": ("fr-FR",),
    "it": ("it-IT",),
}
#: Languages of Pocket TTS by language as espeak-ng names it.
POCKET = {
    "en": "english",
    "de": "german",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "pt": "portuguese",
}
#: Folder of Pocket TTS' speakers in the cache of the Hugging Face Hub.
POCKET_SPEAKERS = "models--kyutai--pocket-tts-without-voice-cloning"
#: Most bytes of the description of a Piper voice.
MOST_JSON = 1 << 20
#: Most speakers of a Piper voice.
MOST_SPEAKERS = 10_000


class Pico:
    """SVOX Pico: the package ``ttspico``.

    Parameters
    ----------
    language : str
        As espeak-ng names it.
    """

    name = "pico"
    natural = True

    def __init__(self, language: str = "en") -> None:
        self.voices = PICO.get(language, ())
        self._worker = Worker(self.name)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text at 16 kHz; see `Engine.speak`."""
        return self._worker.speak(text, voice, style)


class Hibari:
    """hibari: the package ``hibari-tts``, one voice inside, four that it downloads."""

    name = "hibari"
    natural = True

    def __init__(self) -> None:
        from hibari.voices import VOICES, voice_path

        self.voices: tuple[str, ...] = ()
        for voice in VOICES:
            with contextlib.suppress(OSError):  # one that is not here
                voice_path(voice, download_missing=False)
                self.voices += (voice,)
        self._worker = Worker(self.name)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text at 24 kHz, the pitch the voice's own; see `Engine.speak`."""
        return self._worker.speak(text, voice, style)


class Piper:
    """Piper: the package ``piper-tts``, and voices that are files.

    Parameters
    ----------
    models : dict of str to Path
        ``.onnx`` files by the name of their voice, each with its ``.onnx.json`` beside it.
    language : str
        What the voices must speak.
    """

    name = "piper"
    natural = True

    def __init__(self, models: dict[str, Path], language: str = "en") -> None:
        self._places: dict[str, str] = {}
        for voice, path in sorted(models.items()):
            speakers = _speakers(path, language)
            for name, number in speakers.items():
                full = f"{voice}/{name}" if len(speakers) > 1 else voice
                # names come from files, and go into a table and into names of files
                self._places[re.sub(r"[^\w./+-]", "_", full)[:80]] = f"{path}:{number}"
        self.voices = tuple(self._places)
        self._worker = Worker(self.name)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text at the voice's own rate and pitch; see `Engine.speak`."""
        # [[ ]] would be phonemes
        return self._worker.speak(text.replace("[[", "["), self._places[voice], style)


def _speakers(path: Path, language: str) -> dict[str, int]:
    """Return the speakers of a Piper voice, by name; none if it speaks another language.

    Raises
    ------
    KwsError
        If its description cannot be read.
    """
    described = Path(f"{path}.json")
    try:
        with described.open("rb") as file:
            content = file.read(MOST_JSON + 1)
        if len(content) > MOST_JSON:
            raise ValueError("it is too large")
        config: Any = json.loads(content)
        if str(config["espeak"]["voice"]).partition("-")[0].lower() != language:
            return {}
        speakers = {str(name): int(number) for name, number in config["speaker_id_map"].items()}
        if len(speakers) > MOST_SPEAKERS:
            raise ValueError("it has too many speakers")
        # some voices have speakers without names
        number = int(config.get("num_speakers", 1))
        if not 0 <= number <= MOST_SPEAKERS:
            raise ValueError("it has too many speakers")
        return speakers or {str(one): one for one in range(number)} or {"": 0}
    except OSError as error:
        reason = error.strerror or str(error)
    except KeyError as error:
        reason = f"it has no {error.args[0]}"
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
    raise KwsError(f"{described}: no description of a Piper voice ({reason})")


class PocketTts:
    """Kyutai's Pocket TTS: the package ``pocket-tts``, its speakers by download.

    Parameters
    ----------
    language : str
        As espeak-ng names it.
    """

    name = "pocket-tts"
    natural = True

    def __init__(self, language: str = "en") -> None:
        self._language = POCKET.get(language, "")
        self.voices = _pocket_speakers(self._language) if self._language else ()
        self._worker = Worker(self.name)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text at 24 kHz, speed and pitch the speaker's own; see `Engine.speak`."""
        return self._worker.speak(text, f"{self._language}/{voice}", style)


def _pocket_speakers(language: str) -> tuple[str, ...]:
    """Return the speakers of a language that Pocket TTS has downloaded, with its network.

    The package keeps them in the cache of the Hugging Face Hub; to ask it would take the seconds in
    which it imports PyTorch.
    """
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    home = Path(user, "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or home, "hub"))
    inside = f"snapshots/*/languages/{language}"
    if not any(hub.glob(f"models--kyutai--pocket-tts*/{inside}/*.safetensors")):
        return ()
    speakers = hub.glob(f"{POCKET_SPEAKERS}/{inside}/embeddings/*.safetensors")
    return tuple(sorted({path.stem for path in speakers if path.stem.isidentifier()}))


def folder_of(package: str) -> Path | None:
    """Return the folder of a Python package that is installed; the package is not imported.

    Parameters
    ----------
    package : str
        The name that it is imported by.

    Returns
    -------
    Path or None
        None if it is not there.
    """
    spec = _found(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def there(package: str) -> bool:
    """Tell whether a Python package is installed.

    Parameters
    ----------
    package : str
        The name that it is imported by.

    Returns
    -------
    bool
        True if it is found; it is not imported.
    """
    return _found(package) is not None


def _found(package: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
