"""The scalars of `kws understand` are chosen by a script, on what is kept of text to speech."""

import json
import re

import numpy as np
import pytest

from kws.modelfile import write_model
from kws.pcm import to_int16
from kws.wav import write_wav
from kws_training.synthesis.engines import installed

from ..phoneme_network import phoneme_model, say

GRAMMAR = """context:
  expressions:
    lights:
      - turn the lights $state:state
  slots:
    state: [on, off, red]
"""


def test_values_are_compared_on_orders_and_on_sentences(tmp_path, benchmark):
    if not (engines := installed()):
        pytest.skip("no text-to-speech engine is installed: apt-get install espeak-ng")
    network = phoneme_model()
    write_model(tmp_path / "tones.tflite", network.network, network.metadata)
    (tmp_path / "lights.yaml").write_text(GRAMMAR)
    write_wav(tmp_path / "noise.wav", to_int16(say("hello", 0.3, 0.3)), 16000)
    # what an engine "said" is kept: two orders, one of them said otherwise, and two sentences
    said = {
        "turn the lights on": {"state": "on"},
        "turn the lights off": {"state": "red"},
        "people have many good numbers": None,
        "morning comes when windows are open": None,
    }
    kept = tmp_path / "kept"
    kept.mkdir()
    clips = {str(n): to_int16(say(text, 0.5, 0.3)) for n, text in enumerate(said)}
    np.savez(kept / f"{engines[0].name}.npz", slots=json.dumps(list(said.values())), **clips)
    files = ("--grammar", tmp_path / "lights.yaml", "--noise", tmp_path / "noise.wav")
    model = ("--model", tmp_path / "tones.tflite")
    done = benchmark(
        "command_scalars.py", *files, *model, "--engines", engines[0].name, "--keep", kept
    )
    assert done.returncode == 0, done.stderr
    # each is heard twice, in quiet and in noise; the second order is never right
    shares = re.findall(r"^blank [\d.]+, outside \d+: ([\d.]+)% of 4 right$", done.stdout, re.M)
    assert len(shares) == 8
    assert max(map(float, shares)) == 50
    assert re.search(r"^right: 2, scores at 5, 25, 50, 75, 95 %: ", done.stdout, re.M)
    centres = re.findall(
        r"^worst [\d.]+: centre (-?[\d.]+) keeps 100\.0% of the right", done.stdout, re.M
    )
    assert len(centres) == 4


def test_a_grammar_that_is_not_there(tmp_path, benchmark):
    files = ("--grammar", tmp_path / "none.yaml", "--noise", tmp_path / "noise.wav")
    done = benchmark("command_scalars.py", *files)
    assert done.returncode == 2
    assert "none.yaml: cannot be read" in done.stderr
