"""TensorFlow, imported without its notes about the machine."""

from __future__ import annotations

import contextlib
import os

from kws.console import quiet

#: Threads by which networks are trained that are to be the same on every machine: two are 1.6 times
#: as fast as one on steps alone (benchmarks/training.py); more were not measured.
THREADS = 2


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


def fix_threads() -> None:
    """Let TensorFlow compute by as many threads on every machine: sums depend on their number.

    It does nothing where TensorFlow computes already.
    """
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
