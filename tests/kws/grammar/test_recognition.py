"""Utterances are found by their voice, and mean what was said, whatever the cuts of the stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.arrays import Float32
from kws.grammar.compiling import CompiledGrammar, compile_grammar
from kws.grammar.expression import phrases
from kws.grammar.reading import parse_grammar
from kws.grammar.recognition import CommandResult, RecognitionConfig, UtteranceRecognizer
from kws.grammar.saying import pronounce
from kws.phonemes.symbols import OUTPUTS, VOICE_INDEX

from ...phoneme_network import phonemes_of
from ..phonemes.synthetic import spoken
from .texts import LIGHTS

CONFIG = RecognitionConfig(delay=0.0, blank=0.0, worst=0.6)
#: Frames that nobody speaks in around each utterance: a second.
AROUND = 50


@pytest.fixture(scope="module")
def lights() -> CompiledGrammar:
    grammar = parse_grammar(LIGHTS, "lights.yaml")
    return compile_grammar(grammar, pronounce(grammar))


def say(text: str, seed: int = 0) -> Float32:
    return spoken(phonemes_of(text), seed, before=AROUND, after=AROUND)


def understood(compiled: CompiledGrammar, logits: Float32, size: int = 7) -> list[CommandResult]:
    recognizer = UtteranceRecognizer(compiled, 0.02, CONFIG)
    found = []
    for start in range(0, len(logits), size):
        found += recognizer.push(logits[start : start + size])
    return found + recognizer.flush()


def test_orders_one_after_another_are_understood(lights: CompiledGrammar) -> None:
    texts = ["turn on the lights", "good morning everybody", "make the lights light blue"]
    pieces = [say(text, seed) for seed, text in enumerate(texts)]
    found = understood(lights, np.concatenate(pieces))
    assert [(one.intent, one.slots) for one in found] == [
        ("switchLights", {"state": "on"}),
        (None, {}),
        ("setColour", {"colour": "light blue"}),
    ]
    assert found[0].confidence > 0.9 > 0.3 > found[1].confidence
    assert [word.text for word in found[0].words] == ["turn", "on", "the", "lights"]
    assert abs(found[0].start - AROUND * 0.02) < 0.05
    assert abs(found[0].end - (len(pieces[0]) - AROUND) * 0.02) < 0.15
    for one in found:
        assert one.start < one.end
    for before, after in zip(found[2].words, found[2].words[1:], strict=False):
        assert before.start < before.end <= after.start + 1e-9


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_the_cuts_of_a_stream_change_nothing(lights: CompiledGrammar, sizes: list[int]) -> None:
    logits = np.concatenate([say("switch the lights off"), say("hello there", 1)])
    whole = understood(lights, logits, len(logits))
    recognizer = UtteranceRecognizer(lights, 0.02, CONFIG)
    found, place = [], 0
    while place < len(logits):
        for size in sizes:
            found += recognizer.push(logits[place : place + size])
            place += size
    assert found + recognizer.flush() == whole
    recognizer.reset()
    assert recognizer.push(logits) + recognizer.flush() == whole


def test_what_cannot_go_on_ends_sooner_than_what_can() -> None:
    compiled = [
        compile_grammar(grammar, pronounce(grammar))
        for grammar in (phrases(["lights on"]), phrases(["lights on", "lights on now please"]))
    ]
    logits = say("lights on")
    ends = []
    for one in compiled:
        recognizer = UtteranceRecognizer(one, 0.02, CONFIG)
        results = [recognizer.push(frame[None]) for frame in logits]
        ends.append(next(number for number, found in enumerate(results) if found))
        assert results[ends[-1]][0].intent == "lights on"
    assert ends[1] - ends[0] == round((CONFIG.quiet - CONFIG.complete) / 0.02)


def test_an_incomplete_order_is_waited_for() -> None:
    grammar = phrases(["turn the lights off"])
    compiled = compile_grammar(grammar, pronounce(grammar))
    first, second = say("turn the lights"), say("off", 1)
    pause = round(0.6 / 0.02)
    logits = np.concatenate([first[: len(first) - AROUND + pause], second[AROUND:]])
    assert [one.intent for one in understood(compiled, logits)] == ["turn the lights off"]
    alone = understood(compiled, first)
    assert [one.intent for one in alone] == [None]


def test_speech_that_never_ends_gives_a_result(lights: CompiledGrammar) -> None:
    logits = say("turn on the lights")
    endless = np.zeros((2000, len(OUTPUTS)), np.float32)
    endless[:, 0] = 10.0
    endless[:, VOICE_INDEX] = 5.0  # a television, say
    logits = np.concatenate([logits[:-AROUND], endless])
    recognizer = UtteranceRecognizer(lights, 0.02, CONFIG)
    first = recognizer.push(logits[: len(logits) - len(endless) + 90])
    assert [one.intent for one in first] == ["switchLights"]  # settled
    rest = recognizer.push(logits[len(logits) - len(endless) + 90 :])
    assert {one.intent for one in rest} == {None}


def test_noises_are_no_utterances(lights: CompiledGrammar) -> None:
    logits = say("hello")
    logits[:, VOICE_INDEX] = -5.0
    logits[60:66, VOICE_INDEX] = 5.0
    assert understood(lights, logits) == []
    assert understood(lights, logits[:0]) == []


def test_the_threshold_decides(lights: CompiledGrammar) -> None:
    logits = say("turn on the lights")
    strict = UtteranceRecognizer(lights, 0.02, replace(CONFIG, threshold=1.0))
    found = strict.push(logits) + strict.flush()
    assert [one.intent for one in found] == [None]
    assert found[0].confidence > 0.5
