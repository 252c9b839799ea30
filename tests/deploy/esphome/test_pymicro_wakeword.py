"""pymicro-wakeword, as Home Assistant and linux-voice-assistant run it, beside kws."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.micro_frontend import MicroConfig, MicroFrontEnd
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter
from kws_deploy.esphome.export import export_esphome, write_wake_words

pytestmark = [pytest.mark.reach, pytest.mark.data]

#: Recordings of each kind, and samples of each at most.
EACH, LONGEST = 50, 80_000


def recordings(shared: Path) -> list[np.ndarray]:
    """Wake words and speech, 16 bits, with a second of silence behind them."""
    found = []
    for folder in ("wake_words", "speech/community"):
        paths = sorted((shared / "audio" / folder).rglob("*.flac"))
        random.Random(2).shuffle(paths)
        for path in paths[:EACH]:
            samples = np.rint(load_audio(path, 16000)[:LONGEST] * 32767).astype(np.int16)
            found.append(np.pad(samples, (0, 16000)))
    assert len(found) == 2 * EACH
    return found


def test_the_same_detections(micro_student: ModelFile, shared: Path, tmp_path: Path) -> None:
    theirs = pytest.importorskip("pymicro_wakeword", reason="pip install '.[test-reach]'")
    audio = recordings(shared)
    write_wake_words(export_esphome(micro_student, "me"), tmp_path)
    label = micro_student.metadata.labels[0]
    spotter = KeywordSpotter(micro_student, keywords=[label])
    word = theirs.MicroWakeWord.from_config(tmp_path / "hey_you.json")
    assert word.wake_word == label
    features = theirs.MicroWakeWordFeatures()
    fired, unlike = 0, 0
    for samples in audio:
        spotter.reset()
        ours = bool(spotter.process(samples))
        word.reset()
        features.reset()
        frames = features.process_streaming(samples.tobytes())
        detected = any(word.process_streaming(frame) for frame in frames)
        fired += ours
        unlike += ours != detected
    assert 10 < fired < 90, "the made-up student fires on nearly all or on nearly none"
    assert unlike <= 1
    word.close()


def test_tflite_micro_runs_the_same_network(micro_student: ModelFile, shared: Path) -> None:
    micro = pytest.importorskip("tflite_micro", reason="pip install '.[test-reach]'")
    exported = export_esphome(micro_student, "me")[0]
    samples = recordings(shared)[0]
    spotter = KeywordSpotter(micro_student)
    wanted = spotter.posteriors(samples)[:, 0]
    frames = MicroFrontEnd(MicroConfig(), 3).push(samples.astype(np.float32) / 32768)
    values = np.clip(np.rint(frames / np.float32(26 / 255)) - 128, -128, 127).astype(np.int8)
    interpreter = micro.runtime.Interpreter.from_bytes(
        exported.network, arena_size=exported.manifest.arena
    )
    found = []
    for step in values.reshape(-1, 1, 3, 40):
        interpreter.set_input(step, 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0)[0, 0] / 256)
    np.testing.assert_allclose(found, wanted[: len(found)], atol=0.05)
