"""The versions of what a model is made with, for its provenance."""

from __future__ import annotations

import numpy as np

import kws


def used_versions() -> dict[str, str]:
    """Return the versions of what a model is made with."""
    import keras
    import tensorflow as tf

    modules = {"kws": kws, "tensorflow": tf, "keras": keras, "numpy": np}
    return {name: module.__version__ for name, module in modules.items()}
