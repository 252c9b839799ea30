"""Finds the least tensor arena of a network on stdin; runs by itself, for TFLM may crash on it.

Prints the bytes and the version of the package `tflite-micro`, which runs networks by TensorFlow
Lite for Microcontrollers. Status 3 if it is not installed, 4 if it refuses the network.
"""

from __future__ import annotations

import importlib.metadata
import sys

#: More is no microcontroller's.
MOST = 2**24
#: Arenas are aligned to as many bytes.
STEP = 16


def main() -> int:
    """Run the search."""
    try:
        from tflite_micro import runtime
    except ImportError:
        return 3
    network = sys.stdin.buffer.read()

    def runs(size: int) -> bool:
        try:
            interpreter = runtime.Interpreter.from_bytes(network, arena_size=size)
            interpreter.invoke()
        except RuntimeError:
            return False
        return True

    if not runs(MOST):
        return 4
    low, high = 0, MOST  # too small, enough
    while high - low > STEP:
        middle = (low + high) // 2 // STEP * STEP
        if runs(middle):
            high = middle
        else:
            low = middle
    print(high, importlib.metadata.version("tflite-micro"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
