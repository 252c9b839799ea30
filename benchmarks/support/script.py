"""What the scripts here share: how they end, the programs that they run, copies of this tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kws.errors import KwsError

ROOT = Path(__file__).resolve().parents[2]
#: Of this folder's tree, what the package is built from.
SOURCES = (
    "kws",
    "training",
    "deploy",
    "setup.py",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "NOTICE",
)


def status_of(name: str, work: Callable[[], int], stopped: str = "stopped") -> int:
    """Do a script's work; returns its exit status, and says in one line what went wrong.

    Parameters
    ----------
    name : str
        Of the script.
    work : callable
        Returns the status.
    stopped : str
        What is said after Ctrl-C.
    """
    try:
        return work()
    except (KwsError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
        return 130


def check_json(path: Path | None, error: type[KwsError]) -> None:
    """Refuse, before the work, a result's file whose folder is not there."""
    if path is not None and not path.resolve().parent.is_dir():
        raise error(f"{path.parent}: no such folder for --json: make it first")


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def copy_tree(target: Path) -> None:
    """Copy what the package is built from: pip would build in our tree."""
    for source in SOURCES:
        copy(ROOT / source, target / source)


def run_program(command: Sequence[str], what: str, longest: float, error: type[KwsError]) -> str:
    """Run a program of this machine; return what it printed.

    Parameters
    ----------
    command : sequence of str
    what : str
        Said if it fails, before its last line.
    longest : float
        Seconds that it may take.
    error : type of KwsError
        Raised if it fails.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=longest,
            check=False,
            env={**os.environ, "KWS_DEVICE": "1"},  # of this tree, what a device needs
        )
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise error(f"{what}: {reason}") from None
    if done.returncode != 0:
        raise error(f"{what}: {last_line(done.stderr or done.stdout)}")
    return done.stdout


def last_line(text: str) -> str:
    """Return the line of a program's output that says why it failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [
        line for line in lines if line.startswith("E:") or "ERROR" in line or "Error:" in line
    ]
    return (errors or lines or ["it said nothing"])[-1][:300]
