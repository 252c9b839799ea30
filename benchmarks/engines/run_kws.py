"""Adapter of kws itself: the default model in the package, or another model file."""

from __future__ import annotations

import sys
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

    if "scores" not in options:  # what it costs: of all keywords of its model
        return Engine(push, first, [path], "kws", ", ".join(spotter.keywords))

    # what the detector compares with the threshold: smoothed; nothing where another label leads
    keyword = _keyword(options["phrase"], spotter.keywords)
    label = spotter.metadata.labels.index(keyword)
    detector = spotter.metadata.detector
    window = max(1, round(detector.smoothing / spotter.column_seconds))
    last = np.zeros((window, len(spotter.metadata.labels)), np.float32)

    def scores(chunk: bytes) -> list[float]:
        found = []
        for posteriors in spotter.process_posteriors(np.frombuffer(chunk, np.int16)):
            last[:-1] = last[1:]
            last[-1] = posteriors
            smoothed = last.mean(axis=0)
            leads = not spotter.metadata.exclusive or smoothed.argmax() == label
            found.append(float(smoothed[label]) if leads else 0.0)
        return found

    threshold = detector.thresholds[keyword]
    return Engine(push, first, [path], "kws", keyword, scores, spotter.column_seconds, threshold)


def _keyword(phrase: str, keywords: tuple[str, ...]) -> str:
    """Return the model's keyword that a phrase is, whatever its case and punctuation."""

    def plain(text: str) -> list[str]:
        return text.lower().replace("_", " ").replace("-", " ").split()

    for keyword in keywords:
        if plain(keyword) == plain(phrase):
            return keyword
    sys.exit(f"the model has no keyword {phrase!r}: it has {', '.join(keywords)}")


if __name__ == "__main__":
    run(load)
