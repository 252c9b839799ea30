"""The demo recording, and the models that the device's tests share."""

from __future__ import annotations

import csv
import gc
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest

from kws.audio import load_audio
from kws.modelfile import ModelFile
from kws.packaged import packaged_model

RATE = 16000


@dataclass(frozen=True)
class Word:
    keyword: str
    start: float
    end: float


@dataclass(frozen=True)
class Demo:
    samples: np.ndarray
    words: list[Word]


def bytes_held(thing: object) -> int:
    """Count the bytes of an object and of all that it holds: what grows with it, and only that.

    Modules, classes and functions are everybody's and not counted; of an array that is a view the
    whole array is.
    """
    seen: dict[int, object] = {}  # the objects too, so that no number is used twice
    waiting = [thing]
    count = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, ModuleType | type | FunctionType):
            continue
        seen[id(one)] = one
        count += sys.getsizeof(one)
        waiting += gc.get_referents(one)
        if isinstance(one, np.ndarray) and one.base is not None:
            waiting.append(one.base)
    return count


@pytest.fixture(scope="session")
def model() -> ModelFile:
    return packaged_model()


@pytest.fixture(scope="session")
def demo_path() -> Path:
    path = Path(__file__).resolve().parents[2] / "demo" / "synthesized_commands.wav"
    if not path.is_file():
        pytest.skip(f"no demo recording at {path}")
    return path


@pytest.fixture(scope="session")
def demo(demo_path: Path) -> Demo:
    """The demo recording at 16 kHz and what is said in it."""
    return read_demo(demo_path)


@pytest.fixture(scope="session")
def wake_words_demo(demo_path: Path) -> Demo:
    """The wake words in the package, said by a voice that none of them was trained on."""
    return read_demo(demo_path.with_name("synthesized_wake_words.wav"))


def read_demo(path: Path) -> Demo:
    """A recording at 16 kHz and the list of what is said in it."""
    with path.with_suffix(".csv").open(newline="") as file:
        words = [
            Word(row["keyword"], float(row["start"]), float(row["end"]))
            for row in csv.DictReader(file)
        ]
    assert words
    return Demo(load_audio(path, RATE), words)
