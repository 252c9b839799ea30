"""``KWS_DEVICE=1 pip install .`` leaves out the training and deploy sides: 1.9 MB, not 4.1.

All else is in pyproject.toml, which has no word for a choice at build time.
"""

import os

from setuptools import setup
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


setup(cmdclass={"build": Build, "build_py": BuildPy})
