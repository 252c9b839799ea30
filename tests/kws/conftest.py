"""The demo recording, and the models that the device's tests share."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

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
    with demo_path.with_suffix(".csv").open(newline="") as file:
        words = [
            Word(row["keyword"], float(row["start"]), float(row["end"]))
            for row in csv.DictReader(file)
        ]
    assert words
    return Demo(load_audio(demo_path, RATE), words)
