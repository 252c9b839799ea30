import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def benchmark_module():
    """Loads a script of the folder `benchmarks`, which is no package, as a module."""

    def load(name: str):
        loader = importlib.util.spec_from_file_location(
            f"benchmarks_{name}", BENCHMARKS / f"{name}.py"
        )
        module = importlib.util.module_from_spec(loader)
        sys.modules[loader.name] = module
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(BENCHMARKS))  # as for a script: what it shares is beside it
            loader.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def benchmark():
    """Runs a script of the folder `benchmarks` as a process of its own."""

    def run(name: str, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, str(BENCHMARKS / name), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
