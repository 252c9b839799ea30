"""The part of YAML that grammars are written in is read as YAML libraries read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.grammar.expression import GrammarError
from kws.grammar.yaml_text import List, Mapping, Node, Text, read_yaml

from .texts import LIGHTS


def plain(node: Node) -> object:
    if isinstance(node, Text):
        return node.text
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    return {key: plain(item) for key, item in node.items.items()}


def test_mappings_lists_and_texts_are_read() -> None:
    assert plain(read_yaml(LIGHTS, "x"))["context"]["slots"] == {  # type: ignore[index]
        "state": ["on", "off"],
        "colour": ["red", "light blue", "blue"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: b\nc:\n- d\n- 'it''s'\ne: {}\nf: []\n",
        '---\n"a b": "c # d" # e\nf: "\\"g\\" \\\\"\n',
        "a:\n  - b: c\n    d: e\n  - - f\n    - g\n  - h#i\n",
        "a:\n    b:\n        - don't  # a quote within a word\n    c: 'x: y'\n",
        "- $size:size and @ more\n- with a, b\n",
        "a: [b, c d,'e, f' , \"g]\"]\nh: [ i, ] # j\nk: [don't, l\\m]\n",
    ],
)
def test_reads_as_a_library_does(text: str) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install pyyaml")
    assert plain(read_yaml(text, "x")) == yaml.load(text, yaml.BaseLoader)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x: is empty"),
        ("# nothing\n", "x: is empty"),
        ("a: b\n\tc: d\n", "line 2: 'c: d': is indented by a tab"),
        ("a: &b c\n", "line 1: '&b c': anchors"),
        ("- [b, c] d\n", "line 1: '[b, c] d': YAML reads [ as a list, which is read behind a key"),
        ("a: [b, c] d\n", "line 1: '[b, c] d': goes on behind its list"),
        ("a: [b, [c]]\n", "line 1: '[c]]': a text with [ in a list"),
        ("a: [b, c: d]\n", "line 1: 'c: d]': a text with : in a list"),
        ("a: [b,, c]\n", "line 1: ',': a text cannot begin with a comma"),
        ("a: [b, 'c' d]\n", "line 1: 'd': follows the closing quote"),
        ("a: [b,\n  c]\n", "line 1: '[b,': the list is not closed in its line"),
        ("a: |\n  b\n", "texts of several lines"),
        ("a:\nb: c\n", "line 1: 'a:': has nothing below it"),
        ("a: b\na: c\n", "line 2: 'a': is there already, in line 1"),
        ("a: b\n  c: d\n", "line 2: 'c: d': is indented otherwise"),
        ("  a: b\nc: d\n", "line 2: 'c: d': is indented otherwise"),
        ('a: "b\n', "is not closed in its line"),
        ('a: "b" c\n', "line 1: 'c': follows the closing quote"),
        ('a: "\\q"\n', "is an escape that is not read"),
        ("a: b: c\n", "YAML reads the colon as a key"),
        ("a: b\n---\nc: d\n", "line 2: '---': begins a second document"),
        ("-\n- a\n", "line 1: '-': an item is empty"),
        ("- - - - - - - - - - - - - - - - a\n", "is nested more than 12 deep"),
        ("a: b\nc\n", "line 2: 'c': is no key"),
    ],
)
def test_what_is_not_read_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        read_yaml(text, "x")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(st.sampled_from("ab,:-#'\"[]{} \\&?"), max_size=12))
def test_a_list_in_one_line_is_what_a_library_reads_or_refused(text: str) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install pyyaml")
    try:
        found = plain(read_yaml(f"a: [{text}]\n", "x"))
    except GrammarError:
        return
    assert found == yaml.load(f"a: [{text}]\n", yaml.BaseLoader)


def test_size_is_bounded() -> None:
    with pytest.raises(GrammarError, match="has 20001 lines"):
        read_yaml("# a\n" * 20_001, "x")
    with pytest.raises(GrammarError, match="longer than 20000 characters"):
        read_yaml("a: " + "b" * 20_000, "x")


@given(st.text(st.sampled_from("ab:-#'\"[]{} \n\\&|>"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_yaml(text, "x")
    except GrammarError as error:
        assert str(error).startswith("x: ")
    else:
        assert isinstance(found, Text | List | Mapping)
