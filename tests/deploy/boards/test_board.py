"""Profiles of boards: each figure has its source, estimates say that they are, errors are kind."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from kws.packaged import packaged_model
from kws_deploy.boards.board import BoardError, Figure, Kind, board_names, estimate, read_board
from kws_deploy.boards.cost import Cost, cost

PROFILE = """
title = "Mine"
core = "one"
[int8]
multiply_adds_per_second = 1e9
low = 0.5
high = 2
kind = "published"
year = 2024
source = "a table"
[operator]
seconds = 1e-5
low = 0.1
high = 3.0
kind = "estimated"
year = 2025
source = "a guess"
"""
MEMORY = """
[memory]
ram = 4096
flash = 2048
kind = "published"
year = 2024
source = "a data sheet"
"""
STEP = Cost(
    multiply_adds=1_000_000,
    weights=10,
    operators=100,
    bytes=1,
    kinds={},
    size=3000,
    arena=5000,
    precision="int8",
)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(PROFILE)
    return path


def test_the_boards_of_the_issue_are_there() -> None:
    assert {"pi-zero-2w", "pi3", "pi4", "pi5", "esp32-s3"} <= set(board_names())


@pytest.mark.parametrize("name", board_names())
def test_every_figure_has_its_source_and_its_band(name: str) -> None:
    board = read_board(name)
    figures = [f for f in (board.int8, board.float32, board.operator) if f is not None]
    for figure in figures:
        assert figure.kind in get_args(Kind)
        assert figure.kind != "measured"  # no board was at hand
        assert len(figure.source) > 20
        assert 2010 < figure.year < 2030
        assert figure.low < 1 < figure.high
        assert figure.high / figure.low > 2.5  # wide
    found = estimate(board, cost(packaged_model().network), "int8")
    assert 0 < found.low < found.seconds < found.high
    assert not found.measured
    assert any(kind in found.source for kind in ("published", "estimated"))
    assert bool(found.memory) == (board.memory is not None)


def test_the_boards_are_in_their_order() -> None:
    step = cost(packaged_model().network)
    boards = [estimate(read_board(n), step, "int8").seconds for n in ("pi5", "pi4", "pi3")]
    boards.append(estimate(read_board("pi-zero-2w"), step, "int8").seconds)
    assert boards == sorted(boards)


def test_the_published_figure_is_what_it_says() -> None:
    """XNNPACK's table: MobileNetV2, 300 M multiply-adds, 17 ms on four cores of a Pi 4."""
    figure = read_board("pi4").int8
    assert figure is not None
    assert figure.value == pytest.approx(300e6 / 17e-3 / 4, rel=0.01)


def test_an_estimate_is_the_sum_of_both_costs(profile: Path) -> None:
    found = estimate(read_board(profile), STEP, "int8")
    assert found.seconds == pytest.approx(1e-3 + 1e-3)
    assert found.low == pytest.approx(0.5e-3 + 0.1e-3)
    assert found.high == pytest.approx(2e-3 + 3e-3)
    assert "published, 2024: a table" in found.source
    assert "estimated, 2025: a guess" in found.source
    assert not found.measured
    assert found.fits
    assert found.memory == ""


def test_precisions() -> None:
    board = read_board("pi4")
    whole = estimate(board, STEP, "float32")
    assert whole.seconds > estimate(board, STEP, "int8").seconds
    for precision in ("float16", "dynamic"):  # these run as float32, or at worst as slow
        assert estimate(board, STEP, precision).seconds == whole.seconds
    for name, precision in (("pi4", "int16x8"), ("esp32-s3", "float32"), ("pi4", "mixed")):
        with pytest.raises(BoardError, match=f"{name}: has no figure for {precision}"):
            estimate(read_board(name), STEP, precision)


@pytest.mark.parametrize(
    ("arena", "size", "fits"), [(4096, 2048, True), (4097, 2048, False), (4096, 2049, False)]
)
def test_memory_of_a_microcontroller(profile: Path, arena: int, size: int, fits: bool) -> None:
    profile.write_text(PROFILE + MEMORY)
    found = estimate(read_board(profile), replace(STEP, arena=arena, size=size), "int8")
    assert found.fits == fits
    assert found.memory.startswith("fits" if fits else "does not fit")
    assert "of 4 kB of RAM" in found.memory


def test_a_profile_that_was_measured(profile: Path) -> None:
    profile.write_text(PROFILE.replace("published", "measured").replace("estimated", "measured"))
    assert estimate(read_board(profile), STEP, "int8").measured


# --- what is refused, in one line ---


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("low = 0.5", "low = 1.5", "int8.low"),
        ("1e9", "-1", "int8.multiply_adds_per_second"),
        ("1e9", "nan", "int8.multiply_adds_per_second"),
        ("1e9", "'fast'", "int8.multiply_adds_per_second"),
        ('kind = "published"', 'kind = "guessed"', "int8.kind"),
        ('source = "a table"', "", "int8.source: is missing"),
        ('title = "Mine"', 'titel = "Mine"', "title: is missing"),
        ("year = 2024", "year = 2024\nspeed = 3", "int8.speed: is no key of a profile"),
        ("[operator]", "[operators]", "operator: is missing"),
        ('core = "one"', "core = ", "is not TOML"),
        ("[int8]", "[int8]\n" + "y" * 3000 + " = 1", "is no key of a profile"),
        ('"a guess"', '"' + "x" * 2000 + '"', "operator.source"),
    ],
)
def test_profiles_that_do_not_hold(profile: Path, old: str, new: str, said: str) -> None:
    assert old in PROFILE
    profile.write_text(PROFILE.replace(old, new, 1))
    with pytest.raises(BoardError, match=r"mine\.toml: ") as error:
        read_board(profile)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_files_that_are_no_profiles(tmp_path: Path, profile: Path) -> None:
    with pytest.raises(BoardError, match="no such board: give one of cortex-m4"):
        read_board("pi6")
    with pytest.raises(BoardError, match="is not a file: give a board in TOML"):
        read_board(tmp_path)
    profile.write_bytes(b"#" * 100_000)
    with pytest.raises(BoardError, match="larger than"):
        read_board(profile)
    profile.write_bytes(b"\xff\xfe")
    with pytest.raises(BoardError, match="not UTF-8"):
        read_board(profile)
    with pytest.raises(BoardError):
        read_board("a\0b")


# --- measured on the board ---


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real result of `kws bench` on this machine, by the command line."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, "-m", "kws", "bench", "--seconds", "0.5", "--json", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return path


def test_a_measured_board(bench: Path) -> None:
    """The very model that was measured is estimated at what was measured."""
    board = read_board(bench)
    measured = json.loads(bench.read_text())["results"][0]["network"]["median"]
    step = cost(packaged_model().network)
    found = estimate(board, step, "int8")
    assert found.seconds == pytest.approx(measured)
    assert found.measured
    assert found.source.startswith("measured, 2")
    assert "bench.json" in found.source
    assert found.low < measured < found.high
    larger = estimate(board, replace(step, multiply_adds=2 * step.multiply_adds), "int8")
    assert measured < larger.seconds < 2 * measured
    other = estimate(board, step, "float32")
    assert not other.measured
    assert "of another precision" in other.source


def test_several_models_widen_the_band(bench: Path, tmp_path: Path) -> None:
    """Where two models disagree with the profile's shares, the band holds both."""
    result: dict[str, Any] = json.loads(bench.read_text())
    (entry,) = result["results"]
    slow = json.loads(json.dumps(entry))
    slow["network"]["median"] *= 9
    result["results"] = [entry, slow]
    path = tmp_path / "two.json"
    path.write_text(json.dumps(result))
    board = read_board(path)
    found = estimate(board, cost(packaged_model().network), "int8")
    assert found.low < entry["network"]["median"] < slow["network"]["median"] < found.high
    assert isinstance(board.int8, Figure)


def test_results_that_name_no_board(bench: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    text = bench.read_text()
    digest = json.loads(text)["results"][0]["sha256"]
    path.write_text(text.replace(digest, "0" * 64))
    with pytest.raises(BoardError, match="put them beside it"):
        read_board(path)
    result: dict[str, Any] = json.loads(text)
    result["results"][0]["network"] = None
    path.write_text(json.dumps(result))
    with pytest.raises(BoardError, match="none of the models"):
        read_board(path)
    path.write_text(text.replace('"schema": 1', '"schema": 7'))
    with pytest.raises(BoardError, match="schema 7"):
        read_board(path)
    with pytest.raises(BoardError, match="no such file"):
        read_board(tmp_path / "absent.json")
