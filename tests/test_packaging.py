"""What the wheel of this tree holds, whole and for devices."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
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
#: Bytes that ours may take on a device.
MOST = 1_000_000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    # with an older one, or none, pip would fetch it
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    (least,) = (need.split(">=")[1] for need in wanted if need.startswith("setuptools"))
    pytest.importorskip("setuptools", minversion=least)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tmp_path / "tree" / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tmp_path / "tree" / name)
    return tmp_path / "tree"


def wheel(tree: Path, folder: Path, device: bool) -> dict[str, int]:
    """Build the tree's wheel; returns the bytes of each of its top folders."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "--disable-pip-version-check",
            "--wheel-dir",
            str(folder),
            str(tree),
        ],
        check=True,
        env={**os.environ, "KWS_DEVICE": "1" if device else "0"},
    )
    (built,) = folder.glob("kws-*.whl")
    sizes: dict[str, int] = {}
    with zipfile.ZipFile(built) as archive:
        for entry in archive.infolist():
            top = entry.filename.split("/")[0]
            sizes[top] = sizes.get(top, 0) + entry.file_size
    return {top: size for top, size in sizes.items() if not top.endswith(".dist-info")}


def test_a_device_gets_its_own_side_alone(tree: Path, tmp_path: Path) -> None:
    whole = wheel(tree, tmp_path / "whole", device=False)
    assert set(whole) == {"kws", "kws_training", "kws_deploy"}
    # in the very tree in which all was built before
    device = wheel(tree, tmp_path / "device", device=True)
    assert set(device) == {"kws"}
    assert device["kws"] == whole["kws"] < MOST
