"""Several models in one command: each detection says which one found it."""

import json
from pathlib import Path

import pytest

from kws.cli.verb import BAD_INPUT

from ...conftest import kws_here


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_spot_with_several_models(demo_path: Path) -> None:
    models = ("--model", "commands", "--model", "commands-small")
    done = kws_here("spot", demo_path, "--json", "--keywords", "yes,go", *models)
    together = lines(done.stdout)
    for name in ("commands", "commands-small"):
        done = kws_here("spot", demo_path, "--json", "--keywords", "yes,go", "--model", name)
        own = [found for found in together if found["model"] == name]
        assert [{**found, "model": name} for found in lines(done.stdout)] == own
        assert own
    people = kws_here("spot", demo_path, "--threshold", "0.9", *models).stdout
    assert people.splitlines()[0].endswith("  commands-small")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--model", "commands", "--model", "commands"), "given twice"),
        (("--model", "commands", "--model", "words", "--keywords", "yess"), "no keyword of any"),
        (("--model", "words", "--model", "commands", "--keywords", "zero"), "leave it out"),
        (("--model", "commands", "--model", "none.tflite"), "none.tflite"),
    ],
)
def test_refusals(demo_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    done = kws_here("spot", demo_path, *arguments)
    assert done.returncode == BAD_INPUT
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
