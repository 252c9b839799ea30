"""Adapter of kws itself: the default model in the package, or another model file."""

from __future__ import annotations

from pathlib import Path

from protocol import Engine, run


def load(options: dict[str, str]) -> Engine:
    """Load the model as an app does."""
    import numpy as np

    import kws

    path = options.get("model")
    if path:
        spotter = kws.KeywordSpotter.load(path)
    else:
        spotter = kws.KeywordSpotter.default()
        path = str(Path(kws.__file__).parent / "models" / "commands.tflite")

    def push(chunk: bytes) -> int:
        return len(spotter.process(np.frombuffer(chunk, np.int16)))

    def first(chunk: bytes) -> bool:
        found = len(spotter.process_posteriors(np.frombuffer(chunk, np.int16))) > 0
        if found:
            spotter.reset()  # a stream goes through one of the two methods
        return found

    return Engine(push, first, [path], "kws", ", ".join(spotter.keywords))


if __name__ == "__main__":
    run(load)
