"""Fixtures that several packages' tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the recordings and weights: KWS_DATA, else ``shared`` beside the repository."""
    named = os.environ.get("KWS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no recordings and weights in {folder}: set KWS_DATA to their folder")
    return folder
