"""Probabilities of words add up to one, and ARPA files are read as they are written."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import KwsError
from kws.transcripts.arpa import read_language
from kws.transcripts.ngrams import NGrams, ngrams_of

ARPA = r"""\data\
ngram 1=5
ngram 2=2

\1-grams:
-99 <s> -0.3
-0.5 </s>
-1.0 <unk>
-0.7 Lights -0.2
-0.4 on

\2-grams:
-0.1 <s> lights
-0.2 lights on
\end\
"""


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), min_size=1, max_size=6),
    st.integers(1, 4),
)
def test_probabilities_add_up_to_one(rows: list[list[str]], order: int) -> None:
    model = ngrams_of([" ".join(row) for row in rows], order)
    choices = [word for word in range(len(model.words)) if word != model.begin]
    for length in range(4):
        for words in itertools.product(range(len(model.words) - 2), repeat=length):
            history = model.follow((), model.begin)
            for word in words:
                history = model.follow(history, word)
            total = sum(math.exp(model.score(history, word)) for word in choices)
            assert total <= 1 + 1e-9
            assert total > 0.4  # what no sentence has keeps some, but not most, where all is seen


def test_likely_words_are_likely() -> None:
    model = ngrams_of(["Turn the lights on.", "turn the radio off", "turn it on"])
    numbers = {word: number for number, word in enumerate(model.words)}
    history: tuple[int, ...] = model.follow((), model.begin)
    assert model.score(history, numbers["turn"]) > math.log(0.7)
    history = model.follow(model.follow(history, numbers["turn"]), numbers["the"])
    assert model.score(history, numbers["radio"]) > model.score(history, numbers["it"])
    assert model.score(history, 77) < -15


def test_arpa_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lights.arpa"
    path.write_text(ARPA)
    model = read_language(path)
    assert model.words == ("lights", "on", "<s>", "</s>")
    assert model.order == 2
    assert model.score((0,), 1) == pytest.approx(-0.2 * math.log(10))
    assert model.score((0,), 0) == pytest.approx((-0.2 - 0.7) * math.log(10))
    assert model.score((1,), 0) == pytest.approx(-0.7 * math.log(10))
    path.write_text("lights on\n\nlights off\n")
    assert isinstance(read_language(path), NGrams)
    assert read_language(path, 1).order == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ARPA.replace("-0.4 on", "on"), "line 10: 'on': is no 1-gram"),
        (ARPA.replace("-0.4 on", "x on"), "line 10: 'x on': has no logarithm"),
        (ARPA.replace("-0.4 on", "nan on"), "line 10: 'nan on': has a logarithm that is not"),
        (ARPA.replace("\\2-grams", "\\3-grams"), "line 12: '\\\\3-grams:': orders must be 1 to 4"),
        ("\\data\\\n", "has no \\1-grams: section"),
        ("\\data\\\n\\1-grams:\n-1 <s>\n", "has no words"),
        ("", "has no words"),
        ("...\n", "has no words"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(KwsError) as caught:
        read_language(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_size_is_bounded(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    many = ["".join(three) for three in itertools.product(letters, repeat=3)]
    with pytest.raises(KwsError, match="has more than 5000 words"):
        ngrams_of(many)
    path = tmp_path / "a.arpa"
    lines = "\n".join(f"-1 {word}" for word in many)
    path.write_text(f"\\data\\\n\\1-grams:\n{lines}\n")
    with pytest.raises(KwsError, match="is one word too many"):
        read_language(path)
    with pytest.raises(KwsError, match="order 9: must be 1 to 4"):
        ngrams_of(["a"], 9)
    with pytest.raises(KwsError, match="cannot be read"):
        read_language(tmp_path / "none")
    path.write_bytes(b"a\n\xff")
    with pytest.raises(KwsError, match="line 2: is no UTF-8"):
        read_language(path)
