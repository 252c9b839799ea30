"""Where a result came from, as every result of a benchmark states it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from kws.bench.machine import Machine, State, doubts
from support.script import ROOT


def origin() -> dict[str, Any]:
    """Return the date and time, the commit of this tree and the command, as plain JSON values."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": ["python", *sys.argv],
    }


def on_machine(machine: Machine, states: Sequence[State]) -> dict[str, Any]:
    """Return the machine, its states and what makes its times doubtful, as plain JSON values.

    Parameters
    ----------
    machine : Machine
        What it is.
    states : sequence of State
        Its load, clock and temperature before and after the times were taken.
    """
    return {
        "machine": asdict(machine),
        "states": [state.to_dict() for state in states],
        "doubts": doubts(machine, states),
    }


def commit() -> str | None:
    """Return the commit of this tree, with ``+`` where files differ from it; None without git."""
    try:
        found = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # nothing is changed by looking
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
