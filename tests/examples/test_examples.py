"""The programs in examples/ run, as processes, and print what they are for."""

import csv
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from kws.modelfile import write_model
from kws.pcm import to_int16
from kws.wav import write_wav

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "synthesized_commands.wav"
MODELS = ROOT / "kws" / "models"
#: What the model in the package detects in the demo recording.
SPOTTED = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


def example(name, *arguments, status=0):
    """Run an example; returns the lines that it prints."""
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == status, result.stderr
    return result.stdout.splitlines()


def keywords(lines):
    """Return the commands that lines name, in order."""
    return [re.search(rf"\b({'|'.join(SPOTTED)})\b", line).group(1) for line in lines]


def words_of_the_demo():
    with DEMO.with_suffix(".csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_says_what_it_shows_and_how_to_run_it():
    here = Path(__file__).read_text()
    programs = sorted((ROOT / "examples").glob("*.py"))
    assert len(programs) >= 10
    for program in programs:
        text = program.read_text().split('"""')[1]
        assert f"    python examples/{program.name}" in text, program.name
        assert "\nShows " in text, program.name
        assert f'"{program.name}"' in here, f"{program.name} is not tested"


def test_spot_file():
    assert keywords(example("spot_file.py", DEMO)) == SPOTTED


def test_understand_commands(tmp_path):
    pytest.importorskip("flatbuffers", reason="flatbuffers makes the network: pip install it")
    from ..phoneme_network import phoneme_model, say

    network = phoneme_model()
    write_model(tmp_path / "tones.tflite", network.network, network.metadata)
    texts = ("turn off the lights in the kitchen", "good night")
    path = tmp_path / "said.wav"
    write_wav(path, to_int16(np.concatenate([say(text, 1.0, 1.0) for text in texts])), 16000)
    grammar = ROOT / "examples" / "lights.yaml"
    lines = example("understand_commands.py", grammar, path, tmp_path / "tones.tflite")
    assert lines[0] == "intents: switchLights, setBrightness, goodNight"
    assert "switchLights {'state': 'off', 'room': 'kitchen'}" in lines[1]
    assert "goodNight {}" in lines[2]


def test_many_wake_words():
    models = [MODELS / "commands.tflite", MODELS / "words.tflite"]
    lines = example("many_wake_words.py", DEMO, *models)
    commands = [line for line in lines if line.endswith("by " + str(models[0]))]
    assert keywords(commands) == SPOTTED
    assert len(lines) > len(commands) + 2
    assert [line.split(",")[0] for line in lines[-2:]] == ["models: 1", "models: 2"]


def test_stream_48khz():
    lines = example("stream_48khz.py", DEMO)
    assert keywords(line.split(":")[1] for line in lines) == SPOTTED


def test_microphone_with_a_file_in_its_place():
    assert keywords(example("microphone.py", DEMO)) == SPOTTED


def test_microphone_says_in_one_line_what_is_missing():
    try:
        import sounddevice
    except (ImportError, OSError):
        pass
    else:
        if any(device["max_input_channels"] for device in sounddevice.query_devices()):
            pytest.skip("there is a microphone, which would listen for ever")
    assert example("microphone.py", status=2) == []


def test_classify_clips():
    lines = example("classify_clips.py", DEMO, DEMO.with_suffix(".csv"))
    rows = [line.split()[:2] for line in lines]
    assert [said for said, _ in rows] == [row["keyword"] for row in words_of_the_demo()]
    assert [heard for said, heard in rows if said in SPOTTED] == SPOTTED


def test_read_contract():
    lines = example("read_contract.py", MODELS / "commands.tflite")
    assert "task:     commands" in lines
    assert len([line for line in lines if line.split()[0] in SPOTTED]) == len(SPOTTED)


def test_plain_interpreter_needs_no_kws():
    program = (ROOT / "examples" / "plain_interpreter.py").read_text()
    assert not re.search(r"^\s*(?:import|from) kws", program, re.MULTILINE)
    lines = example("plain_interpreter.py", MODELS / "commands.tflite", DEMO)
    assert keywords(lines) == SPOTTED


def test_read_json():
    assert keywords(example("read_json.py", DEMO)) == SPOTTED


def test_on_detect():
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / "on_detect.py", DEMO],
        capture_output=True,
        text=True,
        check=True,
    )
    actions = [line.split(" (")[0] for line in result.stderr.splitlines()]
    assert actions == ["light on", "light off", "music off"]


def test_openwakeword_loop():
    assert keywords(example("openwakeword_loop.py", DEMO)) == SPOTTED


@pytest.mark.reach
def test_ovos_wake_word(tmp_path, monkeypatch):
    pytest.importorskip("ovos_plugin_manager", reason="pip install ovos-plugin-manager")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    lines = example("ovos_wake_word.py", DEMO, "stop")
    assert [line for line in lines if line.startswith("heard")] == ["heard 'stop' by 16.70 s"]


def test_onnx_stream_refuses_other_recordings(tmp_path):
    """It runs in tests/deploy/onnx/test_stream.py, where there is a model."""
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    (tmp_path / "model.onnx.json").write_text('{"sample_rate": 8000}')
    assert example("onnx_stream.py", tmp_path / "model.onnx", DEMO, status=2) == []


def test_hub_pipeline():
    lines = example("hub_pipeline.py", "commands", DEMO)
    assert keywords(lines[: len(SPOTTED)]) == SPOTTED
    assert lines[-2].startswith("the first two seconds: yes, then ")
    assert lines[-1].startswith("the first of the stream: yes until 1.")


def test_enroll_phrase(tmp_path):
    """One word of the demo, three times with a little noise."""
    with wave.open(str(DEMO)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    word = next(row for row in words_of_the_demo() if row["keyword"] == "right")
    first, last = (round(16000 * float(word[edge])) for edge in ("start", "end"))
    rng = np.random.default_rng(0)
    paths = []
    for number in range(3):
        clip = samples[first - 8000 : last + 8000] + rng.normal(0, 10, last - first + 16000)
        paths.append(tmp_path / f"{number}.wav")
        with wave.open(str(paths[-1]), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(clip.astype("<i2").tobytes())
    lines = example("enroll_phrase.py", "hey device", tmp_path / "mine.tflite", *paths)
    assert [line for line in lines if line.endswith("detected")] == lines[3:]
    assert (tmp_path / "mine.tflite").exists()


def test_export_c(tmp_path):
    pytest.importorskip("kws_deploy")
    pytest.importorskip("flatbuffers", reason="needs the extra deploy")
    for program in ("make", "cc"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt install build-essential")
    lines = example("export_c.py", tmp_path / "firmware", DEMO)
    spotted = keywords(line for line in lines if "\t" in line)
    assert len(set(spotted) & set(SPOTTED)) >= 9


@pytest.mark.slow
def test_run_esphome(micro_student, tmp_path):
    model = tmp_path / "student.tflite"
    write_model(model, micro_student.network, micro_student.metadata)
    command = ["export", model, "--to", "esphome", "--output", tmp_path / "words"]
    subprocess.run([sys.executable, "-m", "kws", *map(str, command)], check=True, cwd=ROOT)
    lines = example("run_esphome.py", tmp_path / "words" / "stop_that.json", DEMO)
    assert lines
    assert all(re.fullmatch(r"\d+\.\d\d s  stop that  [01]\.\d\d", line) for line in lines)


@pytest.mark.reach
def test_export_web(tmp_path):
    pytest.importorskip("ziglang", reason="no compiler: pip install '.[native]'")
    if shutil.which("node") is None:
        pytest.skip("needs node: apt-get install nodejs")
    lines = example("export_web.py", tmp_path / "site", DEMO)
    assert keywords(line for line in lines if " s  " in line) == SPOTTED


@pytest.mark.reach
def test_export_binary(tmp_path):
    pytest.importorskip("ziglang", reason="no compiler: pip install '.[native]'")
    lines = example("export_binary.py", tmp_path / "kws", DEMO)
    assert keywords(lines[1:]) == SPOTTED


@pytest.mark.reach
def test_wyoming_client():
    pytest.importorskip("wyoming", reason="needs the extra serve")
    command = [sys.executable, "-m", "kws", "serve", "--uri", "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            uri = server.stderr.readline().split()[2]
            first, *lines = example("wyoming_client.py", uri, DEMO)
            assert first == "it knows " + ", ".join(sorted(SPOTTED))
            assert [line.split()[0] for line in lines] == SPOTTED
            silent = example("wyoming_client.py", uri, DEMO, "hey absent")
            assert silent[-1] == "nothing was detected"
            assert "none of the wake words is here" in silent[1]
        finally:
            server.terminate()
    assert server.returncode == 0


@pytest.mark.slow
def test_train_model(tmp_path):
    """Two made-up words, a rising and a falling tone, by six speakers."""
    pytest.importorskip("tensorflow", reason="needs the extra train")
    rng = np.random.default_rng(0)
    time = np.arange(8000) / 16000
    for word, slope in (("rise", 4), ("fall", -1.5)):
        (tmp_path / "recordings" / word).mkdir(parents=True)
        for speaker in range(6):
            for take in range(3):
                pitch = rng.uniform(300, 450) * (1.5 + slope * time)
                tone = np.sin(2 * np.pi * np.cumsum(np.abs(pitch)) / 16000) * np.hanning(8000)
                clip = np.concatenate([np.zeros(4000), 8000 * tone, np.zeros(4000)])
                path = tmp_path / "recordings" / word / f"speaker{speaker}_nohash_{take}.wav"
                with wave.open(str(path), "wb") as file:
                    file.setparams((1, 2, 16000, 0, "NONE", ""))
                    file.writeframes((clip + rng.normal(0, 20, 16000)).astype("<i2").tobytes())
    lines = example("train_model.py", tmp_path / "recordings", tmp_path / "model.tflite")
    assert lines[-1] == "keywords: fall, rise"
    assert (tmp_path / "model.tflite").exists()
