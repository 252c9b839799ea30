"""Text-to-speech engines that are programs: espeak-ng, flite, festival.

A text is given to them on standard input or as the value of an option, never through a shell and
never where it could be taken for an option or for code.
"""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import wave
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.pcm import to_float32
from kws.programs import run

from .engine import Style

#: English accents of espeak-ng (``espeak-ng --voices=en``).
ACCENTS = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
)
#: Variants of espeak-ng that change the speaker (``espeak-ng --voices=variant``), without the comic
#: ones.
VARIANTS = (
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "klatt",
    "klatt2",
    "klatt3",
    "klatt4",
)
#: Where Festival's voices are: Debian's folder, and that of its own installation.
FESTIVAL_FOLDERS = ("/usr/share/festival", "/usr/local/share/festival")


class Espeak:
    """espeak-ng, a formant synthesizer: Debian ``espeak-ng``.

    Parameters
    ----------
    language : str
        As espeak-ng names it.
    """

    name = "espeak-ng"
    natural = False

    def __init__(self, language: str = "en") -> None:
        # variants of "en-gb" are all one voice in espeak-ng 1.51; those of "en", which is British
        # as well, are not
        english = tuple("en" if accent == "en-gb" else accent for accent in ACCENTS)
        accents = english if language == "en" else (language,)
        self.voices = tuple(f"{accent}+{variant}" for accent in accents for variant in VARIANTS)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text; see `Engine.speak`.

        The usual speed is 160 words per minute, the usual pitch 50 of 99.
        """
        speed, pitch = round(160 * style.speed), min(99, round(50 * style.pitch))
        command = [
            self.name,
            "-v",
            voice,
            "-s",
            str(speed),
            "-p",
            str(pitch),
            "--stdin",
            "--stdout",
        ]
        return read_wave(run(self.name, command, text))


def speaks(language: str) -> bool:
    """Tell whether espeak-ng speaks a language.

    Parameters
    ----------
    language : str
        As espeak-ng names it.

    Returns
    -------
    bool
        False also if espeak-ng fails.
    """
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9-]{1,20})?", language):
        return False
    try:
        listed = run("espeak-ng", ["espeak-ng", f"--voices={language}"], "")
    except KwsError:
        return False
    return len(listed.splitlines()) > 1


class Flite:
    """flite, small voices made from recordings: Debian ``flite``."""

    name = "flite"
    voices: tuple[str, ...] = ("kal16", "awb", "rms", "slt")
    natural = True

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text, the pitch the voice's own; see `Engine.speak`."""
        stretch = f"duration_stretch={1 / style.speed:.3f}"
        # not on standard input, from which flite 2.2 reads for ever
        command = [self.name, "-voice", voice, "--setf", stretch, "-t", text, "-o", "/dev/stdout"]
        return read_wave(run(self.name, command, text))


class Festival:
    """Festival, diphone and HTS voices: Debian ``festival`` and ``festvox-*``."""

    name = "festival"
    natural = True

    #: Speaks what ``/usr/bin/text2wave`` does, from a file of plain text.
    program = "text2wave"

    def __init__(self) -> None:
        self.voices = english_festival_voices()

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text, the pitch the voice's own; see `Engine.speak`."""
        if voice.endswith("_hts"):
            # options of hts_engine: -r, the rate of speech
            speed = f'(list (list "-r" {style.speed:.3f}))'
            speed = f"(set! hts_engine_params (append hts_engine_params {speed}))"
        else:
            speed = f"(Parameter.set 'Duration_Stretch {1 / style.speed:.3f})"
        with tempfile.TemporaryDirectory(prefix="kws-festival-") as folder:
            # text2wave goes back to write the length, so that a pipe would not do
            output = Path(folder, "said.wav")
            command = [self.program, "-eval", f"(begin (voice_{voice}) {speed})", "-o", str(output)]
            # Festival knows Latin letters only, one byte each
            run(self.name, command, text, encoding="latin-1")
            return read_wave(output.read_bytes() if output.exists() else b"")


def english_festival_voices() -> tuple[str, ...]:
    """List the English voices that Festival has installed.

    Returns
    -------
    tuple of str
        Their names, without ``voice_`` before them; none without Festival.
    """
    if not (shutil.which("festival") and shutil.which(Festival.program)):
        return ()
    folders: list[Path] = []
    for share in FESTIVAL_FOLDERS:
        folders += [*Path(share, "voices/english").glob("*"), *Path(share, "voices/us").glob("*")]
    names = {folder.name for folder in folders if folder.is_dir()}
    return tuple(sorted(name for name in names if re.fullmatch(r"\w+", name, re.ASCII)))


def read_wave(content: bytes) -> tuple[Float32, int]:
    """Read 16-bit mono WAV that was written to a pipe, so that its stated length is a guess.

    Parameters
    ----------
    content : bytes
        The file, as far as it came.

    Returns
    -------
    samples : float32 (n,)
        The audio in -1 .. 1; empty if it is no WAV.
    rate : int
        Samples per second.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            rate = file.getframerate()
            frames = file.readframes(len(content) // 2)
    except (EOFError, wave.Error):
        return np.empty(0, np.float32), WORDS.sample_rate  # nothing was said
    return to_float32(np.frombuffer(frames[: len(frames) // 2 * 2], np.int16)), rate
