"""A graph accepts what the grammar says and nothing else, and its paths mean what they should."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import KwsError
from kws.grammar.compiling import compile_grammar
from kws.grammar.expression import (
    Choice,
    Expression,
    Grammar,
    Intent,
    Repeat,
    Sequence,
    Slot,
    Value,
    Word,
)
from kws.grammar.jsgf import read_jsgf
from kws.grammar.parsing import Pronunciations
from kws.grammar.rhino import read_context
from kws.phonemes.graph import Graph

from .texts import LIGHTS, LIGHTS_JSGF

#: Words of phonemes that overlap: "c" sounds like "a b", and "d" like "a" or like "b".
SAID: Pronunciations = {"a": [(1,)], "b": [(2,)], "c": [(1, 2)], "d": [(1,), (2,)], "e": [(3, 1)]}

Said = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]


def ways(part: Expression) -> list[tuple[str, ...]]:
    """Return the words of every way of saying a part."""
    if isinstance(part, Word):
        return [(part.text,)]
    if isinstance(part, Choice):
        return [way for one in part.parts for way in ways(one)]
    if isinstance(part, Sequence):
        rows = itertools.product(*(ways(one) for one in part.parts))
        return [tuple(itertools.chain(*row)) for row in rows]
    if isinstance(part, Repeat):
        return [
            tuple(itertools.chain(*row))
            for times in range(part.least, part.most + 1)
            for row in itertools.product(ways(part.part), repeat=times)
        ]
    return ways(part.part)


def strings(words: tuple[str, ...], said: Pronunciations) -> list[tuple[int, ...]]:
    """Return every pronunciation of words."""
    return [
        tuple(itertools.chain(*row)) for row in itertools.product(*(said[word] for word in words))
    ]


def accepted(graph: Graph) -> set[tuple[int, ...]]:
    """Return every string that a graph accepts."""
    after: dict[int, list[int]] = {}
    for source, target in zip(graph.sources.tolist(), graph.targets.tolist(), strict=True):
        after.setdefault(source, []).append(target)
    found = set()
    left = [(node, (int(graph.labels[node]),)) for node in graph.starts.tolist()]
    while left:
        node, string = left.pop()
        if graph.ends[node]:
            found.add(string)
        left += [(to, (*string, int(graph.labels[to]))) for to in after.get(node, ())]
    return found


EXPRESSIONS = st.recursive(
    st.sampled_from("abcde").map(Word),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: Sequence(tuple(parts)))
        | st.lists(inner, max_size=3).map(lambda parts: Choice(tuple(parts)))
        | st.tuples(inner, st.integers(0, 1), st.integers(1, 2)).map(lambda x: Repeat(*x))
        | st.tuples(st.sampled_from("xy"), inner).map(lambda x: Slot(*x))
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=2))
def test_graphs_accept_what_can_be_said(expressions: list[Expression]) -> None:
    grammar = Grammar(tuple(Intent(str(i), one) for i, one in enumerate(expressions)), "x")
    meant: dict[tuple[int, ...], set[tuple[str, tuple[str, ...]]]] = {}
    for intent in grammar.intents:
        for way in ways(intent.expression):
            for string in strings(way, SAID):
                meant.setdefault(string, set()).add((intent.name, way))
    if not meant or () in meant:
        with pytest.raises(KwsError, match=r"^x: "):
            compile_grammar(grammar, SAID)
        return
    compiled = compile_grammar(grammar, SAID)
    assert accepted(compiled.graph) == set(meant)
    for string, meanings in meant.items():
        parse = compiled.parse(list(string))
        assert parse is not None
        said = tuple(word.text for word in parse.words)
        assert (parse.intent, said) in meanings
        assert parse.intent == min(name for name, _ in meanings)
        assert [word.first for word in parse.words] == [0, *(w.end for w in parse.words)][:-1]
        assert all(string[w.first : w.end] in SAID[w.text] for w in parse.words)
    assert compiled.parse([3, 3]) is None


def said_of(grammar: Grammar) -> Pronunciations:
    """Make a pronunciation of each word up: one of three phonemes in the order of the words."""
    return {word: [(1 + i // 30, 1 + i % 30, 5)] for i, word in enumerate(grammar.words())}


@pytest.mark.parametrize(("read", "text"), [(read_context, LIGHTS), (read_jsgf, LIGHTS_JSGF)])
def test_intents_and_slots_are_found(read, text) -> None:  # type: ignore[no-untyped-def]
    grammar = read(text, "lights")
    said = said_of(grammar)
    compiled = compile_grammar(grammar, said)

    def meaning(words: str) -> object:
        found = compiled.parse([one for word in words.split() for one in said[word][0]])
        return found and (found.intent, found.slots)

    assert meaning("turn off the lights") == ("switchLights", {"state": "off"})
    assert meaning("switch lights on") == ("switchLights", {"state": "on"})
    assert meaning("make the lights light blue") == ("setColour", {"colour": "light blue"})
    assert meaning("turn the lights") is None


def test_values_stand_for_words_and_tags_name_intents() -> None:
    text = """#JSGF V1.0;
    grammar g;
    public <a> = (go (far | (so far) {x=very}) {d}) {intent=walk} | stay {d=0} | leave;
    """
    grammar = read_jsgf(text, "x")
    said = said_of(grammar)
    compiled = compile_grammar(grammar, said)

    def meaning(words: str) -> object:
        found = compiled.parse([one for word in words.split() for one in said[word][0]])
        return found and (found.intent, found.slots)

    assert meaning("go far") == ("walk", {"d": "far"})
    assert meaning("go so far") == ("walk", {"d": "very", "x": "very"})
    assert meaning("stay") == ("a", {"d": "0"})
    assert meaning("leave") == ("a", {})


def test_the_first_alternative_wins() -> None:
    parts = (Word("c"), Sequence((Word("a"), Word("b"))))
    for order in (parts, parts[::-1]):
        compiled = compile_grammar(Grammar((Intent("x", Choice(order)),), "x"), SAID)
        parse = compiled.parse([1, 2])
        assert parse is not None
        first = order[0]
        words = [first] if isinstance(first, Word) else list(first.parts)
        assert [word.text for word in parse.words] == [w.text for w in words]  # type: ignore[union-attr]


def test_values_within_slots() -> None:
    inner = Choice((Value("1", Word("a")), Value("2", Sequence((Word("b"), Word("e"))))))
    whole = Slot("n", Sequence((inner, Repeat(inner, 0, 1))))
    compiled = compile_grammar(Grammar((Intent("x", whole),), "x"), SAID)
    parse = compiled.parse([2, 3, 1, 1])
    assert parse is not None
    assert parse.slots == {"n": "2 1"}


def test_size_is_bounded() -> None:
    part: Expression = Choice((Word("a"), Word("b")))
    for _ in range(30):
        part = Sequence((part, part))
    with pytest.raises(KwsError, match=r"^x: too large"):
        compile_grammar(Grammar((Intent("x", part),), "x"), SAID)
    nothing: Expression = Choice(())
    for _ in range(30):
        nothing = Sequence((nothing, nothing))
    with pytest.raises(KwsError, match=r"^x: too large"):
        compile_grammar(Grammar((Intent("x", nothing),), "x"), SAID)
    with pytest.raises(KwsError, match=r"^x: nothing can be said"):
        compile_grammar(Grammar((Intent("x", Choice(())),), "x"), SAID)
