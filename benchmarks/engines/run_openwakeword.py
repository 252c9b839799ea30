"""Adapter of openWakeWord by its own package, 0.5.1, TFLite, with one of its own models."""

from __future__ import annotations

from pathlib import Path

from protocol import Engine, run

#: The package's own default threshold.
THRESHOLD = 0.5


def load(options: dict[str, str]) -> Engine:
    """Load one model and the features that it needs; `ncpu` is 1 by default."""
    import numpy as np
    import openwakeword
    from openwakeword.model import Model

    word = options["phrase"].replace(" ", "_")
    model = Model(wakeword_models=[word], inference_framework="tflite")
    folder = Path(openwakeword.__file__).parent / "resources" / "models"
    models = [
        folder / "melspectrogram.tflite",
        folder / "embedding_model.tflite",
        *folder.glob(f"{word}*.tflite"),
    ]
    detected = False

    def push(chunk: bytes) -> int:
        nonlocal detected
        scores = model.predict(np.frombuffer(chunk, np.int16))
        now = max(scores.values()) >= THRESHOLD
        found = int(now and not detected)
        detected = now
        return found

    def first(chunk: bytes) -> bool:
        return len(model.predict(np.frombuffer(chunk, np.int16))) > 0

    def scores(chunk: bytes) -> list[float]:
        return [float(max(model.predict(np.frombuffer(chunk, np.int16)).values()))]

    return Engine(
        push, first, models, "openwakeword", options["phrase"], scores, threshold=THRESHOLD
    )


if __name__ == "__main__":
    run(load)
