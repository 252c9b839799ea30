"""Fixtures of the C export."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kws.modelfile import ModelFile
from kws.packaged import packaged_model
from kws_deploy.c.export import export_c

from ...conftest import needs_program
from .running import build, compile_program, run_in_c, run_in_tflite, run_in_tflm


@pytest.fixture(scope="session")
def gcc() -> str:
    """The C compiler."""
    return needs_program("gcc", "apt-get install gcc")


@pytest.fixture
def compare(gcc: str, tmp_path: Path) -> Callable[..., None]:
    """Check that C equals both kinds of kernels on some inputs (n, …)."""

    runs = itertools.count()  # a library that is loaded must not be written over

    def check(network: bytes, values: np.ndarray, *, micro: bool = False) -> None:
        for reference in (False, True):
            if reference and micro and importlib.util.find_spec("tflite_micro") is None:
                continue
            ours = run_in_c(network, values, tmp_path / str(next(runs)), gcc, reference)
            if reference and micro:
                theirs = run_in_tflm(network, values)
            else:
                theirs = run_in_tflite(network, values, reference)
            wrong = int((ours != theirs).sum())
            name = "reference kernels" if reference else "interpreter"
            assert wrong == 0, f"{wrong} of {ours.size} differ from the {name}"
            assert len(np.unique(ours)) > 5  # else it would compare nothing

    return check


@dataclass(frozen=True)
class Exported:
    """The default model as C, and compiled: as it comes, and with the reference kernels."""

    model: ModelFile
    folder: Path
    program: Path
    libraries: tuple[ctypes.CDLL, ctypes.CDLL]


@pytest.fixture(scope="session")
def exported(gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The default model in the package, exported."""
    model = packaged_model()
    folder = tmp_path_factory.mktemp("exported") / "c"
    export_c(model, folder)
    libraries = tuple(build(folder, gcc, reference) for reference in (False, True))
    program = folder.parent / "kws"
    compile_program(folder, program, gcc, ["-O2"])
    return Exported(model, folder, program, libraries)
