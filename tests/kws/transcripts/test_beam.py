"""The beam finds what trying out every sentence finds, and times and confidences with it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import KwsError
from kws.phonemes.graph import graph_of
from kws.phonemes.pronunciations import pronunciations
from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS
from kws.phonemes.viterbi import UtteranceDecoder, relative
from kws.transcripts.beam import BeamConfig, BeamDecoder
from kws.transcripts.lexicon import MOST_WAYS, lexicon_of
from kws.transcripts.ngrams import NGrams, ngrams_of
from kws.transcripts.transcriber import TranscriptConfig, UtteranceTranscriber

from ...phoneme_network import phonemes_of
from ..phonemes.synthetic import spoken

SENTENCES = ["no sun", "sun no no", "on", "no on", "nose"]
WIDE = BeamConfig(width=100_000, beam=1e6, outside=math.inf)


def brute_force(model: NGrams, scores: np.ndarray, most: int) -> tuple[list[str], float]:
    """Return the likeliest sentence of all, of at most so many words."""
    nothing = model.score(model.follow((), model.begin), model.end)
    best: tuple[list[str], float] = ([], float(scores[:, BLANK_INDEX].sum()) + nothing)
    words = model.words[:-2]
    for count in range(1, most + 1):
        for sentence in itertools.product(range(len(words)), repeat=count):
            ways = [pronunciations(words[word])[:MOST_WAYS] for word in sentence]
            strings = [list(itertools.chain(*way)) for way in itertools.product(*ways)]
            decoder = UtteranceDecoder(graph_of(strings))
            decoder.push(scores)
            history = model.follow((), model.begin)
            likely = 0.0
            for word in (*sentence, model.end):
                likely += model.score(history, word)
                history = model.follow(history, word)
            if decoder.ended_score + likely > best[1]:
                best = ([words[word] for word in sentence], decoder.ended_score + likely)
    return best


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 9))
def test_equals_trying_out_every_sentence(seed: int, frames: int) -> None:
    model = ngrams_of(SENTENCES)
    lexicon, _ = lexicon_of(model, "x")
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (frames, len(OUTPUTS))).astype(np.float32)
    favoured = [OUTPUTS.index(sign) for sign in ("n", "ow", "s", "ah", "aa", "z", "_blank_")]
    logits[:, favoured] += 4
    decoder = BeamDecoder(model, lexicon, WIDE)
    scores = relative(logits)
    decoder.push(scores)
    wanted, _ = brute_force(model, scores, 3)
    found = [model.words[token.word] for token in decoder.best()]
    assert len(found) > 3 or found == wanted


@pytest.fixture(scope="module")
def kitchen() -> NGrams:
    return ngrams_of(
        [
            "set a timer for ten minutes",
            "set a timer for two hours",
            "how much sugar is in the tea",
            "turn the kitchen lights off",
            "turn the radio on",
            "is the tea ready",
        ]
    )


def test_sentences_of_the_domain_are_written_down(kitchen: NGrams) -> None:
    words = UtteranceTranscriber(kitchen, 0.02, TranscriptConfig(delay=0.0), "x")
    texts = ["turn the radio on", "set a timer for two hours", "is the sugar ready"]
    logits = np.concatenate(
        [spoken(phonemes_of(text), seed, 40, 40) for seed, text in enumerate(texts)]
    )
    results = [
        found
        for start in range(0, len(logits), 11)
        for found in words.push(logits[start : start + 11])
    ]
    results += words.flush()
    finals = [found for found in results if found.final]
    assert [found.text for found in finals] == texts
    assert len(results) > len(finals) + 2
    for found in results:
        assert all(word.confidence > 0.5 for word in found.words)
        for before, after in itertools.pairwise(found.words):
            assert before.start < before.end <= after.start + 0.021
    words.reset()
    whole = words.push(logits) + words.flush()
    assert [one for one in whole if one.final] == finals


def test_what_the_domain_does_not_have_is_not_certain(kitchen: NGrams) -> None:
    words = UtteranceTranscriber(kitchen, 0.02, TranscriptConfig(), "x")
    words.push(spoken(phonemes_of("good morning everybody"), 3, 40, 10))
    (found,) = words.flush()
    assert min(word.confidence for word in found.words) < 0.3


def test_words_that_cannot_be_pronounced_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    _, unknown = lexicon_of(ngrams_of(["turn qwxzyk on"]), "x")
    assert unknown == ("qwxzyk",)
    with pytest.raises(KwsError, match="x: none of its words can be pronounced"):
        lexicon_of(ngrams_of(["qwxzyk"]), "x")
