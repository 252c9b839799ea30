import json
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError

ROOT = Path(__file__).resolve().parents[2]


class Voice:
    """An engine that hums whatever it is given, and cannot say "three"."""

    name, voices, natural = "voice", ("anna",), True

    def speak(self, text, voice, style):
        if "three" in text:
            raise KwsError("cannot say three")
        time = np.arange(8000) / 16000
        return np.sin(2 * np.pi * 200 * time).astype(np.float32), 16000


@pytest.fixture(scope="module")
def script(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("crossings")


def judge(script, *arguments):
    return script.run(script._parser().parse_args(list(map(str, arguments))))


def test_both_kinds_of_sentences_are_said_and_counted(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "chosen", lambda *_: [Voice()])
    result = tmp_path / "result.json"
    arguments = ("--keywords", "left,stop,go", "--count", 6, "--json", result)
    assert judge(script, "commands", *arguments) == 0
    out = capsys.readouterr().out
    assert "commands: stop: across words   0.0 % (0.0 to " in out
    assert "go: too few sounds" in out
    found = json.loads(result.read_text())
    assert set(found["models"]["commands"]) == {"left", "stop"}
    for one in found["models"]["commands"].values():
        assert one["across_words"]["sentences"] == one["random_words"]["sentences"] == 6
    assert found["engines"] == {"voice": ["anna"]}


def test_a_sentence_counts_once_and_only_by_its_keyword(script):
    """The demo has ten words in it: each is detected, and is one sentence that woke."""
    from kws import KeywordSpotter
    from kws.audio import load_audio

    demo = load_audio(ROOT / "demo" / "synthesized_commands.wav", 16000)
    spotter = KeywordSpotter.default()
    woken = script.count_woken(
        spotter, "yes", [("a", demo), ("b", np.zeros(16000, np.float32)), ("c", demo)]
    )
    assert (woken.events, woken.texts, woken.sentences) == (2, ("a", "c"), 3)
    assert script.count_woken(spotter, "hello", [("a", demo)]).events == 0


def test_what_cannot_be_said_is_left_out(script):
    texts = ["one two", "three four", "five six"]
    assert [text for text, _ in script.say(texts, [Voice()], 0, "words")] == ["one two", "five six"]


def test_sentences_of_random_words_are_as_long(script):
    texts = script.random_sentences(4, [4, 5], 0)
    assert [len(text.split()) for text in texts] == [4, 5, 4, 5]
    assert texts == script.random_sentences(4, [4, 5], 0)


def test_nothing_to_judge_is_an_error(script, monkeypatch):
    monkeypatch.setattr(script, "chosen", lambda *_: [Voice()])
    with pytest.raises(KwsError, match="nothing was judged"):
        judge(script, "commands", "--keywords", "go")
