"""The versions of what a model is made with, for its provenance."""

from __future__ import annotations

import numpy as np

import kws


def used_versions() -> dict[str, str]:
    """Collect the versions of what a model is made with.

    Returns
    -------
    dict of str to str
        The version of kws, TensorFlow, Keras and numpy by name.
    """
    import keras
    import tensorflow as tf

    modules = {"kws": kws, "tensorflow": tf, "keras": keras, "numpy": np}
    return {name: module.__version__ for name, module in modules.items()}
