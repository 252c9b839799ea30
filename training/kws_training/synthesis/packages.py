"""Text-to-speech engines that are Python packages: SVOX Pico, hibari and Piper.

Each speaks in a process of its own (`worker`), which is started for its first text and again
after it has crashed: beside TensorFlow, Pico did.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np

from kws.arrays import Float32
from kws.errors import KwsError

from .engine import Style
from .worker import REPLY

#: Seconds that a package may take for one text, its model's loading included.
TIMEOUT = 120
#: Most bytes of a reply: 20 minutes of audio at 48 kHz.
MOST_BYTES = 1200 * 48000 * 4
#: Voices of SVOX Pico by language, as espeak-ng names it.
PICO = {
    "en": ("en-US", "en-GB"),
    "de": ("de-DE",),
    "es": ("es-ES",),
    "fr": ("fr-FR",),
    "it": ("it-IT",),
}
#: Most bytes of the description of a Piper voice.
MOST_JSON = 1 << 20
#: Most speakers of a Piper voice.
MOST_SPEAKERS = 10_000


class Worker:
    """A process that speaks with one package.

    Parameters
    ----------
    name : str
        As in `worker.PACKAGES`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text in the process; one text at a time.

        Parameters
        ----------
        text : str
            What is said.
        voice : str
            As the package names it.
        style : Style
            How it is said.

        Returns
        -------
        samples : float32 (n,)
            The audio.
        rate : int
            Samples per second.

        Raises
        ------
        KwsError
            If the package fails, crashes or takes too long.
        """
        request = {
            "text": text,
            "voice": voice,
            "speed": style.speed,
            "pitch": style.pitch,
            "take": style.take,
        }
        with self._lock:
            process = self._running()
            late = threading.Timer(TIMEOUT, process.kill)
            late.start()
            try:
                rate, content = self._ask(process, json.dumps(request).encode() + b"\n")
            except (OSError, EOFError):
                slow = not late.is_alive()
                process.kill()
                reason = f"it took more than {TIMEOUT} s" if slow else "it crashed"
                raise KwsError(f"{self.name} cannot say {text!r:.60}: {reason}") from None
            finally:
                late.cancel()
        if not rate:
            reason = " ".join(content.decode("utf-8", "replace").split())
            raise KwsError(f"{self.name} cannot say {text!r:.60}: {reason:.200}")
        return np.frombuffer(content, "<f4").astype(np.float32), rate

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, started if need be."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", f"{__package__}.worker", self.name]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            weakref.finalize(self, _end, self._process)
        return self._process

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], request: bytes) -> tuple[int, bytes]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        process.stdin.flush()
        rate, size = REPLY.unpack(_exactly(process.stdout, REPLY.size))
        if size > MOST_BYTES or (size % 4 and rate):
            raise EOFError
        return rate, _exactly(process.stdout, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that nobody asks any more."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()
    process.wait()


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
        return speakers or {"": 0}
    except OSError as error:
        reason = error.strerror or str(error)
    except KeyError as error:
        reason = f"it has no {error.args[0]}"
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
    raise KwsError(f"{described}: no description of a Piper voice ({reason})")


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
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
