"""The speech-to-intent benchmark, on what a speaker of tones says."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws.grammar.jsgf import read_jsgf
from kws.grammar.rhino import read_context
from kws.modelfile import write_model
from kws.pcm import to_int16
from kws.wav import write_wav
from kws_training.synthesis.orders import orders_of

from ..phoneme_network import phoneme_model, say

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
GRAMMAR = """context:
  expressions:
    switchLights:
      - "turn the lights $state:state"
      - "[turn, switch] the $room:room lights $state:state (at $pv.SingleDigitInteger:hour)"
  slots:
    state:
      - "on"
      - "off"
    room:
      - kitchen
      - bedroom
"""


def record(path: Path, text: str) -> None:
    write_wav(path, to_int16(say(text, 0.5, 0.1)), 16000)


def test_orders_are_judged_and_an_oracle_says_what_limits(tmp_path: Path) -> None:
    recordings = tmp_path / "orders"
    recordings.mkdir()
    labels = {
        "a": ("turn the lights on", {"state": " on"}),
        "b": ("switch the kitchen lights off", {"room": "kitchen", "state": "off"}),
        "c": ("turn the lights on", {"state": "off"}),
    }
    for name, (text, _) in labels.items():
        record(recordings / f"{name}.wav", text)
    record(tmp_path / "noise.wav", "hello")
    (tmp_path / "labels.json").write_text(
        json.dumps({n: {"intent": "switchLights", "slots": s} for n, (_, s) in labels.items()})
    )
    (tmp_path / "grammar.yaml").write_text(GRAMMAR)
    network = phoneme_model()
    write_model(tmp_path / "tones.tflite", network.network, network.metadata)
    command = [sys.executable, BENCHMARKS / "speech_to_intent.py"]
    for name, file in (("labels", "labels.json"), ("grammar", "grammar.yaml")):
        command += [f"--{name}", tmp_path / file]
    command += ["--recordings", recordings, "--noise", tmp_path / "noise.wav", "--ratios", "60"]
    command += ["--model", tmp_path / "tones.tflite", "--json", tmp_path / "result.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert [(row["snr"], row["understood"]) for row in result["rows"]] == [(60, 2), (None, 2)]
    assert result["limits"] == {"network": 2}  # c is said otherwise than its label has it
    assert 0 < result["latency"]["median"] < 1
    assert result["commit"]


@pytest.fixture
def support(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return runpy.run_path(str(BENCHMARKS / "support" / "orders.py"))


def test_noise_is_as_loud_as_the_protocol_has_it(support) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    samples = np.zeros(32000, np.float32)
    samples[8192 : 8192 + 2048] = 0.5
    noise = rng.normal(0, 0.1, 20000).astype(np.float32)
    mixed = support["in_noise"](samples, noise, 6.0, rng)
    assert len(mixed) == 48000
    under = mixed[:6144].reshape(-1, 2048)
    speech = np.square(mixed[8192 : 8192 + 2048]).mean()
    assert 10 * np.log10(speech / np.square(under).mean(axis=1).max()) == pytest.approx(6.9, abs=1)
    assert len(support["in_noise"](samples, None, 0.0, rng)) == 48000


def test_a_grammar_is_narrowed_and_written_as_jsgf(support) -> None:  # type: ignore[no-untyped-def]
    grammar = read_context(GRAMMAR, "x")
    one = support["only"](grammar, {"state": "on"})
    assert {order.text for order in orders_of(one, 5, 0)} == {"turn the lights on"}
    assert support["only"](grammar, {"room": "kitchen"}) is None
    again = read_jsgf(support["jsgf_of"](grammar), "y")
    texts = {order.text for order in orders_of(again, 200, 0)}
    assert texts == {order.text for order in orders_of(grammar, 200, 1)}


def test_orders_are_drawn_with_what_they_mean() -> None:
    grammar = read_context(GRAMMAR, "x")
    found = orders_of(grammar, 60, 0)
    assert len(found) > 30
    assert len({order.text for order in found}) == len(found)
    for order in found:
        assert order.intent == "switchLights"
        assert order.slots["state"] in order.text.split()
        if "hour" in order.slots:
            assert order.slots["hour"].isdigit()
            assert " at " in order.text
