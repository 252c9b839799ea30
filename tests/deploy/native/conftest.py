"""The C around the chain, compiled: what reads and resamples by gcc, programs by the compiler."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

from kws_deploy.native.compiler import package_sources

from ...conftest import needs_program

RATE = 16000
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off", "-O1"]


@pytest.fixture(scope="session")
def gcc() -> str:
    """The C compiler."""
    return needs_program("gcc", "apt-get install gcc")


@pytest.fixture(scope="session")
def library(gcc: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """What reads WAV files and what resamples, for a model at 16 kHz."""
    folder = tmp_path_factory.mktemp("native")
    for name, text in package_sources("kws_deploy.native", "stream").items():
        (folder / name).write_bytes(text)
    (folder / "kws_model.h").write_text(f"#define KWS_SAMPLE_RATE {RATE}\n")
    sources = [str(folder / name) for name in ("kws_wav.c", "kws_resampler.c")]
    target = folder / "library.so"
    subprocess.run(
        [gcc, *FLAGS, "-fPIC", "-shared", *sources, "-lm", "-o", str(target)], check=True
    )
    return ctypes.CDLL(str(target))


@pytest.fixture(scope="session")
def compiler() -> None:
    """Skips where there is no compiler for other machines."""
    pytest.importorskip("ziglang", reason="no compiler: pip install '.[native]'")


def write(sources: dict[str, bytes], folder: Path) -> list[str]:
    """Write C sources; return the paths of those to compile."""
    folder.mkdir()
    for name, text in sources.items():
        (folder / name).write_bytes(text)
    return [str(folder / name) for name in sources if name.endswith(".c")]
