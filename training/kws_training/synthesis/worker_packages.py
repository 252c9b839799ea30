"""What the process of `worker` speaks with: one class for each text-to-speech package.

Packages are imported when they are needed: this module is only read where they speak.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from kws.arrays import Float32
from kws.pcm import to_float32

from .blends import read_blend

#: Piper's models that are kept in memory: each takes some 100 MB, and seconds to load.
KEPT_MODELS = 8
#: English as espeak-ng names it.
AMERICAN, BRITISH = "en-us", "en-gb"
#: Slowest and fastest speed that Kokoro's package takes.
KOKORO_SPEEDS = (0.5, 2.0)
#: Languages that Kokoro's voices speak besides English, as espeak-ng's phonemes are named for them.
KOKORO_LANGUAGES = {"es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "pt": "pt-br"}


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
        from piper.config import PiperConfig
        from piper.voice import PiperVoice

        path, _, _ = voice.rpartition(":")
        if path in self._models:
            return
        if len(self._models) >= KEPT_MODELS:
            self._models.pop(next(iter(self._models)))
        session = _session(path)
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


class KokoroPackage:
    """Kokoro, by ``kokoro-onnx``; phonemes of English by ``hibari-tts`` where it is installed.

    A voice is the path of the network, that of the style vectors, the language of the text, and a
    blend as `blends.blend_name` writes it, each on a line.
    """

    def __init__(self) -> None:
        self._models: dict[str, Any] = {}
        self._phonemes: dict[str, Callable[[str], str]] = {}
        self._styles: dict[tuple[str, str], Float32] = {}

    def load(self, voice: str) -> None:
        """Read the network, the rules of the language, and the style vectors of a blend.

        Parameters
        ----------
        voice : str
            As `kokoro.Kokoro` writes it.
        """
        from kokoro_onnx import Kokoro

        network, vectors, language, name = voice.split("\n")
        if network not in self._models:
            self._models[network] = Kokoro.from_session(_session(network), vectors)
        model = self._models[network]
        spoken = _kokoro_language(language, name)
        if spoken not in self._phonemes:
            self._phonemes[spoken] = _phonemes_by(model, spoken)
        for part in read_blend(name):
            if (vectors, part) not in self._styles:
                style = np.asarray(model.voices[part], np.float32)
                if style.shape[1:] != (1, 256) or not len(style):
                    raise ValueError(f"{vectors}: style vectors of another shape than Kokoro's")
                self._styles[vectors, part] = style

    def say(
        self, text: str, voice: str, speed: float, pitch: float, take: int
    ) -> tuple[Float32, int]:
        """Say a text at 24 kHz, always in the same way, the pitch the voice's own.

        See `Package.say`.
        """
        network, vectors, language, name = voice.split("\n")
        parts = read_blend(name)
        styles = [self._styles[vectors, part] for part in parts]
        rows = min(map(len, styles))
        shares = np.array(list(parts.values()), np.float32)
        blend = np.tensordot(shares / shares.sum(), np.stack([one[:rows] for one in styles]), 1)
        phonemes = self._phonemes[_kokoro_language(language, name)](text)
        said, rate = self._models[network].create(
            phonemes, blend, float(np.clip(speed, *KOKORO_SPEEDS)), is_phonemes=True, trim=False
        )
        return np.asarray(said, np.float32), rate


class PocketPackage:
    """Kyutai's Pocket TTS, by ``pocket-tts``.

    A voice is the name of a language, as the package has it, a slash, and that of a speaker. What
    is not in the cache of the Hugging Face Hub is not downloaded.
    """

    def __init__(self) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        self._models: dict[str, Any] = {}
        self._speakers: dict[str, Any] = {}

    def load(self, voice: str) -> None:
        """Read the network of a language, and a speaker; see `Package.load`."""
        from pocket_tts import TTSModel

        language, _, speaker = voice.partition("/")
        if language not in self._models:
            self._models[language] = TTSModel.load_model(language=language)
        if voice not in self._speakers:
            model = self._models[language]
            self._speakers[voice] = model.get_state_for_audio_prompt(speaker)

    def say(
        self, text: str, voice: str, speed: float, pitch: float, take: int
    ) -> tuple[Float32, int]:
        """Say a text at the model's rate, speed and pitch the speaker's own; see `Package.say`."""
        import torch

        model = self._models[voice.partition("/")[0]]
        torch.manual_seed(take)
        said = model.generate_audio(self._speakers[voice], text)
        return np.asarray(said.numpy(), np.float32).reshape(-1), model.sample_rate


#: The packages by the name of their engine.
PACKAGES: dict[str, Callable[[], Package]] = {
    "pico": PicoPackage,
    "hibari": HibariPackage,
    "piper": PiperPackage,
    "kokoro": KokoroPackage,
    "pocket-tts": PocketPackage,
}


def _session(path: str) -> Any:
    """Open a network in ONNX so that forks of this process can use it, each from the same seed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # no threads, which a fork would lack
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    onnxruntime.set_seed(0)  # what a network draws begins here, in each fork anew
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _kokoro_language(language: str, voice: str) -> str:
    """Return the name of a language for phonemes; a blend speaks as its first voice does."""
    return KOKORO_LANGUAGES.get(language, BRITISH if voice.startswith("b") else AMERICAN)


def _phonemes_by(model: Any, language: str) -> Callable[[str], str]:
    """Return what turns a text into the phonemes that Kokoro was trained with.

    hibari's rules of English are those of Kokoro's authors; espeak-ng's, by `kokoro-onnx`, stand in
    for them, and serve the other languages.
    """
    if language in (AMERICAN, BRITISH):
        try:
            from hibari.g2p import G2P
        except ImportError:
            pass
        else:
            rules = G2P(british=language == BRITISH)
            rules("ready")
            return lambda text: str(rules(text))
    return lambda text: str(model.tokenizer.phonemize(text, language))
