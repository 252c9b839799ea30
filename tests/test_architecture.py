"""Who may import whom: four sides in one direction, no circle, the device's few packages."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Folder of each side, from the device upwards: a side knows those before it and none after it.
SIDES = {
    "kws": ROOT / "kws",
    "kws_training": ROOT / "training" / "kws_training",
    "kws_deploy": ROOT / "deploy" / "kws_deploy",
    "kws_studio": ROOT / "studio" / "kws_studio",
}
#: What the device needs: numpy and one interpreter.
DEVICE = {"numpy", "ai_edge_litert", "tflite_runtime"}
#: Extras of the device, imported where they are used.
EXTRAS = {
    "aiohttp",
    "huggingface_hub",
    "ovos_plugin_manager",
    "paho",
    "soundfile",
    "sounddevice",
    "wyoming",
    "zeroconf",
}


@dataclass(frozen=True)
class Module:
    """A module of a side: its dotted name, its file, and whether it is a package."""

    name: str
    path: Path
    is_package: bool

    @property
    def package(self) -> str:
        """The package that it is in, or is."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


def modules() -> dict[str, Module]:
    """All modules of the sides, by name."""
    found = {}
    for side, folder in SIDES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [side, *path.relative_to(folder).with_suffix("").parts]
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            found[name] = Module(name, path, is_package)
    return found


def imported(source: str, package: str) -> Iterator[str]:
    """Dotted names of everything that a file imports, wherever in it.

    Imports within functions and those for type checkers alone count too. ``from a import b``
    yields a.b: whether b is a module, only the caller knows.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = ".".join(parts[: len(parts) + 1 - node.level]) if node.level else ""
            start = ".".join(part for part in (above, node.module) if part)
            yield from (f"{start}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__"):
                yield from (
                    str(one.value)
                    for one in node.args
                    if isinstance(one, ast.Constant) and not str(one.value).startswith(".")
                )


def graph() -> dict[str, set[str]]:
    """Of each module of the sides those that it imports."""
    known = modules()
    edges = {}
    for module in known.values():
        targets = set()
        for name in imported(module.path.read_text(), module.package):
            # a name within a module stands for the module
            while name and name not in known:
                name = name.rpartition(".")[0]
            # a package that imports from itself starts its own modules: no edge
            if name and name != module.name:
                targets.add(name)
        edges[module.name] = targets
    return edges


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """A circle in a graph, its first node again at the end; empty if there is none."""
    done: set[str] = set()

    def follow(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for target in sorted(edges.get(node, ())):
            if found := follow(target, [*way, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(edges) if (found := follow(node, []))), [])


@pytest.fixture(scope="module")
def edges() -> dict[str, set[str]]:
    missing = [str(folder) for folder in SIDES.values() if not folder.is_dir()]
    if missing:
        pytest.skip(f"no {missing[0]} beside these tests")
    return graph()


def test_no_module_imports_in_a_circle(edges) -> None:
    assert " -> ".join(circle(edges)) == ""


def test_no_package_imports_in_a_circle(edges) -> None:
    """Within a side, the rooms below it; the modules beside the rooms stand for themselves."""
    known = modules()

    def room(name: str) -> str:
        module = known[name]
        parts = name.split(".")
        return ".".join(parts[:2]) if module.is_package or len(parts) > 2 else name

    rooms: dict[str, set[str]] = {}
    for name, targets in edges.items():
        beyond = {room(target) for target in targets} - {room(name)}
        rooms.setdefault(room(name), set()).update(beyond)
    assert " -> ".join(circle(rooms)) == ""


def test_sides_know_those_before_them_alone(edges) -> None:
    sides = list(SIDES)
    for name, targets in edges.items():
        after = sides[sides.index(name.partition(".")[0]) + 1 :]
        assert not {target.partition(".")[0] for target in targets} & set(after), name


def test_the_device_needs_numpy_and_the_interpreter_alone() -> None:
    for module in modules().values():
        if module.name.partition(".")[0] == "kws":
            names = imported(module.path.read_text(), module.package)
            tops = {name.partition(".")[0] for name in names}
            foreign = tops - set(sys.stdlib_module_names) - DEVICE - EXTRAS
            assert foreign <= {"kws"}, module.name


def test_imports_are_found_wherever_they_are() -> None:
    source = """
import os.path
from ..data.clips import read_clips
from . import loop
if TYPE_CHECKING:
    from kws.spotter import KeywordSpotter
def late():
    from .store import Store
    importlib.import_module("keras.ops")
"""
    assert set(imported(source, "kws_training.fitting")) == {
        "os.path",
        "kws_training.data.clips.read_clips",
        "kws_training.fitting.loop",
        "kws.spotter.KeywordSpotter",
        "kws_training.fitting.store.Store",
        "keras.ops",
    }


def test_circles_are_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a", "c"}}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}}) == ["b", "c", "d", "b"]


def test_the_graph_is_whole(edges) -> None:
    """A graph that lost its edges would have no circles either."""
    assert "kws.errors" in edges["kws.audio"]
    below_each = (
        ("kws_training", "kws"),
        ("kws_deploy", "kws_training"),
        ("kws_studio", "kws_training"),
    )
    for side, below in below_each:
        targets = {one for name, ones in edges.items() if name.startswith(side) for one in ones}
        assert any(target.startswith(f"{below}.") for target in targets), side
    assert sum(map(len, edges.values())) > 2 * len(edges)
