"""Contexts and JSGF become the same parts, and every error names line and token."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.grammar.expression import (
    Choice,
    GrammarError,
    Repeat,
    Sequence,
    Slot,
    Value,
    Word,
    phrases,
)
from kws.grammar.jsgf import read_jsgf
from kws.grammar.reading import parse_grammar, read_grammar
from kws.grammar.rhino import read_context
from kws.phonemes.pronunciations import known_pronunciations

from .texts import LIGHTS, LIGHTS_JSGF

ON_OFF = Choice((Word("on"), Word("off")))


def context(expression: str, slots: str = "", macros: str = "") -> str:
    text = f"context:\n  expressions:\n    a:\n      - {expression!r}\n"
    text += f"  slots:\n    s:\n      - {slots!r}\n" if slots else ""
    return text + (f"  macros:\n    m:\n      - {macros!r}\n" if macros else "")


def jsgf(body: str) -> str:
    return f"#JSGF V1.0;\ngrammar g;\npublic <a> = {body};\n"


def test_a_context_is_read() -> None:
    grammar = read_context(LIGHTS, "lights.yaml")
    assert [intent.name for intent in grammar.intents] == ["switchLights", "setColour"]
    first, second = grammar.intents[0].expression.parts  # type: ignore[union-attr]
    article = Choice((Word("the"), Word("my")))
    turn = Choice((Word("turn"), Word("switch")))
    place = Sequence(
        (
            *(Word("in"), Word("the")),
            Slot(
                "room",
                Choice((Word("red"), Sequence((Word("light"), Word("blue"))), Word("blue"))),
            ),
            Word("room"),
        )
    )
    assert first == Sequence(
        (
            turn,
            Slot("state", ON_OFF),
            Repeat(Choice((Word("all"), article)), 0, 1),
            Word("lights"),
            Repeat(place, 0, 1),
        )
    )
    assert second.parts[-1] == Slot("state", ON_OFF)
    assert grammar.words()["light"] == 15


def test_jsgf_is_read() -> None:
    grammar = read_jsgf(LIGHTS_JSGF, "lights.jsgf")
    assert [intent.name for intent in grammar.intents] == ["switchLights", "setColour"]
    colour = grammar.intents[1].expression.parts[-1]  # type: ignore[union-attr]
    light_blue = Sequence((Word("light"), Word("blue")))
    violet = Slot("blue", Word("violet"))
    assert colour == Slot("colour", Choice((Word("red"), light_blue, Word("blue"), violet)))
    assert grammar.notes == ("lights.jsgf: 2 weights are left out: all choices count alike",)
    repeated = read_jsgf(jsgf("(very)* good+ {how=well} [<NULL>] | <VOID>"), "x").intents[0]
    assert repeated.expression == Choice(
        (
            Sequence(
                (
                    Repeat(Word("very"), 0, 8),
                    Slot("how", Value("well", Repeat(Word("good"), 1, 8))),
                    Repeat(Sequence(()), 0, 1),
                )
            ),
            Choice(()),
        )
    )


def test_slots_of_numbers_need_no_list() -> None:
    text = context("set it to $pv.TwoDigitInteger:degrees or $pv.Percent:percent")
    grammar = read_context(text, "x")
    slot = grammar.intents[0].expression.parts[3]  # type: ignore[union-attr]
    values = [part.text for part in slot.part.parts]
    assert values == [str(number) for number in range(100)]
    assert slot.part.parts[42].part == Sequence((Word("forty"), Word("two")))
    assert known_pronunciations("ninety")


def test_a_context_may_pronounce_its_words() -> None:
    text = context("make a latte") + "  pronunciations:\n    latte:\n      - l aa t ey\n"
    assert read_context(text, "x").pronunciations["latte"] == ("l aa t ey",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (context("turn [on, off"), "line 4: '[': is not closed by ]"),
        (context("turn on]"), "line 4: ']': nothing is open"),
        (context("turn on, off"), "line 4: ',': choices are in [ ]"),
        (context("turn [on, off)"), "line 4: ')': closes what [ opened"),
        (context("turn [on, ]"), "line 4: ']': nothing is before it"),
        (context("turn ()"), "line 4: ')': nothing is before it"),
        (context("set $colour:colour"), "line 4: '$colour': is no slot of this context"),
        (context("set $colour", "red"), "line 4: '$colour': a slot is written as in"),
        (context("set @colour"), "line 4: '@colour': is no macro of this context"),
        (context("set $s:s", "a $s:t"), "line 7: '$s:t': slots hold words alone"),
        (context("set $s:s", "@m", "a"), "line 7: '@m': slots hold words alone"),
        (context("set @m", macros="a @m"), "line 7: '@m': is part of itself"),
        (context("set $pv.Date:d"), "line 4: '$pv.Date': is no slot that is known: pv.Single"),
        (context("turn on 2 lights"), "line 4: '2': is no word"),
        (context("(" * 40 + "a" + ")" * 40), "line 4: '(': is nested more than 30 deep"),
        ("context:\n  slots: {}\n", "line 2: 'context': has no expressions"),
        ("context:\n  expressions: {}\n", "'expressions': is empty"),
        ("context:\n  expressions:\n    a: {}\n", "line 3: 'a': must have a list of texts"),
        ("context:\n  expressions: a\n", "line 2: 'expressions': must hold names"),
        ("context:\n  intents: {}\n", "line 2: 'intents': is not known here"),
        ("lights: on\n", "line 1: 'context': is not the only key"),
        (jsgf("turn (on | off"), "line 3: '(': is not closed by )"),
        (jsgf("turn on)"), "line 3: ')': closes what is not open"),
        (jsgf("turn | | on"), "line 3: '|': nothing is said here"),
        (jsgf("turn <b>"), "line 3: '<b>': is no rule of this grammar"),
        (jsgf("turn <a>"), "line 3: '<a>': is part of itself"),
        (jsgf("turn 2"), "line 3: '2': is no word"),
        (jsgf("turn {}"), "line 3: '{}': is no slot"),
        (jsgf("{x} turn"), "line 3: '{x}': cannot stand here"),
        (jsgf("turn /2/ on"), "line 3: '/2/': a weight stands before"),
        (jsgf("(" * 40 + "a" + ")" * 40), "line 3: '(': is nested more than 30 deep"),
        (jsgf("turn on") + "<a> = b;", "line 4: '<a>': is there already, in line 3"),
        (jsgf("turn on") + "a = b;", "line 4: 'a': is no rule"),
        (jsgf("turn on") + "import <b>;", "line 4: 'import': other grammars are not read"),
        (jsgf("turn on") + "<b> = c", "line 4: '<b>': the statement that begins here has no ;"),
        (jsgf("turn on") + "<NULL> = c;", "line 4: '<NULL>': is a name of JSGF's own"),
        (jsgf("turn < on"), "line 3: '<': cannot be read here"),
        ("#JSGF V1.0;\ngrammar g;\n<a> = b;\n", "x: has no public rule"),
    ],
)
def test_errors_name_line_and_token(text: str, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_grammar(text, "x")
    assert message in str(caught.value)
    assert str(caught.value).startswith("x: ")
    assert "\n" not in str(caught.value)


def test_rules_that_grow_together_are_refused() -> None:
    rules = "".join(f"<r{i}> = (a <r{i + 1}>);\n" for i in range(40)) + "<r40> = a;\n"
    with pytest.raises(GrammarError, match="deep: flatten it"):
        parse_grammar(jsgf("<r0>") + rules, "x")
    backwards = "".join(f"public <r{i}> = [b] <r{i - 1}>;\n" for i in range(1, 120))
    with pytest.raises(GrammarError, match="is nested more than 100 deep"):
        parse_grammar("#JSGF V1.0;\ngrammar g;\npublic <r0> = a;\n" + backwards, "x")


@given(st.text(st.sampled_from('ab <>|()[]{}*+;/"=$@:,\n'), max_size=50))
def test_any_text_is_read_or_refused(text: str) -> None:
    for whole in (jsgf(text), context(text.replace("\n", " "))):
        try:
            parse_grammar(whole, "x")
        except GrammarError as error:
            assert str(error).startswith("x: ")


def test_files_are_read_whichever_format_they_have(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(LIGHTS)
    assert len(read_grammar(path).intents) == 2
    path.write_text("\ufeff" + LIGHTS_JSGF)
    assert len(read_grammar(path).intents) == 2
    path.write_bytes(b"context:\n  \xff")
    with pytest.raises(GrammarError, match="line 2: is no UTF-8"):
        read_grammar(path)
    with pytest.raises(GrammarError, match="cannot be read"):
        read_grammar(tmp_path / "b.yaml")


def test_phrases_are_a_grammar() -> None:
    grammar = phrases(["lights on", "stop"])
    assert grammar.intents[0].expression == Sequence((Word("lights"), Word("on")))
    for texts, message in (([], "no phrases"), ([" "], "no word in it"), (["a", "a"], "twice")):
        with pytest.raises(GrammarError, match=message):
            phrases(texts)
