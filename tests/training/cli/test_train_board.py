"""train --board: what is refused before anything is trained, and what the other verbs are told."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from kws.cli.main import require_verb, run_verb
from kws.errors import KwsError
from kws_training.cli.train_board import board_files, distillation_arguments, run_for_board
from kws_training.cli.train_config import WakeWordConfig


def config(folder: Path, **values: object) -> WakeWordConfig:
    given = {"output": folder / "hey.tflite", "wake_words": ["hey you"], "negatives": [folder]}
    return WakeWordConfig(**{**given, "board": "esp32-s3", **values})


def test_files_are_beside_the_model(tmp_path: Path) -> None:
    teacher, folder = board_files(tmp_path / "hey.tflite")
    assert (teacher.name, folder.name) == ("hey-teacher.tflite", "hey-esphome")
    assert teacher.parent == folder.parent == tmp_path


def test_what_boards_do_not_run_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="boards run int8"):
        run_for_board(config(tmp_path, precision="float32"))
    (tmp_path / "hey-esphome").write_text("")
    with pytest.raises(KwsError, match="hey-esphome: is no folder"):
        run_for_board(config(tmp_path))


def test_the_student_learns_from_the_same_recordings(tmp_path: Path) -> None:
    pytest.importorskip("kws_deploy")
    said, noise = [[tmp_path / "a"], [tmp_path / "b", tmp_path / "c"]], [tmp_path / "hum"]
    wanted = config(tmp_path, positives=said, noise=noise, steps=200, language="de", seed=4)
    parser = argparse.ArgumentParser(exit_on_error=False)
    require_verb("distill").configure(parser)
    teacher = tmp_path / "teacher.tflite"
    options = parser.parse_args(distillation_arguments(wanted, teacher))
    assert options.teachers == [teacher]
    assert options.frontend == "micro"
    assert options.output == wanted.output
    assert (options.positives, options.negatives, options.noise) == (said, [tmp_path], noise)
    assert (options.steps, options.language, options.seed) == (300, "de", 4)
    assert options.json


def test_a_verb_that_is_not_there_is_named() -> None:
    with pytest.raises(KwsError, match=r"the verb nonesuch is missing: .*deploy"):
        run_verb("nonesuch", [])
