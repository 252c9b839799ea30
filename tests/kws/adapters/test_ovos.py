"""The wake word plugin for Open Voice OS, by itself and through the real plugin manager."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter, KwsError
from kws.adapters.ovos import WakeWord
from kws.errors import ModelError

from ..conftest import Demo

COMMANDS = {"model": "commands"}


@pytest.fixture(scope="module")
def pcm(demo: Demo) -> bytes:
    return np.rint(demo.samples * 32767).astype("<i2").tobytes()


def asked(word: WakeWord, pcm: bytes, size: int = 2048) -> list[float]:
    """Seconds after which the wake word was found."""
    found = []
    for start in range(0, len(pcm), size):
        word.update(pcm[start : start + size])
        if word.found_wake_word():
            found.append((start + size) / 32000)
    return found


@pytest.mark.parametrize("size", [2048, 333, 64000])
def test_the_keyword_is_found_once_in_chunks_of_any_size(demo: Demo, pcm: bytes, size: int) -> None:
    word = WakeWord("stop", COMMANDS)
    (seconds,) = asked(word, pcm, size)
    spoken = next(one for one in demo.words if one.keyword == "stop")
    assert spoken.start < seconds < spoken.end + 0.5 + size / 32000
    assert not word.found_wake_word(b"as old listeners ask")


def test_reset_and_stop_forget(pcm: bytes) -> None:
    word = WakeWord("Stop", {**COMMANDS, "keyword": "yes"})
    for forget in (word.reset, word.stop, word.shutdown):
        word.update(pcm[: 32000 * 2])
        forget()
        assert not word.found_wake_word()
        word.update(pcm[: 32000 * 2] + b"\0")
        assert word.found_wake_word()


def test_a_threshold_takes_the_place_of_the_models(pcm: bytes) -> None:
    assert asked(WakeWord("yes", {**COMMANDS, "threshold": 1}), pcm) == []


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("yes", {}, "no model: set 'model'"),
        ("yes", {"model": 7}, "no model: set 'model'"),
        ("yes", {"model": "/none.tflite"}, "/none.tflite: cannot be read"),
        ("hey_mycroft", COMMANDS, "set 'keyword' to one of the model's: down, go"),
        ("yes", {**COMMANDS, "keyword": "Yes!"}, "keyword 'Yes!': set 'keyword' to one of"),
        ("yes", {**COMMANDS, "keyword": ["yes"]}, "set 'keyword' to one of"),
        ("yes", {**COMMANDS, "threshold": "high"}, "threshold 'high': must be a number"),
        ("yes", {**COMMANDS, "threshold": True}, "threshold True: must be a number"),
        ("yes", {**COMMANDS, "threshold": 2}, "must be 0 to 1"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    name: str, config: dict[str, object], said: str
) -> None:
    with pytest.raises((KwsError, ModelError), match=said) as caught:
        WakeWord(name, config)
    assert "\n" not in str(caught.value)


def test_without_open_voice_os_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from kws.adapters import ovos

    ovos._plugin.cache_clear()
    monkeypatch.setitem(sys.modules, "ovos_plugin_manager.templates.hotwords", None)
    with pytest.raises(KwsError, match="pip install ovos-plugin-manager"):
        ovos.KwsHotWordPlugin  # noqa: B018
    with pytest.raises(AttributeError):
        ovos.Plugin  # noqa: B018


#: What Open Voice OS does: the listener makes the wake word by its name in the configuration.
LISTENER = """
import json, sys
from ovos_plugin_manager.templates.hotwords import HotWordEngine
from ovos_plugin_manager.wakewords import (
    OVOSWakeWordFactory, find_wake_word_plugins, load_wake_word_plugin
)

plugin = load_wake_word_plugin("ovos-ww-plugin-kws")
assert issubclass(plugin, HotWordEngine), plugin
assert find_wake_word_plugins()["ovos-ww-plugin-kws"] is plugin
config = json.loads(sys.argv[1])
engine = OVOSWakeWordFactory.create_hotword("hey computer", config)
assert type(engine) is plugin and engine.key_phrase == "hey_computer"
assert not engine.runtime_requirements.requires_internet
found = []
for path in sys.argv[2:]:
    pcm = open(path, "rb").read()
    count = 0
    for start in range(0, len(pcm), 2048):
        engine.update(pcm[start:start + 2048])
        count += engine.found_wake_word()
    found.append(count)
    engine.reset()
engine.shutdown()
fallback = {"hotwords": {**config["hotwords"], "broken": {
    "module": "ovos-ww-plugin-kws", "model": "/none.tflite", "fallback_ww": "hey_computer"}}}
assert OVOSWakeWordFactory.create_hotword("broken", fallback).key_phrase == "hey_computer"
print(json.dumps(found))
"""


@pytest.mark.reach
def test_the_plugin_manager_finds_it_and_makes_a_wake_word(
    demo: Demo, pcm: bytes, tmp_path: Path
) -> None:
    pytest.importorskip("ovos_plugin_manager", reason="pip install ovos-plugin-manager")
    config = {
        "hotwords": {
            "hey_computer": {
                "module": "ovos-ww-plugin-kws",
                "model": "commands",
                "keyword": "stop",
                "listen": True,
            }
        }
    }
    streams = [pcm, pcm[: 32000 * 10], pcm[32000 * 15 :]]
    expected = []
    for number, stream in enumerate(streams):
        (tmp_path / f"{number}.raw").write_bytes(stream)
        detections = KeywordSpotter.default().process(np.frombuffer(stream, np.int16))
        expected.append([one.keyword for one in detections].count("stop"))
    paths = [tmp_path / f"{number}.raw" for number in range(len(streams))]
    home = {name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", LISTENER, json.dumps(config), *paths],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected == [1, 0, 1]
