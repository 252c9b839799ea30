"""Synthesized speech: words said by the text-to-speech engines that are installed.

Each engine is a real one: espeak-ng and flite as programs, SVOX Pico as the Python package
`ttspico`, all in processes of their own. Synthetic voices are few and alike; they widen what a
network has heard, and never stand in for people.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.frontend import WORDS
from kws.resample import resample

Float32 = npt.NDArray[np.float32]

#: Seconds that an engine may take for one word.
TIMEOUT = 30
#: Accents of espeak-ng (``espeak-ng --voices=en``) and variants that change the speaker
#: (``espeak-ng --voices=variant``), without the comic ones.
ACCENTS = (
    "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029",
)  # fmt: skip
VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5",
    "klatt", "klatt2", "klatt3", "klatt4",
)  # fmt: skip
#: Says its last argument with SVOX Pico, in a process of its own: beside TensorFlow the library
#: crashed.
PICO = """
import sys
from ttspico import TtsEngine
engine = TtsEngine(sys.argv[1])
engine.rate, engine.pitch = int(sys.argv[2]), int(sys.argv[3])
sys.stdout.buffer.write(engine.speak(sys.argv[4]) or b"")
"""
#: Words that are asked for before the first is used: what has been said takes memory.
AT_ONCE = 256
#: Sound this far below the loudest, in dB, is trimmed from the ends.
TRIM = 35


@dataclass(frozen=True)
class Style:
    """How a voice speaks, as shares of its usual way.

    Attributes
    ----------
    speed, pitch : float
        1 is the usual one. Engines without a pitch ignore it.
    """

    speed: float = 1.0
    pitch: float = 1.0


class Engine(Protocol):
    """A text-to-speech engine.

    Attributes
    ----------
    name : str
    voices : tuple of str
    """

    name: str
    voices: tuple[str, ...]

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Return samples (n,) and their rate."""


class Espeak:
    """espeak-ng, a formant synthesizer: Debian ``espeak-ng``."""

    name = "espeak-ng"
    voices = tuple(f"{accent}+{variant}" for accent in ACCENTS for variant in VARIANTS)

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text; the usual speed is 160 words per minute, the usual pitch 50 of 99."""
        speed, pitch = round(160 * style.speed), min(99, round(50 * style.pitch))
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
        return _wave(_run(self.name, command))


class Flite:
    """flite, small voices made from recordings: Debian ``flite``."""

    name = "flite"
    voices = ("kal16", "awb", "rms", "slt")

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text; its pitch is the voice's own."""
        stretch = f"duration_stretch={1 / style.speed:.3f}"
        command = ["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", "/dev/stdout"]
        return _wave(_run(self.name, command))


class Pico:
    """SVOX Pico: the package ``ttspico``."""

    name = "pico"
    voices = ("en-US", "en-GB")

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text at 16 kHz."""
        speed, pitch = round(100 * style.speed), round(100 * style.pitch)
        command = [sys.executable, "-c", PICO, voice, str(speed), str(pitch), text]
        content = _run(self.name, command)
        samples = np.frombuffer(content[: len(content) // 2 * 2], np.int16)
        return samples.astype(np.float32) / 32768, WORDS.sample_rate


def installed() -> list[Engine]:
    """Return the engines that are installed."""
    engines: list[Engine] = [
        engine for program, engine in (("espeak-ng", Espeak()), ("flite", Flite()))
        if shutil.which(program)
    ]  # fmt: skip
    if importlib.util.find_spec("ttspico"):
        engines.append(Pico())
    return engines


def _run(name: str, command: Sequence[str]) -> bytes:
    """Run an engine that was given a text as its last argument; returns what it wrote."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
        if done.returncode == 0:
            return done.stdout
        reason = f"it ended with status {done.returncode}"
    except OSError as error:
        reason = error.strerror or str(error)
    except subprocess.TimeoutExpired:
        reason = f"it took more than {TIMEOUT} s"
    raise KwsError(f"{name} cannot say {command[-1]!r:.60}: {reason}")


def _wave(content: bytes) -> tuple[Float32, int]:
    """Read 16-bit mono WAV that was written to a pipe, so that its length is a guess."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            rate = file.getframerate()
            frames = file.readframes(len(content) // 2)
    except (EOFError, wave.Error):
        return np.empty(0, np.float32), WORDS.sample_rate  # nothing was said
    return np.frombuffer(frames[: len(frames) // 2 * 2], np.int16).astype(np.float32) / 32768, rate


@dataclass(frozen=True)
class Utterance:
    """A word to be said.

    Attributes
    ----------
    text : str
    engine : Engine
    voice : str
    style : Style
    """

    text: str
    engine: Engine
    voice: str
    style: Style

    def samples(self) -> Float32:
        """Say it: float32 (n,) at 16 kHz, trimmed, its peak at half of full scale.

        Raises
        ------
        KwsError
            If the engine fails or says nothing.
        """
        spoken, rate = self.engine.speak(self.text, self.voice, self.style)
        if not len(spoken):
            raise KwsError(f"{self.engine.name} says nothing for {self.text!r:.60}")
        spoken = resample(spoken, rate, WORDS.sample_rate)
        power = np.convolve(np.square(spoken), np.full(160, 1 / 160, np.float32), mode="same")
        loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (-TRIM / 10))
        if len(loud) < 160:
            raise KwsError(f"{self.engine.name} says nothing for {self.text!r:.60}")
        margin = WORDS.sample_rate // 40
        spoken = spoken[max(0, loud[0] - margin) : loud[-1] + margin]
        return np.asarray(spoken * (0.5 / np.abs(spoken).max()), np.float32)


def plan(words: Iterable[str], count: int, engines: Sequence[Engine], seed: int) -> list[Utterance]:
    """Decide who says each word, how fast and how high: ``count`` times each.

    The voices of the engines are drawn with weights: an engine counts by the root of the number
    of its voices, so that the few natural ones are heard as well as the many formant ones.
    """
    rng = np.random.default_rng(seed)
    pairs = [(engine, voice) for engine in engines for voice in engine.voices]
    weights = np.array([len(engine.voices) ** -0.5 for engine, _ in pairs])
    weights /= weights.sum()
    utterances = []
    for word in words:
        for number in rng.choice(len(pairs), count, p=weights):
            style = Style(*(float(np.exp(rng.uniform(-width, width))) for width in (0.25, 0.3)))
            utterances.append(Utterance(word, *pairs[number], style))
    return utterances


def say_all(utterances: Sequence[Utterance]) -> Iterator[Float32 | KwsError]:
    """Say them all, two at a time, in order; what fails is given as its error."""

    def say(utterance: Utterance) -> Float32 | KwsError:
        try:
            return utterance.samples()
        except KwsError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(utterances), AT_ONCE):
            yield from pool.map(say, utterances[start : start + AT_ONCE])


def common_words() -> list[str]:
    """Return the words that `pretrain` has synthesized: a random draw from the CMU dictionary."""
    return resources.files(__package__).joinpath("words.txt").read_text().split()
