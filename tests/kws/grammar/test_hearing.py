"""How well a path was heard: against everything that the network may say, and the voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kws.arrays import Float32
from kws.grammar.compiling import compile_grammar
from kws.grammar.expression import phrases
from kws.grammar.hearing import Hearing, heard_frames
from kws.grammar.recognition import RecognitionConfig, UtteranceRecognizer
from kws.grammar.saying import pronounce
from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS, VOICE_INDEX
from kws.phonemes.viterbi import LOWEST, Path
from kws.posteriors import sigmoid

from ...phoneme_network import phonemes_of
from ..phonemes.synthetic import spoken


def heard_in(logits: Float32) -> Float32:
    return heard_frames(logits, sigmoid(logits[:, VOICE_INDEX]))


def path_of(labels: list[int], first: list[int], last: list[int]) -> Path:
    places = np.array(first, np.int32)
    return Path(
        labels=np.array(labels, np.int16),
        nodes=np.zeros(len(labels), np.int32),
        first=places,
        last=np.array(last, np.int32),
        scores=np.zeros(len(labels), np.float32),
        score=0.0,
    )


def test_a_phoneme_is_compared_with_the_best_and_with_the_voice() -> None:
    logits = np.zeros((3, len(OUTPUTS)), np.float32)
    logits[:, BLANK_INDEX] = 2.0
    logits[1, 7] = 5.0
    logits[2, 9] = 1.0
    logits[:, VOICE_INDEX] = (-1.0, 0.0, 20.0)
    heard = heard_in(logits)
    assert heard.shape == logits.shape
    np.testing.assert_allclose(heard[1, [BLANK_INDEX, 7, 9]], [-3, 0, -5])
    expected = np.log(1 / (1 + np.exp([1.0, 0.0, -15.0])))
    np.testing.assert_allclose(heard[:, VOICE_INDEX], expected, atol=1e-6)
    hearing = Hearing(10)
    hearing.push(heard)
    # the phoneme's best frame: 7 in frame 1 with a voice of one half, 9 in frame 2 with a sure one
    found = hearing.scores(path_of([7, 9], [0, 1], [1, 2]))
    np.testing.assert_allclose(found, [np.log(0.5), -1.0], atol=1e-6)


def test_frames_are_kept_until_the_next_utterance() -> None:
    rng = np.random.default_rng(0)
    heard = heard_in(rng.normal(0, 3, (300, len(OUTPUTS))).astype(np.float32))
    hearing = Hearing(300)
    for first in range(0, 300, 7):
        hearing.push(heard[first : first + 7])
    path = path_of([3, 4], [0, 200], [10, 299])
    expected = [
        (heard[:11, 3] + heard[:11, VOICE_INDEX]).max(),
        (heard[200:, 4] + heard[200:, VOICE_INDEX]).max(),
    ]
    np.testing.assert_array_equal(hearing.scores(path), np.array(expected, np.float32))
    hearing.reset()
    hearing.push(heard[100:120])
    np.testing.assert_array_equal(
        hearing.scores(path_of([3], [5], [5])), heard[105, [3]] + heard[105, VOICE_INDEX]
    )


def test_numbers_that_are_none_are_heard_worst() -> None:
    logits = np.full((2, len(OUTPUTS)), np.nan, np.float32)
    assert (heard_in(logits) == LOWEST).all()
    logits[:] = 0
    logits[:, VOICE_INDEX] = -np.inf
    assert heard_in(logits)[0, VOICE_INDEX] == pytest.approx(LOWEST)


def test_an_order_in_noise_is_not_understood() -> None:
    grammar = phrases(["turn on the kitchen lights"])
    compiled = compile_grammar(grammar, pronounce(grammar))
    config = RecognitionConfig(delay=0.0)
    spoken_order = spoken(phonemes_of("turn on the kitchen lights"), 0, before=50, after=80)
    noise = spoken_order.copy()
    # what the decoder finds is there, but the network says with each phoneme: rather nothing
    best = noise[:, BLANK_INDEX + 1 : VOICE_INDEX].max(axis=1)
    noise[:, BLANK_INDEX] = np.maximum(noise[:, BLANK_INDEX], best + 1.9)
    noise[:, VOICE_INDEX] = np.minimum(noise[:, VOICE_INDEX], 1.0)

    def intents(logits: np.ndarray, some: RecognitionConfig) -> list[str | None]:
        recognizer = UtteranceRecognizer(compiled, 0.02, some)
        return [one.intent for one in recognizer.push(logits) + recognizer.flush()]

    assert intents(spoken_order, config) == ["turn on the kitchen lights"]
    assert set(intents(noise, config)) == {None}
    deaf = replace(config, heard=-9.0, heard_most=-9.0)
    assert intents(noise, deaf) == ["turn on the kitchen lights"]
