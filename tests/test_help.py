"""What `--help` says of every verb: what each argument is for, and an example that works."""

import argparse
import shlex

import pytest

from kws.cli.main import DEVICE_VERBS, find_verbs, main

VERBS = {verb.name: verb for verb in find_verbs(None)}


def parser_of(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    VERBS[name].configure(parser)
    return parser


def test_every_side_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert set(DEVICE_VERBS) <= set(VERBS)
    assert "on the device:" in text
    for name, verb in VERBS.items():
        assert f"\n    {name} " in text
        assert verb.summary in text


@pytest.mark.parametrize("name", VERBS)
def test_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    text = capsys.readouterr().out
    assert f"example: kws {name} " in text
    assert "(default: None)" not in text
    assert "(default: [])" not in text


@pytest.mark.parametrize("name", VERBS)
def test_the_example_is_what_the_verb_takes(name: str) -> None:
    program, verb, *arguments = shlex.split(VERBS[name].example)
    assert (program, verb) == ("kws", name)
    parser_of(name).parse_args(arguments)


@pytest.mark.parametrize("name", VERBS)
def test_every_argument_says_what_it_is_for(name: str) -> None:
    silent = [
        action.option_strings or action.dest
        for action in parser_of(name)._actions
        if not action.help
    ]
    assert silent == []
