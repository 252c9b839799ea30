"""``KWS_DEVICE=1 pip install .`` takes the device side alone: 1.9 MB, not 4.1.

A wheel holds a software bill of materials (PEP 770): what is in it and what it needs. All else is
in pyproject.toml, which has no word for a choice at build time.
"""

import os
import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build
from setuptools.command.build_py import build_py

DEVICE = os.environ.get("KWS_DEVICE") == "1"


class Build(build):
    """Builds in a folder of its own: what an earlier whole build left would come along."""

    def initialize_options(self) -> None:  # noqa: D102
        super().initialize_options()
        if DEVICE:
            self.build_base = "build/device"


class BuildPy(build_py):
    """Takes the device side alone."""

    def finalize_options(self) -> None:  # noqa: D102
        super().finalize_options()
        if DEVICE:
            self.packages = [name for name in self.packages if name.split(".")[0] == "kws"]


class BdistWheel(bdist_wheel):
    """Puts the bill of materials beside the metadata."""

    def egg2dist(self, egginfo_path: str, distinfo_path: str) -> None:  # noqa: D102
        super().egg2dist(egginfo_path, distinfo_path)
        root = Path(__file__).resolve().parent
        sbom = runpy.run_path(str(root / "packaging" / "sbom.py"))
        folder = Path(distinfo_path) / "sboms"
        folder.mkdir()
        packages = self.get_finalized_command("build_py").packages
        (folder / sbom["NAME"]).write_bytes(sbom["bill"](root, packages))


setup(cmdclass={"bdist_wheel": BdistWheel, "build": Build, "build_py": BuildPy})
