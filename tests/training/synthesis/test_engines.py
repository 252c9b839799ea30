"""Engines: hostile texts, crashes, what is missing and what to install, Piper's voices."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import kws.programs
from kws.errors import KwsError
from kws_training.synthesis import engines, packages, piper, programs, worker_process
from kws_training.synthesis.engine import Style
from kws_training.synthesis.engines import INSTALL, chosen, installed
from kws_training.synthesis.packages import Piper
from kws_training.synthesis.published import PUBLISHED, download_voices
from kws_training.synthesis.worker_process import Worker

HOSTILE = (
    "-o here",
    '(system "touch here")',
    '") (system "touch here',
    "$(touch here)",
    "[[h'eI]]",
    "hey\ndevice",
    "\udcff",
    "مرحبا",
    "'; touch here",
    "--help",
    "-v de -w here",
    "`touch here`",
    "<audio src='/etc/passwd'/>",
    "%s%n",
    "a" * 300,
    "💡",
)


@pytest.fixture(scope="module")
def found():
    return {one.name: one for one in installed()}


@pytest.fixture(params=INSTALL)
def engine(request, found):
    if request.param not in found:
        pytest.skip(f"{request.param} is not installed: {INSTALL[request.param]}")
    return found[request.param]


def test_texts_are_neither_options_nor_code(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slow = engine.name in ("festival", "hibari", "piper", "kokoro", "pocket-tts")
    for text in HOSTILE[:8] if slow else HOSTILE:
        try:
            samples, rate = engine.speak(text, engine.voices[0], Style(1.5))
        except KwsError as error:
            assert engine.name in str(error)
            assert "\n" not in str(error)
        else:
            assert samples.dtype == np.float32
            assert len(samples) < 60 * rate
    assert list(tmp_path.iterdir()) == []


def test_the_same_is_said_twice_whatever_was_said_between(engine):
    voice, style = engine.voices[-1], Style(1.1, 0.9, 1.0, 7)
    once, _ = engine.speak("hey device", voice, style)
    engine.speak("something else", engine.voices[0], Style(0.9, 1.2, 1.0, 8))
    again, _ = engine.speak("hey device", voice, style)
    assert (once == again).all()


@pytest.mark.parametrize("name", ["hibari", "piper"])
def test_another_take_is_another_one(found, name):
    if name not in found:
        pytest.skip(f"{name} is not installed: {INSTALL[name]}")
    engine = found[name]
    one, two = (engine.speak("yes", engine.voices[0], Style(take=n))[0] for n in (1, 2))
    assert len(one) != len(two) or (one != two).any()


def test_named_engines_come_in_the_order_named(found):
    if not found:
        pytest.skip("no text-to-speech engine is installed: apt-get install espeak-ng")
    names = list(found)[:2][::-1]
    assert [one.name for one in chosen([*names, names[0]])] == names
    assert [one.name for one in chosen(None)] == list(found)


def test_what_is_missing_is_told_with_what_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engines, "there", lambda package: False)
    assert installed() == []
    with pytest.raises(KwsError, match="no text-to-speech engine: apt-get install espeak-ng"):
        chosen(None)
    for name, install in INSTALL.items():
        with pytest.raises(KwsError, match=f"--engines {name}: not installed: {install}"):
            chosen([name])
    with pytest.raises(KwsError, match="mbrola: no such engine, there are espeak-ng, flite"):
        chosen(["mbrola"])
    model(tmp_path / "voices", "v")
    with pytest.raises(KwsError, match="Piper is not installed"):
        installed(voices=tmp_path / "voices")


@pytest.mark.usefixtures("espeak")
def test_languages():
    german = {one.name: one for one in installed("de")}
    assert set(german) <= {"espeak-ng", "pico", "piper"}
    assert all(voice.startswith("de+") for voice in german["espeak-ng"].voices)
    for language in ("xx", "-w x", "de\n", "../de", ""):
        with pytest.raises(KwsError, match="no text-to-speech engine that speaks"):
            chosen(None, language)
    with pytest.raises(KwsError, match="flite: not installed or does not speak 'de'"):
        chosen(["flite"], "de")


@pytest.mark.usefixtures("espeak")
def test_british_variants_are_not_all_one_voice(found):
    voices = [voice for voice in found["espeak-ng"].voices if voice.startswith("en+")]
    said = {found["espeak-ng"].speak("hey", one, Style())[0].tobytes() for one in voices}
    assert len(said) == len(voices) == 16


# --- processes of packages ---


def fake(monkeypatch, tmp_path, package, content):
    """Put a module in the place of a package, for processes too."""
    (tmp_path / f"{package}.py").write_text(content)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


CRASHES = """
import os
class TtsEngine:
    def __init__(self, voice): self.said = 0
    def speak(self, text):
        self.said += 1
        if text == "crash": os.kill(os.getpid(), 11)
        if text == "exit": os._exit(0)
        if text == "raise": raise ValueError("not\\nthis")
        if text == "print": print("what nobody asked for", flush=True)
        if text == "leak": self.kept = bytearray(50_000_000)
        return bytes([0, 64]) * self.said * 1000
"""


def test_a_crash_costs_one_text(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "ttspico", CRASHES)
    worker = Worker("pico")
    for text, reason in (("crash", "it crashed"), ("raise", "ValueError: not this$")):
        with pytest.raises(KwsError, match=f"^pico cannot say '{text}': {reason}"):
            worker.speak(text, "en-US", Style())
    for text in ("fine", "print", "leak", "fine"):  # each in the state after loading
        samples, rate = worker.speak(text, "en-US", Style())
        assert (len(samples), rate) == (1000, 16000)
        assert samples[0] == 0.5


def test_a_worker_that_is_killed_comes_back_and_ends_with_its_owner(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "ttspico", CRASHES)
    worker = Worker("pico")
    worker.speak("fine", "en-US", Style())
    first = worker._process
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert len(worker.speak("fine", "en-US", Style())[0]) == 1000
    second = worker._process
    assert second.pid != first.pid
    del worker
    assert second.poll() is not None


def test_what_takes_too_long_is_ended(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "ttspico", "import time; time.sleep(3600)")
    monkeypatch.setattr(worker_process, "TIMEOUT", 0.5)
    with pytest.raises(KwsError, match=r"it took more than 0.5 s"):
        Worker("pico").speak("hey", "en-US", Style())

    program = tmp_path / "flite"
    program.write_text("#!/bin/sh\nexec /bin/sleep 3600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(kws.programs, "TIMEOUT", 0.5)
    with pytest.raises(KwsError, match=r"flite cannot say 'hey': it took more than 0.5 s"):
        programs.Flite().speak("hey", "slt", Style())


def test_a_package_that_does_not_import_is_told(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "ttspico", "raise ImportError('libttspico.so is missing')")
    with pytest.raises(KwsError, match=r"ImportError: libttspico.so is missing"):
        Worker("pico").speak("hey", "en-US", Style())


# --- Piper's voices ---


def model(folder: Path, name: str, **described) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"espeak": {"voice": "en-us"}, "speaker_id_map": {}, **described}
    (folder / f"{name}.onnx").write_bytes(b"no network")
    (folder / f"{name}.onnx.json").write_text(json.dumps(content))
    return folder / f"{name}.onnx"


def test_voices_of_many_speakers(tmp_path):
    model(tmp_path / "more", "many", speaker_id_map={"p1": 0, "a\n../b": 1})
    model(tmp_path, "one")
    model(tmp_path, "german", espeak={"voice": "de"})
    models = piper.find_models(tmp_path)
    assert {"many", "one", "german"} <= set(models)
    voices = {name: path for name, path in models.items() if path.is_relative_to(tmp_path)}
    assert Piper(voices).voices == ("many/p1", "many/a_../b", "one")
    assert Piper(voices, "de").voices == ("german",)
    path = model(tmp_path, "unnamed", num_speakers=3)
    assert Piper({"unnamed": path}).voices == ("unnamed/0", "unnamed/1", "unnamed/2")


def tones(path: Path) -> None:
    """A network with the inputs and the output of Piper's voices: each speaker hums a tone."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "times": np.arange(8000, dtype=np.float32) * np.float32(2 * np.pi / 16000),
        "tones": np.array([200, 400, 800], np.float32),
        "shape": np.array([1, 1, 1, -1], np.int64),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["tones", "sid"], ["tone"]),
            helper.make_node("Mul", ["times", "tone"], ["phase"]),
            helper.make_node("Sin", ["phase"], ["wave"]),
            helper.make_node("Reshape", ["wave", "shape"], ["output"]),
        ],
        "tones",
        [
            helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
            helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
            helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
            helper.make_tensor_value_info("sid", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "time"])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(made, path)


def test_each_speaker_of_a_voice_speaks(tmp_path):
    if not packages.there("piper"):
        pytest.skip(f"piper is not installed: {INSTALL['piper']}")
    path = model(
        tmp_path,
        "three",
        speaker_id_map={"low": 0, "middle": 1, "high": 2},
        num_speakers=3,
        num_symbols=100,
        audio={"sample_rate": 16000},
        phoneme_id_map={symbol: [n] for n, symbol in enumerate("_^$ həeɪdvɪsˈaʊjuː.")},
    )
    tones(path)
    (engine,) = [one for one in installed(voices=tmp_path) if one.name == "piper"]
    for voice, tone in (("three/low", 200), ("three/middle", 400), ("three/high", 800)):
        samples, rate = engine.speak("hey you", voice, Style())
        heard = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
        assert heard == pytest.approx(tone, abs=1)


def test_a_model_that_is_none_is_told(tmp_path):
    if not packages.there("piper"):
        pytest.skip(f"piper is not installed: {INSTALL['piper']}")
    path = model(tmp_path, "bad", audio={"sample_rate": 16000})
    with pytest.raises(KwsError, match="piper cannot say 'hey': "):
        Piper({"bad": path}).speak("hey", "bad", Style())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no description of a Piper voice"),
        ("[]", "no description"),
        ("{}", "it has no espeak"),
        ('{"espeak": {"voice": "en"}, "speaker_id_map": {"a": "b"}}', "no description"),
        ('{"espeak": {"voice": "en"}, "speaker_id_map": 3}', "no description"),
        (
            '{"espeak": {"voice": "en"}, "speaker_id_map": {}, "num_speakers": 1000000}',
            "it has too many speakers",
        ),
        ("[" * 100_000, "no description"),
        (" " * (2 << 20), "it is too large"),
    ],
)
def test_a_description_that_is_none_is_told(tmp_path, content, reason):
    path = model(tmp_path, "v")
    Path(f"{path}.json").write_text(content)
    with pytest.raises(KwsError, match=reason) as caught:
        Piper({"v": path})
    assert str(caught.value).startswith(f"{path}.json: ")
    assert "\n" not in str(caught.value)


def test_folders_without_voices_are_told(tmp_path):
    (tmp_path / "lonely.onnx").write_bytes(b"")
    with pytest.raises(KwsError, match=r"no voices of Piper or Kokoro: a voice is NAME\.onnx"):
        installed(voices=tmp_path)
    with pytest.raises(KwsError, match="no such folder"):
        installed(voices=tmp_path / "none")


def test_downloads_are_pinned_and_offline_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("KWS_CACHE", str(tmp_path))
    for voices in PUBLISHED.values():
        for file in voices.files:
            assert file.mirrors[0].startswith("https://")
            assert file.mirrors[0].endswith(f"/{file.name}")
            algorithm, digest = file.digest
            assert len(digest) == {"MD5": 32, "SHA-256": 64}[algorithm]
    with pytest.raises(KwsError, match=r"--download no: no such voices, .*vctk-medium \(109"):
        download_voices(["no"])
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(KwsError, match=r"could not be downloaded .*connect to the network"):
        download_voices(["en_GB-vctk-medium"])
    assert piper.models_in(tmp_path / "voices") == {}
