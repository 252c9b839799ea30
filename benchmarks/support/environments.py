"""The engines, each in a virtual environment of its own: made here, run here, one turn at a time.

Environments that are missing are made with `python -m venv` and pip; that of kws is filled anew
each time, from the tree that this file is in. What an adapter does is said in
`engines/protocol.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kws.errors import KwsError
from kws.packaged import is_packaged
from support.arguments import name_and_value
from support.script import ROOT, copy_tree, last_line, run_program

ADAPTERS = Path(__file__).resolve().parents[1] / "engines"
#: Seconds that installing, and a turn that measures costs, may take.
LONGEST_INSTALL, LONGEST_TURN = 900, 600
#: Packages whose own libraries would start a thread per core.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Adapter:
    """How an engine is installed and run.

    Attributes
    ----------
    script : str
        In `engines/`.
    packages : tuple of str
        What pip installs; empty for kws, which is installed from this very tree.
    phrases : tuple of str or None
        Those that it has a model for; None where any will do, or a model file says it.
    key : str or None
        Variable of the environment without which it does not run.
    """

    script: str
    packages: tuple[str, ...]
    phrases: tuple[str, ...] | None = None
    key: str | None = None


ENGINES = {
    "kws": Adapter("run_kws.py", ()),
    "yamnet": Adapter("run_yamnet.py", ("ai-edge-litert>=2.0", "numpy>=1.26"), ()),
    "pymicro-wakeword": Adapter(
        "run_microwakeword.py",
        ("pymicro-wakeword==2.5.0",),
        ("alexa", "hey jarvis", "hey mycroft", "okay nabu"),
    ),
    "openwakeword": Adapter(
        "run_openwakeword.py",
        ("openwakeword==0.5.1", "numpy<2"),
        ("alexa", "hey jarvis", "hey mycroft", "hey rhasspy"),
    ),
    "pyopen-wakeword": Adapter(
        "run_pyopen_wakeword.py",
        ("pyopen-wakeword==1.1.0",),
        ("alexa", "hey jarvis", "hey mycroft", "hey rhasspy", "okay nabu"),
    ),
    "pocketsphinx": Adapter("run_pocketsphinx.py", ("pocketsphinx==5.1.1",)),
    "porcupine": Adapter(
        "run_porcupine.py",
        ("pvporcupine==4.0.3",),
        ("alexa", "computer", "smart mirror", "jarvis", "porcupine", "hey google", "ok google"),
        key="PICOVOICE_ACCESS_KEY",
    ),
}


class EngineError(KwsError):
    """An engine that cannot be installed or measured."""


@dataclass(frozen=True)
class Entrant:
    """An engine with its model, as it takes part.

    Attributes
    ----------
    name : str
        In tables.
    engine : str
        One of `ENGINES`.
    request : dict
        What the adapter is told of it: ``phrase``, ``model``.
    """

    name: str
    engine: str
    request: dict[str, str] = field(default_factory=dict)

    @property
    def script(self) -> Path:
        """The adapter's script."""
        return ADAPTERS / ENGINES[self.engine].script


def named_model(text: str) -> tuple[str, str]:
    """Read ``NAME=FILE``, for argparse; the file may be the name of a model in the package."""
    name, file = name_and_value(text)
    if name in ENGINES and name != "kws":
        raise argparse.ArgumentTypeError(f"{text!r}: there is an engine of that name")
    path = Path(file)
    if is_packaged(file):
        path = ROOT / "kws" / "models" / f"{file}.tflite"
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{file}: no such file: check the path")
    return name, str(path.resolve())


def check_names(names: Sequence[str]) -> None:
    """Refuse two models of one name.

    Raises
    ------
    EngineError
    """
    for name in names:
        if names.count(name) > 1:
            raise EngineError(f"{name}: two models of that name: give each its own with NAME=FILE")


def engine_names(text: str) -> list[str]:
    """Read names of engines, for argparse."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in ENGINES:
            raise argparse.ArgumentTypeError(f"{name!r}: there is {', '.join(ENGINES)}")
    return list(dict.fromkeys(names))


def open_environments(
    entrants: Sequence[Entrant], folder: Path
) -> tuple[dict[str, Path], dict[str, str]]:
    """Make the environments of some entrants.

    Returns
    -------
    pythons : dict of str to Path
        The Python of each engine.
    skipped : dict of str to str
        Why an engine is left out; it has been said on stderr too.
    """
    pythons: dict[str, Path] = {}
    skipped: dict[str, str] = {}
    for engine in dict.fromkeys(entrant.engine for entrant in entrants):
        try:
            pythons[engine] = environment(engine, folder)
        except EngineError as error:
            skipped[engine] = str(error)
            print(f"skipped: {error}", file=sys.stderr, flush=True)
    return pythons, skipped


def environment(name: str, folder: Path) -> Path:
    """Return the Python of an engine's virtual environment, which is made if it is missing.

    Raises
    ------
    EngineError
        If it cannot be made, with what pip said; or if the engine wants a key that is not there.
    """
    adapter = ENGINES[name]
    if adapter.key is not None and not os.environ.get(adapter.key):
        raise EngineError(f"{name}: needs an access key in the variable {adapter.key}")
    here = folder / name
    python = here / "bin" / "python"
    stamp = here / "installed.json"
    asked = json.dumps([*adapter.packages, f"{sys.version_info.major}.{sys.version_info.minor}"])
    if here.exists() and not stamp.is_file():  # it would be emptied
        raise EngineError(f"{here}: not made by this command: remove it, or name another --venvs")
    fresh = not (stamp.is_file() and stamp.read_text() == asked)
    if fresh:
        print(f"{name}: making {here}", file=sys.stderr, flush=True)
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir(parents=True)
        stamp.write_text("not finished")  # first: what Ctrl-C leaves is known to be ours
        _do([sys.executable, "-m", "venv", str(here)], f"{name}: no environment")
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if adapter.packages:
        if fresh:
            _do([*pip, *adapter.packages], f"{name}: cannot be installed")
    else:
        with tempfile.TemporaryDirectory() as copy:
            copy_tree(Path(copy))
            if fresh:
                _do([*pip, copy], f"{name}: cannot be installed")
            else:
                _do([*pip, "--force-reinstall", "--no-deps", copy], f"{name}: cannot be installed")
    stamp.write_text(asked)
    return python


def _do(command: list[str], what: str) -> None:
    run_program(command, what, LONGEST_INSTALL, EngineError)


def run_adapter(
    python: Path, script: Path, request: dict[str, Any], longest: float = LONGEST_TURN
) -> dict[str, Any]:
    """Run an adapter once, and return its answer.

    Parameters
    ----------
    python : Path
        Of the engine's environment.
    script : Path
    request : dict
        See `engines/protocol.py`.
    longest : float
        Seconds that it may take.

    Raises
    ------
    EngineError
        If it fails or gives no answer.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [str(python), str(script), json.dumps(request)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=longest,
            check=False,
            env={**kept, **dict.fromkeys(ONE_THREAD, "1")},
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"{script.name}: no answer within {longest:g} s") from None
    except OSError as error:
        raise EngineError(f"{python}: cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        raise EngineError(f"{script.name}: {last_line(done.stderr)}")
    try:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        raise EngineError(f"{script.name}: gave no answer: see engines/protocol.py") from None


def turn(python: Path, script: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Run an adapter once for what it takes; its answer, with ``start_seconds`` from starting it.

    Both processes read the system's monotonic clock, which they share.

    Raises
    ------
    EngineError
        If it fails or gives no answer.
    """
    start = time.monotonic_ns()
    answer = run_adapter(python, script, request)
    try:
        answer["start_seconds"] = (answer.pop("first_result") - start) / 1e9
        answer["cpu_per_second"] = answer["cpu_seconds"] / answer["seconds"]
    except (KeyError, TypeError, ZeroDivisionError):
        raise EngineError(f"{script.name}: gave no answer: see engines/protocol.py") from None
    return answer
