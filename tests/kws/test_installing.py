"""What to install is said in one place, by what the user has: a checkout or a wheel."""

from pathlib import Path

import pytest

import kws.installing
from kws.installing import install_extra, install_packages

ROOT = Path(__file__).resolve().parents[2]


def test_from_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(kws.installing, "ROOT", tmp_path)
    assert install_extra("mic") == "pip install '.[mic]'"


def test_from_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No index has kws: a command with its name would install something else, or nothing."""
    monkeypatch.setattr(kws.installing, "ROOT", tmp_path)
    line = "install the extra \"mic\" of kws: in its checkout, pip install '.[mic]'"
    assert install_extra("mic") == line


def test_packages() -> None:
    assert install_packages("a", "b") == "pip install a b"


def test_no_other_module_says_what_pip_installs() -> None:
    folders = [ROOT / "kws", ROOT / "training" / "kws_training", ROOT / "deploy" / "kws_deploy"]
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(modules) > 100
    saying = [path.name for path in modules if "pip install" in path.read_text(encoding="utf-8")]
    assert saying == ["installing.py"]


def test_every_extra_that_is_named_exists() -> None:
    tomllib = pytest.importorskip("tomllib")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {"audio", "mic", "train", "deploy", "onnx"}
    assert named <= set(extras["optional-dependencies"])
