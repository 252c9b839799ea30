"""Sentences without the keywords, said once and kept."""

import numpy as np
import pytest

from kws.errors import KwsError
from kws_training.synthesis import sentences
from kws_training.synthesis.engines import fast_engines
from kws_training.synthesis.phonemes import pronounce
from kws_training.synthesis.sentences import (
    sentence_engines,
    sentence_texts,
    synthesized_sentences,
)

KEYWORDS = ("no", "right", "up", "stop it")


def test_no_keyword_is_said_nor_a_word_that_sounds_so():
    texts = sentence_texts(KEYWORDS, 400, 0)
    assert len(texts) == 400
    words = [word for text in texts for word in text.split()]
    assert all(4 <= len(text.split()) <= 11 for text in texts)
    assert not {"no", "know", "right", "write", "up", "stop", "it"} & set(words)
    keywords = set(pronounce(["no", "right", "up", "stop", "it"]))
    assert not keywords & set(pronounce(sorted(set(words))))
    # but many words have one in them
    inside = [word for word in words if "right" in word or word.startswith(("no", "up"))]
    assert 0.02 < len(inside) / len(words) < 0.5


def test_a_seed_gives_the_same_sentences():
    assert sentence_texts(KEYWORDS, 20, 0) == sentence_texts(KEYWORDS, 40, 0)[:20]
    assert sentence_texts(KEYWORDS, 20, 0) != sentence_texts(KEYWORDS, 20, 1)


def test_made_once_and_kept(tmp_path, monkeypatch):
    engines = fast_engines()[:1]
    if not engines:
        pytest.skip("no text-to-speech engine is installed: apt-get install espeak-ng")
    made = synthesized_sentences(KEYWORDS, 4, engines, 0, tmp_path)
    assert len(made) == 4
    assert all(image.dtype == np.uint8 and 50 < len(image) < 1200 for image in made)
    (kept,) = tmp_path.iterdir()

    def none(utterances):
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(sentences, "say_all", none)
        again = synthesized_sentences(KEYWORDS, 4, engines, 0, tmp_path)
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one, other)
    kept.write_bytes(kept.read_bytes()[:3000])  # damaged: made anew
    mended = synthesized_sentences(KEYWORDS, 4, engines, 0, tmp_path)
    np.testing.assert_array_equal(mended[0], made[0])


class Mute:
    """An engine that says nothing."""

    name, natural, voices = "mute", True, ("one",)

    def speak(self, text, voice, style):
        raise KwsError("mute: lost its voice")


def test_nothing_said_is_an_error(tmp_path):
    with pytest.raises(KwsError, match="lost its voice"):
        synthesized_sentences(KEYWORDS, 2, [Mute()], 0, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_engines_that_would_take_days_do_not_say_hours(monkeypatch):
    class Slow(Mute):
        name = "kokoro"

    monkeypatch.setattr(sentences, "installed", lambda: [Slow(), Mute()])
    assert [engine.name for engine in sentence_engines()] == ["mute"]
    monkeypatch.setattr(sentences, "installed", lambda: [Slow()])
    with pytest.raises(KwsError, match="apt-get install espeak-ng"):
        sentence_engines()
