"""Who says what: natural voices as often as formant ones, all of them before one comes again."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from kws_training.synthesis.casting import FORMANTS, PITCH, SPEED, cast


@dataclass(frozen=True)
class Named:
    name: str
    voices: tuple[str, ...]
    natural: bool = True


FORMANT = Named("formant", tuple(f"f{n}" for n in range(100)), False)
FEW, ONE = Named("few", ("a", "b", "c", "d")), Named("one", ("x",))


def counts(utterances):
    return Counter(one.engine.name for one in utterances)


def test_natural_voices_count_as_much_as_formant_ones():
    assert counts(cast(["hey"], 120, [FORMANT, FEW, ONE], 0)) == {
        "formant": 60,
        "few": 40,
        "one": 20,
    }
    assert counts(cast(["hey"], 120, [FEW, ONE], 0)) == {"few": 80, "one": 40}
    assert counts(cast(["hey"], 7, [FORMANT], 0)) == {"formant": 7}


def test_all_voices_come_before_one_comes_again():
    said = Counter(one.voice for one in cast(["hey"], 200, [FORMANT, FEW], 1))
    assert {said[voice] for voice in FORMANT.voices} == {1}
    assert {said[voice] for voice in FEW.voices} == {25}


def test_more_begin_as_fewer_and_seeds_differ():
    few, many = (cast(["hey you"], count, [FORMANT, FEW, ONE], 3) for count in (10, 50))
    assert many[:10] == few
    assert cast(["hey you"], 10, [FORMANT, FEW, ONE], 4) != few


def test_styles_vary_within_bounds():
    styles = [one.style for one in cast(["hey"], 300, [FEW], 0)]
    for name, width in (("speed", SPEED), ("pitch", PITCH), ("formants", FORMANTS)):
        values = [getattr(style, name) for style in styles]
        assert np.abs(np.log(values)).max() <= width + 1e-9
        assert max(values) - min(values) > width
    plain = sum(style.formants == 1 for style in styles)
    assert 60 < plain < 140
    assert len({style.take for style in styles}) == 300


def test_punctuation_changes_and_is_left_alone():
    texts = Counter(one.text for one in cast(["hey device"], 200, [FEW], 0))
    assert set(texts) == {
        text + ending for text in ("hey device", "hey, device") for ending in ("", ".", "!", "?")
    }
    assert texts["hey device"] == max(texts.values())
    assert {one.text for one in cast(["hey"], 50, [FEW], 0)} == {"hey", "hey.", "hey!", "hey?"}
    for text in ("hey, device", "stop!", "¿qué tal?"):
        assert {one.text for one in cast([text], 20, [FEW], 0)} == {text}


def test_texts_come_in_turn():
    said = cast(["a", "b", "c"], 7, [FEW], 0)
    assert [one.text[0] for one in said] == list("abcabca")
    assert cast([], 5, [FEW], 0) == []


@pytest.mark.parametrize("count", [0, 1])
def test_small_counts(count):
    assert len(cast(["hey"], count, [FORMANT, FEW], 0)) == count
