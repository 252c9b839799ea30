"""TensorFlow, imported without its notes about the machine."""

from __future__ import annotations

import os

from kws.console import quiet


def import_tensorflow() -> None:
    """Import TensorFlow without its notes about the machine, which C++ prints on the way.

    Devices are for small models: a graphics card is left alone, so that a seed gives one model.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with quiet():
        import tensorflow as tf

        tf.config.list_physical_devices()  # the last note comes when devices are looked for
