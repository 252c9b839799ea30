"""Which models teach wake words, and what is believed of their files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kws.errors import KwsError
from kws.metadata import WAKE_WORDS
from kws.modelfile import ModelFile
from kws.packaged import packaged_model
from kws_deploy.wake_words.teachers import check_teachers, hold_out_of, language_of
from kws_training.wake_words.defaults import HOLD_OUT
from tests.conftest import kws_here


def teacher(*labels: str, options: Any = None) -> ModelFile:
    model = packaged_model("commands-small")
    metadata = replace(
        model.metadata, task=WAKE_WORDS, labels=labels, provenance={"options": options}
    )
    return ModelFile("teacher.tflite", model.network, metadata)


def test_teachers_know_the_same_wake_words() -> None:
    assert check_teachers([teacher("a", "b"), teacher("a", "b")]) == ("a", "b")
    with pytest.raises(KwsError, match="all teachers must know a, b, in order"):
        check_teachers([teacher("a", "b"), teacher("b", "a")])
    with pytest.raises(KwsError, match=r"its task is commands.*kws train --wake-word"):
        check_teachers([packaged_model("commands-small")])


@pytest.mark.parametrize("wrong", [None, [], {}, {"language": 3, "hold_out": "x"}, {"hold_out": 7}])
def test_what_a_file_tells_may_be_anything(wrong: Any) -> None:
    assert language_of(teacher("a", options=wrong)) is None
    assert hold_out_of(teacher("a", options=wrong)) == HOLD_OUT


def test_what_a_file_tells_is_used() -> None:
    told = teacher("a", options={"language": "de", "hold_out": 0.25})
    assert language_of(told) == "de"
    assert hold_out_of(told) == 0.25


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--features", "x.npz"], "needs audio and not images"),
        (["--student", "mixed-10k"], "--student does not go with --frontend micro"),
        (["--epochs", "3"], "--epochs does not go with --frontend micro"),
        (["--steps", "0"], "--steps must be at least 1"),
        ([], "its task is commands"),
    ],
)
def test_the_verb_says_what_does_not_go(options: list[str], reason: str, tmp_path: Any) -> None:
    done = kws_here(
        "distill", "commands", "--frontend", "micro", "--output", tmp_path / "x.tflite", *options
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_other_students_take_none_of_its_options(tmp_path: Any) -> None:
    output = tmp_path / "x.tflite"
    done = kws_here("distill", "commands", "--output", output, "--synthesize", "3")
    assert "--synthesize goes with --frontend micro" in done.stderr
    done = kws_here("distill", "commands", "--output", output)
    assert "give --data and --noise" in done.stderr
