"""The process in which a text-to-speech package speaks: if it crashes or leaks, nothing else does.

Run as ``python -m kws_training.synthesis.worker PACKAGE``. Each line on standard input is one
request, as JSON; each reply is a sample rate and a number of bytes (`REPLY`), then float32 samples,
or a message if the rate is 0. Voices are loaded once; each text is said in a fork of this process,
so that what an engine draws by chance does not depend on what it has said before.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from kws.arrays import Float32
from kws.pcm import to_float32

#: Sample rate in Hz, 0 for an error; bytes that follow.
REPLY = struct.Struct("<II")
#: Piper's models that are kept in memory: each takes some 100 MB, and seconds to load.
KEPT_MODELS = 8


class Package(Protocol):
    """A text-to-speech package."""

    def load(self, voice: str) -> None:
        """Make a voice ready.

        Parameters
        ----------
        voice : str
            As the package names it.
        """

    def say(
        self, text: str, voice: str, speed: float, pitch: float, take: int
    ) -> tuple[Float32, int]:
        """Say a text.

        Parameters
        ----------
        text : str
            What is said.
        voice : str
            One that is loaded.
        speed : float
            1 is the usual speed.
        pitch : float
            1 is the usual pitch.
        take : int
            Seed of what the package draws by chance.

        Returns
        -------
        samples : float32 (n,)
            The audio.
        rate : int
            Samples per second.
        """


class PicoPackage:
    """SVOX Pico, by ``ttspico``."""

    def __init__(self) -> None:
        self._engines: dict[str, Any] = {}

    def load(self, voice: str) -> None:
        """Read the files of a language.

        Parameters
        ----------
        voice : str
            The language and country, as "en-US".
        """
        from ttspico import TtsEngine

        if voice not in self._engines:
            self._engines[voice] = TtsEngine(voice)

    def say(
        self, text: str, voice: str, speed: float, pitch: float, take: int
    ) -> tuple[Float32, int]:
        """Say a text at 16 kHz, always in the same way; see `Package.say`."""
        engine = self._engines[voice]
        engine.rate, engine.pitch = round(100 * speed), round(100 * pitch)
        content = engine.speak(text) or b""
        samples = np.frombuffer(content[: len(content) // 2 * 2], np.int16)
        return to_float32(samples), 16000


class HibariPackage:
    """hibari, by ``hibari-tts``."""

    def __init__(self) -> None:
        self._voices: dict[str, Any] = {}

    def load(self, voice: str) -> None:
        """Read a voice and the rules of its English; see `Package.load`."""
        from hibari import Hibari

        if voice not in self._voices:
            self._voices[voice] = Hibari(voice)
            self._voices[voice].phonemize("ready")

    def say(
        self, text: str, voice: str, speed: float, pitch: float, take: int
    ) -> tuple[Float32, int]:
        """Say a text at 24 kHz, the pitch the voice's own; see `Package.say`."""
        return self._voices[voice](text, speed=speed, seed=take), 24000


class PiperPackage:
    """Piper, by ``piper-tts``.

    A voice is the path of its model, a colon and the number of the speaker.
    """

    def __init__(self) -> None:
        self._models: dict[str, Any] = {}

    def load(self, voice: str) -> None:
        """Read the model of a voice.

        Parameters
        ----------
        voice : str
            Path of the model, a colon and the number of the speaker.
        """
        import onnxruntime
        from piper.config import PiperConfig
        from piper.voice import PiperVoice

        path, _, _ = voice.rpartition(":")
        if path in self._models:
            return
        if len(self._models) >= KEPT_MODELS:
            self._models.pop(next(iter(self._models)))
        options = onnxruntime.SessionOptions()
        # no threads, which a fork would lack
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        onnxruntime.set_seed(0)  # what a network draws begins here, in each fork anew
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        with open(f"{path}.json", encoding="utf-8") as file:  # noqa: PTH123
            config = PiperConfig.from_dict(json.load(file))
        self._models[path] = PiperVoice(session=session, config=config)

    def say(
        self, text: str, voice: str, speed: float, pitch: float, take: int
    ) -> tuple[Float32, int]:
        """Say a text at the model's rate, the pitch the voice's own; see `Package.say`."""
        from piper.config import SynthesisConfig

        path, _, speaker = voice.rpartition(":")
        model = self._models[path]
        config = model.config
        # around what the voice was published with, usually 0.667 and 0.8
        tone, rhythm = np.random.default_rng(take).uniform(0.75, 1.25, 2)
        wanted = SynthesisConfig(
            speaker_id=int(speaker) if config.num_speakers > 1 else None,
            length_scale=config.length_scale / speed,
            noise_scale=config.noise_scale * float(tone),
            noise_w_scale=config.noise_w_scale * float(rhythm),
        )
        chunks = [chunk.audio_float_array for chunk in model.synthesize(text, wanted)]
        said = np.concatenate(chunks) if chunks else np.empty(0, np.float32)
        return said, config.sample_rate


#: The packages by the name of their engine.
PACKAGES: dict[str, Callable[[], Package]] = {
    "pico": PicoPackage,
    "hibari": HibariPackage,
    "piper": PiperPackage,
}


def serve(name: str) -> None:
    """Answer requests on standard input until there are no more.

    Parameters
    ----------
    name : str
        One of `PACKAGES`.
    """
    replies = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no reply
    package: Package | None = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            if package is None:
                package = PACKAGES[name]()
            package.load(request["voice"])
        except Exception as error:
            _reply(replies, 0, _message(error))
            continue
        child = os.fork()
        if not child:
            _say(package, request, replies)
        _, status = os.waitpid(child, 0)
        if status:
            _reply(replies, 0, b"it crashed")


def _say(package: Package, request: dict[str, Any], replies: int) -> None:
    """Say a text, reply and end the process."""
    try:
        samples, rate = package.say(**request)
        content = np.ascontiguousarray(samples, "<f4").tobytes()
    except BaseException as error:
        rate, content = 0, _message(error)
    try:
        _reply(replies, rate, content)
    finally:
        os._exit(0)


def _message(error: BaseException) -> bytes:
    return f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:1000]


def _reply(file: int, rate: int, content: bytes) -> None:
    left = memoryview(REPLY.pack(rate, len(content)) + content)
    while left:
        left = left[os.write(file, left) :]


if __name__ == "__main__":
    serve(sys.argv[1])
