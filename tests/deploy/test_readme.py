"""What deploy/README.md tells people to type is understood; the verbs' own tests run it."""

import argparse
import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from kws.cli.inspect import INSPECT

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "deploy" / "README.md").read_text()


def commands():
    for block in re.findall(r"^```(?:sh)?\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.split(r" [#>] ", line + " ")[0].strip()
            if command.startswith("kws "):
                yield command


def test_there_are_examples_of_every_verb():
    shown = {command.split()[1] for command in commands()}
    assert {"distill", "prune", "quantize", "check", "pack", "export"} <= shown


@pytest.mark.parametrize("command", list(commands()))
def test_commands_are_understood(command):
    _, verb, *arguments = shlex.split(command)
    point = next(iter(entry_points(group="kws.verbs", name=verb)), None)
    found = {"inspect": INSPECT}[verb] if point is None else point.load()
    parser = argparse.ArgumentParser(exit_on_error=False)
    found.configure(parser)
    parser.parse_args(arguments)


def test_links_and_modules_are_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / "deploy" / target).exists(), target
    for name in re.findall(r"`(tests/[\w/.]+)`", README):
        assert (ROOT / name).exists(), name
