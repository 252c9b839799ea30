import json
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.pcm import to_int16
from kws.wav import write_wav

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
#: Where two words of the demo are, in seconds.
SPOKEN = {"yes": 0.99, "left": 8.15}


@pytest.fixture(scope="module")
def script(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("repeated")


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Path:
    """Two words of the demo by one voice, and a hum that is called a word too."""
    folder = tmp_path_factory.mktemp("words")
    demo = load_audio(ROOT / "demo" / "synthesized_commands.wav", RATE)
    for word, at in SPOKEN.items():
        (folder / word).mkdir()
        start = round((at - 0.2) * RATE)
        write_wav(folder / word / "0a_nohash_0.wav", to_int16(demo[start : start + RATE]), RATE)
    return folder


def judge(script, arguments):
    return script.run(script._parser().parse_args(list(map(str, arguments))))


def test_words_are_counted_that_are_said_again_and_once(script, words, tmp_path, capsys):
    result = tmp_path / "result.json"
    arguments = ["commands", "--data", words, "--set", "all", "--times", 4]
    # a word longer than a tenth of a second is not drawn out to it: librosa stays away
    arguments += ["--drawn", 0.1, "--json", result]
    assert judge(script, arguments) == 0
    assert "yes        0.75 s  4.0 (4) of 1 voices" in capsys.readouterr().out
    found = json.loads(result.read_text())
    assert found["command"][0] == "python"
    keywords = {one["keyword"]: one for one in found["models"]["commands"]}
    assert set(keywords) == set(SPOKEN)
    for one in keywords.values():
        assert [series["counts"] for series in one["series"]] == [[4], [4]]
        assert one["once"] == {**one["once"], "detected": 1, "twice": 0, "recordings": 1}


def test_a_folder_without_keywords_is_said(script, tmp_path):
    (tmp_path / "hello").mkdir()
    write_wav(tmp_path / "hello" / "a.wav", np.zeros(RATE, np.int16), RATE)
    with pytest.raises(script.KwsError, match="no recordings of"):
        judge(script, ["commands", "--data", tmp_path, "--set", "all"])


def test_halves_share_no_speaker(script):
    from support.voices import in_set

    names = [f"{number:08x}" for number in range(200)]
    development = {name for name in names if in_set(name, "development")}
    test = {name for name in names if in_set(name, "test")}
    assert development | test == set(names)
    assert not development & test
    assert 60 < len(test) < 140
