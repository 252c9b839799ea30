"""Adapter of openWakeWord by its lean port, `pyopen-wakeword`, with one of its models."""

from __future__ import annotations

from pathlib import Path

from protocol import Engine, run

#: The default of the package's command line.
THRESHOLD = 0.5


def load(options: dict[str, str]) -> Engine:
    """Load features and model, as the package's command line does."""
    import pyopen_wakeword
    from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

    features = OpenWakeWordFeatures.from_builtin()
    name = options["phrase"].replace(" ", "_")
    word = OpenWakeWord.from_builtin(Model(name))
    folder = Path(pyopen_wakeword.__file__).parent / "models"
    models = [folder / f"{part}.tflite" for part in ("melspectrogram", "embedding_model", name)]
    detected = False

    def scores(chunk: bytes) -> list[float]:
        return [
            score
            for frame in features.process_streaming(chunk)
            for score in word.process_streaming(frame)
        ]

    def push(chunk: bytes) -> int:
        nonlocal detected
        found = 0
        for score in scores(chunk):
            found += score > THRESHOLD and not detected
            detected = score > THRESHOLD
        return found

    def first(chunk: bytes) -> bool:
        return len(scores(chunk)) > 0

    return Engine(
        push, first, models, "pyopen-wakeword", options["phrase"], scores, threshold=THRESHOLD
    )


if __name__ == "__main__":
    run(load)
