"""Arguments of several verbs: how they are parsed, and what is found out before the work."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .errors import KwsError


def per_hour(text: str) -> float:
    """Parse a rate of false accepts, per hour."""
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1000")
    return value


def milliseconds(text: str) -> float:
    """Parse a time that something may take."""
    value = float(text)
    if not 0 < value <= 1e6:  # NaN is not
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def check_output(path: Path) -> None:
    """Find out before the work, not after it, that a file cannot be written.

    Raises
    ------
    KwsError
        If it is a folder, or its folder does not exist or cannot be written to.
    """
    if path.is_dir():
        raise KwsError(f"{path}: is a folder: name the file to write")
    if not path.parent.is_dir():
        raise KwsError(f"{path.parent}: no such folder: make it, or name another with --output")
    if not os.access(path.parent, os.W_OK):
        raise KwsError(f"{path.parent}: cannot be written to: name another with --output")
