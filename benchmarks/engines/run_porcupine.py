"""Adapter of Porcupine by `pvporcupine`, with a keyword in its package.

It runs only with an access key (`PICOVOICE_ACCESS_KEY`), which its library checks over the network
when it starts. Written by its documented interface.
"""

from __future__ import annotations

import os
import struct
import sys

from protocol import Engine, run


def load(options: dict[str, str]) -> Engine:
    """Load one keyword at the default sensitivity, on one thread."""
    import pvporcupine

    phrase = options["phrase"]
    try:
        porcupine = pvporcupine.create(
            access_key=os.environ["PICOVOICE_ACCESS_KEY"], keywords=[phrase], device="cpu:1"
        )
    except pvporcupine.PorcupineError as error:
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
    frame = 2 * porcupine.frame_length
    waiting = b""

    def answers(chunk: bytes) -> list[int]:
        nonlocal waiting
        waiting += chunk
        found = []
        while len(waiting) >= frame:
            samples = struct.unpack_from(f"<{porcupine.frame_length}h", waiting)
            waiting = waiting[frame:]
            found.append(porcupine.process(samples))  # -1, or the number of the keyword
        return found

    def push(chunk: bytes) -> int:
        return sum(answer >= 0 for answer in answers(chunk))

    def first(chunk: bytes) -> bool:
        return len(answers(chunk)) > 0

    models = [pvporcupine.pv_model_path(), pvporcupine.KEYWORD_PATHS[phrase]]
    return Engine(push, first, models, "pvporcupine", phrase)


if __name__ == "__main__":
    run(load)
