"""Settings and results: recipes, profiles of boards, results of `kws bench`, voices."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from kws.bench.report import compare_lines, entry_lines, machine_lines
from kws.bench.result import over_budget, read_result
from kws.modelfile import network_digest
from kws.packaged import packaged_model

from .changes import change_text, change_values, to_json
from .reader import BrokenPromiseError, Reader

_TOML = change_text(
    (
        *(
            "[int8]",
            "[operator]",
            "[[int8]]",
            "true",
            "1e400",
            "-inf",
            "nan",
            "1979-05-27",
            "[1, 2]",
        ),
        *("noise", "rooms", "speed", "snr", "codec_names", "low", "high", "year", "kind", "source"),
        *('"light"', "{}", "[" * 3000, "0x" + "f" * 50, "'''", '"""', "a.b.c", "=", "#"),
    ),
    "=,\n ",
)


def _packaged(package: str, folder: str = "") -> tuple[bytes, ...]:
    place = resources.files(package)
    place = place / folder if folder else place
    found = sorted((one for one in place.iterdir() if one.name.endswith(".toml")), key=str)
    return tuple(one.read_bytes() for one in found)


def _recipe_seeds() -> tuple[bytes, ...]:
    return _packaged("kws_training.augmentation", "recipes")


def _read_recipe(content: bytes, folder: Path) -> str:
    from kws_training.augmentation.recipe import read_recipe

    path = folder / "recipe.toml"
    path.write_bytes(content)
    read_recipe(path)
    return "read"


def _result() -> dict[str, Any]:
    model = packaged_model("commands-small")
    times = {"median": 1e-4, "p90": 1.2e-4, "p99": 2e-4, "largest": 1e-3}
    entry = {
        "name": "commands-small",
        "path": "commands-small.tflite",
        "sha256": network_digest(model),
        "threads": 1,
        "step_seconds": 0.04,
        "step": {**times, "steps": 100, "slices": [1e-4, 2e-4]},
        "network": times,
        "front_end": times,
        "detector": times,
        "real_time": {**times, "cpu_share": 0.02, "late": 0},
        "memory": {"rss": 50_000_000, "peak": 60_000_000},
        "start_seconds": {"median": 0.3, "runs": [0.3, 0.31]},
        "states": [{"frequency_hz": 1.5e9, "temperature": 50.0, "load": 0.5, "watts": 3.1}],
    }
    machine = {"model": "a board", "core": "Cortex-A72", "cores": 4, "bytes": 2**30}
    return {
        "format": "kws-bench",
        "schema": 1,
        "date": "2026-11-21T12:00:00+00:00",
        "machine": machine,
        "results": [entry, {**entry, "threads": 4}],
    }


def _result_seeds() -> tuple[bytes, ...]:
    from kws.bench.result import FORMAT, SCHEMA

    return (json.dumps({**_result(), "format": FORMAT, "schema": SCHEMA}).encode(),)


def _change_json(content: bytes, draw: random.Random) -> bytes:
    return to_json(change_values(json.loads(content), draw), draw)


def _read_result(content: bytes, folder: Path) -> str:
    path = folder / "result.json"
    path.write_bytes(content)
    result = read_result(path)
    lines = [*machine_lines(result), *compare_lines(result, result, ("a", "b"))]
    for entry in result["results"]:
        lines += entry_lines(entry)
        over_budget(entry, 0.01)
    if any("\x1b" in line for line in lines):
        raise BrokenPromiseError("a control character is shown")
    return "read"


def _board_seeds() -> tuple[bytes, ...]:
    return (*_packaged("kws_deploy.targets"), *_result_seeds())


def _read_board(content: bytes, folder: Path) -> str:
    from kws_deploy.boards.board import estimate, read_board
    from kws_deploy.boards.cost import cost

    path = folder / ("board.json" if content[:1] == b"{" else "board.toml")
    path.write_bytes(content)
    board = read_board(path)
    model = packaged_model("commands-small")
    estimate(board, cost(model.network, "model"), "int8")
    return "read"


def _change_board(content: bytes, draw: random.Random) -> bytes:
    return _change_json(content, draw) if content[:1] == b"{" else _TOML(content, draw)


def _voice_seeds() -> tuple[bytes, ...]:
    one = {
        "espeak": {"voice": "en-us"},
        "speaker_id_map": {"anna": 0, "bert": 1},
        "num_speakers": 2,
    }
    return (json.dumps(one).encode(), json.dumps({**one, "speaker_id_map": {}}).encode())


def _read_voice(content: bytes, folder: Path) -> str:
    from kws_training.synthesis.packages import Piper

    (folder / "voice.onnx.json").write_bytes(content)
    engine = Piper({"voice": folder / "voice.onnx"}, "en")
    if any("/" in one.partition("/")[2] and ".." in one for one in engine.voices):
        raise BrokenPromiseError(f"voices {engine.voices!r:.200}")
    return "read"


def readers() -> Iterator[Reader]:
    """Yield the readers of settings."""
    yield Reader("recipe", "recipes of augmentation", _recipe_seeds, _read_recipe, _TOML)
    yield Reader("bench", "results of kws bench", _result_seeds, _read_result, _change_json)
    yield Reader("board", "profiles of boards", _board_seeds, _read_board, _change_board)
    yield Reader("voice", "descriptions of Piper voices", _voice_seeds, _read_voice, _change_json)
