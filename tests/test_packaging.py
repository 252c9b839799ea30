"""What the wheel of this tree holds, whole and for devices."""

import hashlib
import json
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
    "studio",
    "setup.py",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "NOTICE",
    "packaging",
)
#: Bytes that ours may take on a device.
MOST = 4_000_000


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


def built_wheel(tree: Path, folder: Path, device: bool) -> Path:
    """Build the tree's wheel."""
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
    return built


def wheel(tree: Path, folder: Path, device: bool) -> dict[str, int]:
    """Build the tree's wheel; returns the bytes of each of its files, without what pip adds."""
    with zipfile.ZipFile(built_wheel(tree, folder, device)) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    return {name: size for name, size in sizes.items() if ".dist-info/" not in name}


def files_below(folder: Path, place: str) -> set[str]:
    """Names in the wheel of the files below a folder that is a package called `place`."""
    return {
        f"{place}/{path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_wheel_holds_every_file_and_a_device_its_own_side_alone(
    tree: Path, tmp_path: Path
) -> None:
    """A package, or a file beside its modules, that pyproject.toml does not name is missed here."""
    device_side = files_below(tree / "kws", "kws")
    whole = wheel(tree, tmp_path / "whole", device=False)
    assert set(whole) == (
        device_side
        | files_below(tree / "training" / "kws_training", "kws_training")
        | files_below(tree / "deploy" / "kws_deploy", "kws_deploy")
        | files_below(tree / "deploy" / "targets", "kws_deploy/targets")
        | files_below(tree / "studio" / "kws_studio", "kws_studio")
    )
    # in the very tree in which all was built before
    device = wheel(tree, tmp_path / "device", device=True)
    assert set(device) == device_side
    assert {name: whole[name] for name in device} == device
    assert sum(device.values()) < MOST
    # each has a bill of what is in it, and a device's names nothing of the other sides
    lists = []
    for folder in ("whole", "device"):
        (built,) = (tmp_path / folder).glob("kws-*.whl")
        with zipfile.ZipFile(built) as archive:
            (bill,) = [name for name in archive.namelist() if ".dist-info/sboms/" in name]
            values = json.loads(archive.read(bill))
        components = {one["name"]: one for one in values["components"]}
        model = (tree / "kws" / "models" / "commands.tflite").read_bytes()
        (digest,) = components["commands"]["hashes"]
        assert digest == {"alg": "SHA-256", "content": hashlib.sha256(model).hexdigest()}
        lists.append("words.txt" in components)
    assert lists == [True, False]
