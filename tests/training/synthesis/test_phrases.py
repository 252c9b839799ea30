"""A phrase by many voices, and its confusables, made once."""

import inspect

import numpy as np
import pytest

from kws.errors import KwsError
from kws_training.synthesis import phrases
from kws_training.synthesis.crossings import find_crossings
from kws_training.synthesis.engine import Style
from kws_training.synthesis.engines import fast_engines
from kws_training.synthesis.phrases import (
    clean_phrase,
    confusables,
    negative_texts,
    say_phrase,
    synthesized_phrase,
)


@pytest.fixture(scope="module")
def engines():
    found = fast_engines()
    if not found:
        pytest.skip("no text-to-speech engine is installed: apt-get install espeak-ng")
    return found


def test_a_phrase_by_many_voices(engines):
    spoken = list(say_phrase("hey device", 12, engines, 0))
    assert len(spoken) == 12
    # half of them at least are new ones, as far as there are so many
    assert len({one.speaker for one in spoken}) >= min(6, sum(len(one.voices) for one in engines))
    for one in spoken:
        assert one.speaker.startswith("synthetic ")
        assert one.text.replace(",", "").rstrip(".!?") == "hey device"
        assert one.samples.dtype == np.float32
        assert 0.3 < len(one.samples) / 16000 < 2
        assert np.abs(one.samples).max() == pytest.approx(0.5)


def test_confusables_are_texts():
    found = confusables("Hey, device!", 30, 0)
    assert len(found) == 30
    assert all(isinstance(one, str) for one in found)
    assert "hey device" not in found


def test_made_once_and_kept(engines, tmp_path, monkeypatch):
    made = synthesized_phrase("stop", 5, 8, engines, 0, tmp_path)
    assert (len(made.positives), len(made.negatives)) == (5, 8)
    assert not any(one.text.rstrip(".!?") == "stop" for one in made.negatives)
    (kept,) = tmp_path.iterdir()

    def none(utterances, workers):
        raise AssertionError

    monkeypatch.setattr(phrases, "say_all", none)
    again = synthesized_phrase("stop", 5, 8, engines, 0, tmp_path)
    for one, other in zip(
        made.positives + made.negatives, again.positives + again.negatives, strict=True
    ):
        assert (one.samples == other.samples).all()
        assert (one.text, one.speaker) == (other.text, other.speaker)
    monkeypatch.undo()
    synthesized_phrase("stop", 5, 8, engines, 1, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    whole = kept.read_bytes()
    for content in (whole[:5000], whole[:3000] + b"damaged" + whole[3007:]):
        kept.write_bytes(content)  # damaged: made anew
        mended = synthesized_phrase("stop", 5, 8, engines, 0, tmp_path)
        assert (mended.positives[0].samples == made.positives[0].samples).all()
    assert len(synthesized_phrase("hey", 2, 0, engines, 0, tmp_path).negatives) == 0
    assert len(synthesized_phrase("hey", 0, 2, engines, 0, tmp_path).positives) == 0


class Broken:
    """An engine of which every other voice fails."""

    name, natural, voices = "broken", True, ("good", "bad")

    def speak(self, text: str, voice: str, style: Style):
        if voice == "bad":
            raise KwsError("broken cannot say it: it crashed")
        return np.sin(np.arange(8000, dtype=np.float32)), 16000


class Mute(Broken):
    voices = ("bad",)


def test_what_fails_is_told_and_the_rest_is_there(tmp_path, capsys):
    made = synthesized_phrase("hey you", 4, 6, [Broken()], 0, tmp_path)
    assert (len(made.positives), len(made.negatives)) == (2, 3)
    assert "5 of 10 texts could not be said: broken cannot say it" in capsys.readouterr().err
    assert len(list(say_phrase("hey", 4, [Broken()], 0))) == 2
    with pytest.raises(KwsError, match="nothing could be synthesized: broken cannot"):
        synthesized_phrase("hey you", 4, 0, [Mute()], 0, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_no_engine(tmp_path):
    with pytest.raises(KwsError, match="no text-to-speech engine: apt-get install espeak-ng"):
        synthesized_phrase("hey", 1, 1, [], 0, tmp_path)
    with pytest.raises(KwsError, match="no text-to-speech engine"):
        list(say_phrase("hey", 1, [], 0))


def test_phrases_are_one_line():
    assert clean_phrase(" hey\n\tdevice\0 \udcff") == "hey device"
    for text in ("", " ", "?!", "\n", "\udcff"):
        with pytest.raises(KwsError, match="nothing to say"):
            clean_phrase(text)
    with pytest.raises(KwsError, match="at most 100 characters"):
        clean_phrase("hey " * 30)


def test_other_letters_need_a_language(engines, tmp_path):
    with pytest.raises(KwsError, match="no letter of English: name the language"):
        synthesized_phrase("مرحبا", 1, 1, engines, 0, tmp_path)
    assert synthesized_phrase("café", 1, 0, engines, 0, tmp_path).positives


def test_signatures_stay():
    """`train --wake-word` calls them so."""
    for function, names in (
        (say_phrase, ["text", "count", "engines", "seed"]),
        (confusables, ["text", "count", "seed", "language"]),
        (
            synthesized_phrase,
            [
                *("text", "positives", "negatives", "engines", "seed", "cache", "language"),
                *("crossings", "workers"),
            ],
        ),
    ):
        assert list(inspect.signature(function).parameters) == names


def test_what_a_phrase_is_trained_against():
    texts = negative_texts("hey device", 0)
    assert len(texts) == 300
    assert {"device hey", "hey"} <= set(texts)
    assert all("hey device" not in one.casefold() for one in texts)
    assert texts == negative_texts("hey device", 0) != negative_texts("hey device", 1)
    # nothing that differs by a sound alone
    assert not {"hey devite", "say device"} & set(texts)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_it_is_the_phrase_across_words(share):
    texts = negative_texts("hey device", 0, crossings=share)
    assert len(texts) == 300
    across = set(find_crossings(["hey", "device"], 300, 0))
    assert len(across & set(texts)) == pytest.approx(300 * share, abs=10)
    if not share:
        assert texts == negative_texts("hey device", 0)  # whatever there was is cached still
    assert negative_texts("hallo", 0, "de", share) == negative_texts("hallo", 0, "de")


def test_sentences_across_words_are_kept_apart_from_what_was_said_without(engines, tmp_path):
    made = [
        synthesized_phrase("hey device", 0, 3, engines, 0, tmp_path, crossings=share)
        for share in (0.0, 1.0, 0.0)
    ]
    texts = [[one.text for one in each.negatives] for each in made]
    assert texts[0] == texts[2] != texts[1]
    assert all(len(text.split()) >= 4 for text in texts[1])
