"""What is the name of a repository, and what is a file."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import KeywordSpotter, KwsError
from kws.hub.name import HubName, hub_name, parse_name
from kws.packaged import find_model


@pytest.mark.parametrize(
    ("text", "repository", "revision"),
    [
        ("anna/lights", "anna/lights", None),
        ("anna/lights@v2.0", "anna/lights", "v2.0"),
        ("anna/lights@refs/pr/1", "anna/lights", "refs/pr/1"),
        ("a/b", "a/b", None),
        ("some-org/hey_device.v2", "some-org/hey_device.v2", None),
    ],
)
def test_names(text: str, repository: str, revision: str | None) -> None:
    assert parse_name(text) == HubName(repository, revision)
    assert str(parse_name(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "lights",
        "a/b/c",
        "/a/b",
        "./b",
        "../b",
        "a/..",
        "a/b@",
        "a/b@../c",
        "a/b.tflite",
        "a/b.git",
        "a--b/c",
        "a/b c",
        "a/b\n",
        "ä/b",
        "-a/b",
        "a/b.",
        "a/" + "b" * 97,
        "https://huggingface.co/a/b",
        "hf://a/b",
    ],
)
def test_no_names(text: str) -> None:
    assert parse_name(text) is None


@settings(max_examples=50)
@given(st.text("ab/@.-_~ é\n", max_size=12))
def test_no_text_is_taken_for_a_path_outside(text: str) -> None:
    name = parse_name(text)
    if name is not None:
        assert name.repository.count("/") == 1
        assert ".." not in str(name)
        assert str(name) == text


def test_what_is_there_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub_name("anna/lights") is not None
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "lights").write_bytes(b"no model")
    assert hub_name("anna/lights") is None
    with pytest.raises(KwsError, match="anna/lights: not a TFLite model"):
        find_model("anna/lights")


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(KwsError, match=r"anna/none: .*huggingface_hub.*hub"):
        KeywordSpotter.from_pretrained("anna/none")


def test_models_of_the_package_need_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert KeywordSpotter.from_pretrained("commands-small", threads=1).keywords[0] == "down"
    with pytest.raises(KwsError, match="commands@v1: cannot be read"):
        KeywordSpotter.from_pretrained("commands", revision="v1")
