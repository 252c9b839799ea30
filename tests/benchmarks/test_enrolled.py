import json
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.pcm import to_int16
from kws.wav import write_wav

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
#: Where three words of the demo are, in seconds.
SPOKEN = {"yes": 0.99, "down": 6.58, "right": 9.60}


@pytest.fixture(scope="module")
def script(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("enrolled")


@pytest.fixture(scope="module")
def demo() -> np.ndarray:
    return load_audio(ROOT / "demo" / "synthesized_commands.wav", RATE)


@pytest.fixture(scope="module")
def words(demo, tmp_path_factory) -> Path:
    """Three words of the demo by one voice, four takes each that differ in level and noise."""
    folder = tmp_path_factory.mktemp("words")
    rng = np.random.default_rng(0)
    for word, at in SPOKEN.items():
        (folder / word).mkdir()
        start = round((at - 0.2) * RATE)
        for take in range(4):
            samples = demo[start : start + RATE] * (0.5 + 0.1 * take)
            samples = samples + rng.normal(0, 0.001, RATE).astype(np.float32)
            write_wav(folder / word / f"0a_nohash_{take}.wav", to_int16(samples), RATE)
    return folder


def judge(script, arguments):
    return script.run(script._parser().parse_args(list(map(str, arguments))))


def test_phrases_and_their_parts_are_counted(script, words, demo, tmp_path, capsys):
    (tmp_path / "speech").mkdir()
    write_wav(tmp_path / "speech" / "demo.wav", to_int16(demo), RATE)
    result = tmp_path / "result.json"
    arguments = ["--data", words, "--negatives", tmp_path / "speech", "--set", "all"]
    assert judge(script, [*arguments, "--judged", 1, "--phrases", 2, "--json", result]) == 0
    assert "full" in capsys.readouterr().out
    found = json.loads(result.read_text())
    assert found["speakers"] == 1
    assert found["heard"]["full"]["share"] == 1.0
    assert found["heard"]["last word alone"]["detected"] == 0
    assert found["heard"]["first half"]["detected"] == 0
    assert found["heard"]["another word first"]["of"] == found["phrases"]
    # the demo has other words between those of the phrase
    assert found["false_accepts"] == 0
    assert found["hours_each"] == pytest.approx(len(demo) / RATE / 3600)


def test_too_few_recordings_are_said(script, words):
    arguments = ["--data", words, "--negatives", words, "--set", "all", "--takes", 4]
    with pytest.raises(script.KwsError, match="nobody in the set 'all' has 4 \\+ 2 recordings"):
        judge(script, arguments)


def test_the_lowest_threshold_keeps_the_rate(script):
    from kws.calibration.scores import Track

    scores = np.zeros(200, np.float32)
    scores[[50, 100, 150]] = [0.3, 0.6, 0.9]
    track = Track(scores, np.ones(200, bool), 10, 0.04, 8.0)
    chosen = script.lowest(track, 1)
    assert 0.6 < chosen < 0.63
    assert track.count(chosen) == 1
    assert script.lowest(track, 5) == pytest.approx(1 / (1 + np.exp(7.9)))
